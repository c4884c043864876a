"""Prompt: the tools of a request, described in words for a bot without tools of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from app.conversation import Tool, ToolChoice
from app.tools import writing

_NOTATION = """# Tools

You can call the tools listed below. A call is written like this, with the tool's own name and parameters:

{example}

- Put each value between its tags just as it is, without quotes or escaping; lists, objects, numbers and
  booleans as JSON. Give every required parameter, and none that the tool does not have.
- {parallel}
- Whatever you want to say comes before <tool_call>. Stop right after </tool_call>: the results are then sent
  to you as <tool_result>. Never write a <tool_result> yourself, and do not invent results.
- {demand}

The tools, with their parameters as JSON Schema:"""

_SEVERAL = "For several calls at once, put several <invoke> into one <tool_call>."
_ONE = "Make one call at most: one <invoke>, then stop."
_AUTO = "Call a tool when it helps; else answer as usual, without <tool_call>."
_REQUIRED = "This time you must call a tool: an answer without a call is not accepted."
_NAMED = "This time you must call {name}: an answer without that call is not accepted."

_VALUES = {
    "string": "some text",
    "integer": "1",
    "number": "1.5",
    "boolean": "true",
    "array": "[]",
    "object": "{}",
    "null": "null",
}


def tell(tools: Sequence[Tool], choice: ToolChoice, *, parallel: bool) -> str:
    """The instructions for calling the tools."""
    shown = next((tool for tool in tools if _required(tool)), tools[0])
    example = writing.invoke(shown.name, _example(shown))
    notation = _NOTATION.format(
        example=f"<tool_call>\n{example}\n</tool_call>",
        parallel=_SEVERAL if parallel else _ONE,
        demand=demand(choice),
    )
    return "\n\n".join([notation, *map(_described, tools)])


def demand(choice: ToolChoice) -> str:
    """The demand on this answer."""
    if choice.name:
        return _NAMED.format(name=choice.name)
    return _REQUIRED if choice.mode == "required" else _AUTO


def _described(tool: Tool) -> str:
    lines = [f"## {tool.name}"]
    if tool.description and tool.description.strip():
        lines.append(tool.description.strip())
    if tool.parameters:
        lines.append(f"Parameters: {msgspec.json.encode(tool.parameters).decode()}")
    else:
        lines.append("Parameters: none")
    return "\n".join(lines)


def _example(tool: Tool) -> list[tuple[str, str]]:
    """Example values for the tool's required parameters, or else for its first two."""
    properties = _properties(tool)
    names: Iterable[str] = _required(tool) or list(properties)[:2]
    return [(name, _value(properties[name])) for name in names]


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties = (tool.parameters or {}).get("properties")
    return properties if isinstance(properties, dict) else {}


def _required(tool: Tool) -> list[str]:
    required = (tool.parameters or {}).get("required")
    properties = _properties(tool)
    names = required if isinstance(required, list) else ()
    return [name for name in names if isinstance(name, str) and name in properties]


def _value(schema: Any) -> str:
    """A value that the schema seems to allow, at a glance."""
    if not isinstance(schema, dict):
        return _VALUES["string"]
    allowed = schema.get("enum")
    if isinstance(allowed, list) and allowed:
        return _written(allowed[0])
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return _VALUES.get(kind, _VALUES["string"]) if isinstance(kind, str) else _VALUES["string"]


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
