"""Chat's tools: what a request says of tools and of calls, in OpenAI's two forms.

The form of today is ``tools``, ``tool_choice`` and ``tool_calls``; the deprecated one ``functions`` and
``function_call``, which is answered in kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.conversation import Tool, ToolCall, ToolChoice
from app.dialects import bodies
from app.errors import ApiError, invalid_request

# What can be written in an attribute, and read back the same: see docs/tools.md.
_NAME = re.compile(r"(?!\s)[^\x00-\x1f\x7f-\x9f\u2028\u2029\"'<>]{1,256}(?<!\s)")
_NAME_RULE = "1 to 256 characters, none of them a quote, an angle bracket or a control character"

# The request, as far as its types are checked.


class Function(Struct):
    """A function as it is offered."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class CalledFunction(Struct):
    """A function as it was called. Some clients give ``arguments`` as an object."""

    name: str
    arguments: str | dict[str, Any] | None = None


class _CustomTool(Struct):
    name: str
    input: str = ""


class Call(Struct):
    """One of an assistant's ``tool_calls``."""

    id: str | None = None
    function: CalledFunction | None = None
    custom: _CustomTool | None = None


class _FunctionTool(Struct):
    function: Function


class _Named(Struct):
    name: str


class _NamedFunction(Struct):
    function: _Named


class _AllowedTools(Struct):
    mode: Literal["auto", "required"]
    tools: list[_NamedFunction]


class _Allowance(Struct):
    allowed_tools: _AllowedTools


class Offer(Struct, frozen=True):
    """What tools a request offers. ``as_functions``: in the deprecated form."""

    tools: Sequence[Tool] = ()
    choice: ToolChoice = ToolChoice()
    parallel: bool = True
    as_functions: bool = False


def offer(
    tools: Sequence[dict[str, Any]] | None,
    choice: str | dict[str, Any] | None,
    *,
    parallel: bool | None,
) -> Offer:
    """What is offered in the form of today. Tools that are no functions are left out."""
    offered = _offered(
        [
            (bodies.convert(tool, _FunctionTool, f"tools[{index}]").function, f"tools[{index}].function")
            for index, tool in enumerate(tools or ())
            if _type(tool, index) == "function"
        ]
    )
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = bodies.convert(choice, _Allowance, "tool_choice").allowed_tools
        offered = _allowed(offered, allowed)
        choice = allowed.mode
    return Offer(offered, _choice(choice, offered), parallel is not False)


def _type(tool: dict[str, Any], index: int) -> str:
    type = tool.get("type")
    if type is not None and not isinstance(type, str):
        raise invalid_request(f"tools[{index}].type: a string is expected.", f"tools[{index}].type")
    return type or "function"


def offer_of_functions(functions: Sequence[Function], choice: str | dict[str, Any] | None) -> Offer:
    """What is offered in the deprecated form, in which an answer has one call at most."""
    offered = _offered([(function, f"functions[{index}]") for index, function in enumerate(functions)])
    if isinstance(choice, dict):
        name = bodies.convert(choice, _Named, "function_call").name
        chosen = _named(name, offered, "function_call.name")
    elif choice in ("none", "auto", None):
        chosen = ToolChoice("none" if choice == "none" else "auto")
    else:
        raise _unknown_choice("function_call", "none, auto or an object")
    return Offer(offered, chosen, parallel=False, as_functions=True)


def call(given: Call, path: str) -> ToolCall:
    """A call in the history. That of a custom tool has its input for arguments."""
    if given.custom is not None:
        return ToolCall(given.id or "", given.custom.name, given.custom.input)
    if given.function is None:
        raise invalid_request(f"{path}.function: this field is required.", f"{path}.function")
    return function_call(given.function, given.id or "")


def function_call(given: CalledFunction, id: str = "") -> ToolCall:
    """A call of the deprecated form, which has no id."""
    arguments = given.arguments
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments or {}).decode()
    return ToolCall(id, given.name, arguments)


def _offered(functions: Sequence[tuple[Function, str]]) -> list[Tool]:
    """The functions, each with its path, as tools. The same one twice is one; two of a name are refused."""
    offered: dict[str, Tool] = {}
    for function, path in functions:
        if not _NAME.fullmatch(function.name):
            raise invalid_request(f"{path}.name: a name has {_NAME_RULE}.", f"{path}.name")
        tool = Tool(function.name, function.description, function.parameters)
        if offered.setdefault(tool.name, tool) != tool:
            raise invalid_request(f"{path}.name: another tool has this name.", f"{path}.name")
    return list(offered.values())


def _allowed(offered: Sequence[Tool], allowed: _AllowedTools) -> list[Tool]:
    """Those of the tools that ``tool_choice`` allows."""
    names = {tool.function.name for tool in allowed.tools}
    for index, tool in enumerate(allowed.tools):
        _named(tool.function.name, offered, f"tool_choice.allowed_tools.tools[{index}].function.name")
    return [tool for tool in offered if tool.name in names]


def _choice(choice: str | dict[str, Any] | None, offered: Sequence[Tool]) -> ToolChoice:
    if isinstance(choice, dict):
        if choice.get("type", "function") != "function":
            raise _unknown_choice("tool_choice.type", "function or allowed_tools")
        name = bodies.convert(choice, _NamedFunction, "tool_choice").function.name
        return _named(name, offered, "tool_choice.function.name")
    match choice or "auto":
        case "none" | "auto" as mode:
            return ToolChoice("none" if mode == "none" else "auto")
        case "required" if offered:
            return ToolChoice("required")
        case "required":
            raise invalid_request("tool_choice: a call is required, but no tool is offered.", "tool_choice")
        case _:
            raise _unknown_choice("tool_choice", "none, auto, required or an object")


def _named(name: str, offered: Sequence[Tool], path: str) -> ToolChoice:
    if not any(tool.name == name for tool in offered):
        raise invalid_request(f"{path}: no tool of this name is offered.", path)
    return ToolChoice("required", name)


def _unknown_choice(path: str, expected: str) -> ApiError:
    return invalid_request(f"{path}: {expected} is expected.", path)
