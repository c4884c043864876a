"""Values: what fits a JSON Schema, since a bot of the demo has no mind to make it up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"(?<=[\w,] )[A-Z]\w+")  # a capitalised word that does not begin a sentence
_NUMBER = re.compile(r"\d+")
_PLACES = ("city", "location", "name", "place")
_DEPTH = 8


def fitting(schema: Any, question: str) -> Any:
    """A value that fits ``schema``, made from ``question``, well enough for a demo.

    An object has its required properties, or all of them if none is required.
    """
    return _Values(schema, question).of(schema, "")


class _Values:
    """Values that fit the parts of one schema, ``root``."""

    def __init__(self, root: Any, question: str) -> None:
        self._root = root
        self._question = question

    def of(self, schema: Any, name: str, depth: int = 0) -> Any:
        """A value that fits; ``name`` is that of its property."""
        schema = self._plain(schema)
        if "const" in schema:
            return schema["const"]
        if allowed := schema.get("enum"):
            return next((each for each in allowed if str(each) in self._question), allowed[0])
        match _kind(schema):
            case "integer" | "number":
                return max(schema.get("minimum", 1), int((_NUMBER.findall(self._question) or ["1"])[0]))
            case "boolean":
                return True
            case "null":
                return None
            case "array":
                return self._array(schema, name, depth) if depth < _DEPTH else []
            case "object":
                return self._object(schema, depth) if depth < _DEPTH else {}
            case _:
                return self._string(name).ljust(schema.get("minLength", 0), ".")

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        return [self.of(schema.get("items"), name, depth + 1)] * max(1, schema.get("minItems", 1))

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
        """The schema, or the one that it refers to, or the first of those it combines."""
        for _ in range(_DEPTH):
            if not isinstance(schema, dict):
                break
            if "$ref" in schema:
                schema = self._referred(schema["$ref"])
                continue
            branches = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if not branches:
                return schema
            schema = branches[0]
        return {}

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for key in reference.removeprefix("#/").split("/"):
            found = found.get(key, {}) if isinstance(found, dict) else {}
        return found


def _kind(schema: Mapping[str, Any]) -> Any:
    """The type, or the first of several; a schema with properties is an object's."""
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    return kind[0] if isinstance(kind, list) else kind
