"""Message tools: what a request of Anthropic's Messages API says of the tools that may be called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

from app.conversation import Tool, ToolChoice
from app.dialects import bodies, offers
from app.dialects.offers import Offer


class _Tool(Struct):
    name: str
    description: str | None = None
    input_schema: dict[str, Any] | None = None


class MessageToolChoice(Struct):
    """Whether tools may or must be called: ``auto``, ``any``, ``none``, or the ``tool`` of this ``name``."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


AnyTool: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="A tool of the client's (without a type, or custom); tools of Anthropic's are left out.",
        extra_json_schema={"properties": {"type": {"type": ["string", "null"]}, "name": {"type": "string"}}},
    ),
]

_MODES = {"auto": "auto", "any": "required", "none": "none"}


def offer(tools: Sequence[AnyTool] | None, choice: MessageToolChoice | None) -> Offer:
    """What is offered. Raises ``ApiError`` (400)."""
    offered = offers.offered(
        [
            (_tool(tool, f"tools[{index}]"), f"tools[{index}]")
            for index, tool in enumerate(tools or ())
            if tool.get("type") in (None, "custom")
        ]
    )
    if choice is None:
        return Offer(offered)
    return Offer(offered, _choice(choice, offered), not choice.disable_parallel_tool_use)


def _tool(tool: AnyTool, path: str) -> Tool:
    given = bodies.convert(tool, _Tool, path)
    return Tool(given.name, given.description, given.input_schema)


def _choice(choice: MessageToolChoice, tools: Sequence[Tool]) -> ToolChoice:
    if choice.type == "tool":
        return offers.named(choice.name or "", tools, "tool_choice.name")
    if choice.type not in _MODES:
        raise offers.unknown_choice("tool_choice.type", "auto, any, tool or none")
    return offers.chosen(_MODES[choice.type], tools)
