"""Responses' tools: functions, and custom tools, which become functions with one string argument.

Tools of a namespace are offered under both names, joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from app.conversation import Tool
from app.dialects import bodies, offers
from app.dialects.offers import Offer

CUSTOM_INPUT = "input"
_SEPARATOR = "__"

# The request, as far as its types are checked.


class FlatFunction(Struct, tag_field="type", tag="function"):
    """A function as it is offered."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bodies.Flag | None = None


class _FreeText(Struct, tag_field="type", tag="text"):
    pass


class _Grammar(Struct, tag_field="type", tag="grammar"):
    syntax: str
    definition: str


class CustomTool(Struct, tag_field="type", tag="custom"):
    """A tool whose input is text, which a grammar may restrict."""

    name: str
    description: str | None = None
    format: _FreeText | _Grammar | None = None


class _BuiltIn(Struct, tag_field="type", tag="web_search"):
    """A tool that OpenAI runs itself, or an unknown one."""


_Callable: TypeAlias = FlatFunction | CustomTool
_Member = Annotated[FlatFunction | CustomTool | _BuiltIn, bodies.ANY_TYPE]


class Namespace(Struct, tag_field="type", tag="namespace"):
    """Tools that belong together."""

    name: str
    tools: Sequence[_Member]
    description: str | None = ""


AnyTool = FlatFunction | CustomTool | Namespace | _BuiltIn
Tools = Annotated[
    list[Annotated[AnyTool, bodies.ANY_TYPE]],
    Meta(description="Functions and custom tools, also in namespaces; tools of other types are ignored."),
]
_CALLABLE = ("function", "custom")
_TYPES = (*_CALLABLE, "namespace")


class CallForm(Struct, frozen=True):
    """How a call is written in the answer: in the form in which its tool was offered."""

    name: str
    namespace: str | None = None
    is_custom: bool = False


class _NamedTool(Struct):
    name: str


class _AllowedTool(Struct):
    name: str | None = None
    type: str = "function"


class _AllowedTools(Struct):
    mode: Literal["auto", "required"]
    tools: list[_AllowedTool]


def known(tools: Any) -> Any:
    """The decoded tools, each with a type that is known here."""
    tools = bodies.with_known_types(tools, _TYPES, lambda _: "function", "web_search")
    return [_with_known_members(tool) for tool in tools] if isinstance(tools, list) else tools


def _with_known_members(tool: Any) -> Any:
    if not (isinstance(tool, dict) and tool.get("type") == "namespace" and "tools" in tool):
        return tool
    members = bodies.with_known_types(tool["tools"], _CALLABLE, lambda _: "function", "web_search")
    return {**tool, "tools": members}


def usable(tools: Sequence[AnyTool] | None) -> list[AnyTool]:
    """The tools that are not left out."""
    return [_usable(tool) for tool in tools or () if not isinstance(tool, _BuiltIn)]


def _usable(tool: AnyTool) -> AnyTool:
    if not isinstance(tool, Namespace):
        return tool
    members = [each for each in tool.tools if not isinstance(each, _BuiltIn)]
    return Namespace(tool.name, members, tool.description or "")


def full_name(name: str, namespace: str | None) -> str:
    """The name under which a tool is offered to the bot."""
    if not namespace:
        return name
    return f"{namespace}{'' if namespace.endswith(_SEPARATOR) else _SEPARATOR}{name}"


def forms(tools: Sequence[AnyTool] | None) -> Mapping[str, CallForm]:
    """The forms of all calls not written as plain functions, by their tools' full names."""
    found = ((tool, namespace) for tool, namespace, _ in _callable(tools))
    return {
        full_name(tool.name, namespace): CallForm(tool.name, namespace, isinstance(tool, CustomTool))
        for tool, namespace in found
        if namespace or isinstance(tool, CustomTool)
    }


def _callable(tools: Sequence[AnyTool] | None) -> Iterator[tuple[_Callable, str | None, str]]:
    """Each tool that can be called, with its namespace and path."""
    for index, tool in enumerate(tools or ()):
        path = f"tools[{index}]"
        if isinstance(tool, Namespace):
            for number, member in enumerate(tool.tools):
                if not isinstance(member, _BuiltIn):
                    yield member, tool.name, f"{path}.tools[{number}]"
        elif not isinstance(tool, _BuiltIn):
            yield tool, None, path


def offer(
    tools: Sequence[AnyTool] | None, choice: str | dict[str, Any] | None, *, parallel: bool | None
) -> Offer:
    """The offer. Raises ``ApiError`` (400) for impossible names and choices."""
    offered = offers.offered([(_tool(tool, space), path) for tool, space, path in _callable(tools)])
    if not isinstance(choice, dict):
        return Offer(offered, offers.chosen(choice or "auto", offered), parallel is not False)
    match choice.get("type"):
        case "allowed_tools":
            allowance = bodies.convert(choice, _AllowedTools, "tool_choice")
            offered = offers.allowed(offered, _named(allowance.tools))
            chosen = offers.chosen(allowance.mode, offered)
        case "function" | "custom":
            name = bodies.convert(choice, _NamedTool, "tool_choice").name
            chosen = offers.named(name, offered, "tool_choice.name")
        case _:
            raise offers.unknown_choice("tool_choice.type", "function, custom or allowed_tools")
    return Offer(offered, chosen, parallel is not False)


def _named(tools: Sequence[_AllowedTool]) -> list[tuple[str, str]]:
    """The names of those that can be called here, each with its path."""
    return [
        (tool.name or "", f"tool_choice.tools[{index}].name")
        for index, tool in enumerate(tools)
        if tool.type in _CALLABLE
    ]


def _tool(tool: _Callable, namespace: str | None) -> Tool:
    name = full_name(tool.name, namespace)
    if isinstance(tool, FlatFunction):
        return Tool(name, tool.description, tool.parameters)
    text: dict[str, Any] = {"type": "string"}
    if isinstance(tool.format, _Grammar):
        text["description"] = f"Text of this {tool.format.syntax} grammar:\n{tool.format.definition}"
    schema = {"type": "object", "properties": {CUSTOM_INPUT: text}, "required": [CUSTOM_INPUT]}
    return Tool(name, tool.description, schema)
