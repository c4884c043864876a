"""Tools: what a bot of the demo calls, and with what, since it has no mind to make it up."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_TOLD = re.compile(r"^## (.+)\n(?:.*\n)*?Parameters: (.+)$", re.MULTILINE)
_RESULT = re.compile(r"<tool_result[^>]*>\n(.*?)\n</tool_result>", re.DOTALL)
_NAME = re.compile(r"(?<=[\w,] )[A-Z]\w+")  # a word with a capital, but not the first of a sentence
_NUMBER = re.compile(r"\d+")
_PLACES = ("city", "location", "name", "place")
_DEPTH = 8


class Tool(NamedTuple):
    """A tool as the bot knows it; ``schema`` is that of its parameters."""

    name: str
    schema: Mapping[str, Any]


def told(system: str) -> list[Tool]:
    """The tools of which a system message tells in words."""
    _, _, told_of = system.rpartition("# Tools\n")  # before it stands what a client says
    found = _TOLD.findall(told_of)
    return [Tool(name, {} if schema == "none" else json.loads(schema)) for name, schema in found]


def results(message: str) -> list[str]:
    """The results that a message brings."""
    return _RESULT.findall(message)


def chosen(tools: Sequence[Tool], said: Sequence[str]) -> Tool:
    """The first of the tools that the bot has not called in what it ``said`` so far, else the last."""
    return next((tool for tool in tools if not any(tool.name in each for each in said)), tools[-1])


def arguments(tool: Tool, question: str) -> dict[str, Any]:
    """What the tool requires (all that it has, if it requires nothing), taken from the question."""
    value = _Value(tool.schema, question).of(tool.schema, "")
    return value if isinstance(value, dict) else {}


def notation(tool: Tool, values: Mapping[str, Any]) -> str:
    """A call as the gateway asks for it: strings raw, all else as JSON."""
    lines = [
        f'<parameter name="{name}">{value if isinstance(value, str) else json.dumps(value)}</parameter>\n'
        for name, value in values.items()
    ]
    return f'<tool_call>\n<invoke name="{tool.name}">\n{"".join(lines)}</invoke>\n</tool_call>'


class _Value:
    """Values that fit the schemas of one tool, out of a question."""

    def __init__(self, root: Mapping[str, Any], question: str) -> None:
        self._root = root
        self._question = question

    def of(self, schema: Any, name: str, depth: int = 0) -> Any:
        """Something that fits; ``name`` is what it stands for."""
        schema = self._plain(schema)
        if allowed := schema.get("enum"):
            return next((each for each in allowed if str(each) in self._question), allowed[0])
        match schema.get("type"):
            case "integer" | "number":
                return int((_NUMBER.findall(self._question) or ["1"])[0])
            case "boolean":
                return True
            case "null":
                return None
            case "array":
                return [self.of(schema.get("items"), name, depth + 1)] if depth < _DEPTH else []
            case "object":
                return self._object(schema, depth) if depth < _DEPTH else {}
            case _:
                return self._string(name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        names = schema.get("required") or list(properties)
        return {name: self.of(properties.get(name), name, depth + 1) for name in names}

    def _string(self, name: str) -> str:
        if any(each in name.lower() for each in _PLACES):
            found = _NAME.search(self._question)
            return found[0] if found else "Paris"
        return self._question

    def _plain(self, schema: Any) -> Mapping[str, Any]:
        """The schema, or that which it refers to, or the first of those of which one must fit."""
        for _ in range(_DEPTH):
            if not isinstance(schema, dict):
                break
            if "$ref" in schema:
                schema = self._referred(schema["$ref"])
                continue
            branches = schema.get("anyOf") or schema.get("oneOf")
            if not branches:
                return schema
            schema = branches[0]
        return {}

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for key in reference.removeprefix("#/").split("/"):
            found = found.get(key, {}) if isinstance(found, dict) else {}
        return found
