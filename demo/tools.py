"""Tools: what a bot of the demo calls, and with what, since it has no mind to make it up."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from demo import values

_TOLD = re.compile(r"^## (.+)\n(?:.*\n)*?Parameters: (.+)$", re.MULTILINE)
_RESULT = re.compile(r"<tool_result[^>]*>\n(.*?)\n</tool_result>", re.DOTALL)


class Tool(NamedTuple):
    """A tool as the bot knows it; ``schema`` is that of its parameters."""

    name: str
    schema: Mapping[str, Any]


def told(system: str) -> list[Tool]:
    """The tools described in a system message."""
    _, _, told_of = system.rpartition("# Tools\n")  # before it stands what a client says
    found = _TOLD.findall(told_of)
    return [Tool(name, {} if schema == "none" else json.loads(schema)) for name, schema in found]


def results(message: str) -> list[str]:
    """The results in a message."""
    return _RESULT.findall(message)


def chosen(tools: Sequence[Tool], said: Sequence[str]) -> Tool:
    """The first tool that the bot has not called in what it ``said`` so far, else the last."""
    return next((tool for tool in tools if not any(tool.name in each for each in said)), tools[-1])


def arguments(tool: Tool, question: str) -> dict[str, Any]:
    """The tool's required parameters (or all, if none is required), taken from the question."""
    found = values.fitting(tool.schema, question)
    return found if isinstance(found, dict) else {}


def notation(tool: Tool, given: Mapping[str, Any]) -> str:
    """A call in the gateway's notation: strings raw, everything else as JSON."""
    lines = [
        f'<parameter name="{name}">{value if isinstance(value, str) else json.dumps(value)}</parameter>\n'
        for name, value in given.items()
    ]
    return f'<tool_call>\n<invoke name="{tool.name}">\n{"".join(lines)}</invoke>\n</tool_call>'
