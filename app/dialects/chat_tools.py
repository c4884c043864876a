"""Chat's tools: what a request says of tools and of calls, in OpenAI's two forms.

The form of today is ``tools``, ``tool_choice`` and ``tool_calls``; the deprecated one ``functions`` and
``function_call``, which is answered in kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.conversation import Tool, ToolCall, ToolChoice
from app.dialects import bodies, offers
from app.dialects.offers import Offer
from app.errors import invalid_request

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


class _CalledCustomTool(Struct):
    name: str
    input: str = ""


class Call(Struct):
    """One of an assistant's ``tool_calls``."""

    id: str | None = None
    function: CalledFunction | None = None
    custom: _CalledCustomTool | None = None


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


def offer(
    tools: Sequence[dict[str, Any]] | None,
    choice: str | dict[str, Any] | None,
    *,
    parallel: bool | None,
) -> Offer:
    """The offer in the present form. Tools that are not functions are left out."""
    offered = offers.offered(
        [
            (
                _tool(bodies.convert(tool, _FunctionTool, f"tools[{index}]").function),
                f"tools[{index}].function",
            )
            for index, tool in enumerate(tools or ())
            if _type(tool, index) == "function"
        ]
    )
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowance = bodies.convert(choice, _Allowance, "tool_choice").allowed_tools
        offered = offers.allowed(
            offered,
            [
                (tool.function.name, f"tool_choice.allowed_tools.tools[{index}].function.name")
                for index, tool in enumerate(allowance.tools)
            ],
        )
        choice = allowance.mode
    return Offer(offered, _choice(choice, offered), parallel is not False)


def _tool(function: Function) -> Tool:
    return Tool(function.name, function.description, function.parameters)


def _choice(choice: str | dict[str, Any] | None, tools: Sequence[Tool]) -> ToolChoice:
    if not isinstance(choice, dict):
        return offers.chosen(choice or "auto", tools)
    if choice.get("type", "function") != "function":
        raise offers.unknown_choice("tool_choice.type", "function or allowed_tools")
    name = bodies.convert(choice, _NamedFunction, "tool_choice").function.name
    return offers.named(name, tools, "tool_choice.function.name")


def _type(tool: dict[str, Any], index: int) -> str:
    type = tool.get("type")
    if type is not None and not isinstance(type, str):
        raise invalid_request(f"tools[{index}].type: a string is expected.", f"tools[{index}].type")
    return type or "function"


def offer_of_functions(functions: Sequence[Function], choice: str | dict[str, Any] | None) -> Offer:
    """The offer in the deprecated form, in which an answer has at most one call."""
    offered = offers.offered(
        [(_tool(function), f"functions[{index}]") for index, function in enumerate(functions)]
    )
    if isinstance(choice, dict):
        name = bodies.convert(choice, _Named, "function_call").name
        chosen = offers.named(name, offered, "function_call.name")
    elif choice in ("none", "auto", None):
        chosen = offers.chosen(choice or "auto", offered)
    else:
        raise offers.unknown_choice("function_call", "none, auto or an object")
    return Offer(offered, chosen, parallel=False)


def call(given: Call, path: str) -> ToolCall:
    """A call in the history. Input of a custom tool becomes its arguments."""
    if given.custom is not None:
        return ToolCall(given.id or "", given.custom.name, given.custom.input)
    if given.function is None:
        raise invalid_request(f"{path}.function: this field is required.", f"{path}.function")
    return function_call(given.function, given.id or "")


def function_call(given: CalledFunction, id: str = "") -> ToolCall:
    """A call in the deprecated form, which has no id."""
    arguments = given.arguments
    if not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments or {}).decode()
    return ToolCall(id, given.name, arguments)
