"""Message tools: the tools and the tool choice of a request of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct

from app.conversation import Tool, ToolChoice
from app.dialects import bodies, offers
from app.dialects.offers import Offer


class _Tool(Struct):
    name: str
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    defer_loading: bodies.Flag | None = None


class MessageToolChoice(Struct):
    """Whether tools may or must be called: ``auto``, ``any``, ``none``, or the ``tool`` of this ``name``."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bodies.Flag | None = None


AnyTool: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="A tool of the client (without a type, or custom); Anthropic's own tools are ignored.",
        extra_json_schema={
            "if": {"properties": {"type": {"enum": ["custom", None]}}},
            "then": {
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 256},
                    "description": {"type": ["string", "null"]},
                    "input_schema": {"type": ["object", "null"]},
                    "defer_loading": {"type": ["boolean", "integer", "string", "null"]},
                },
                "required": ["name"],
            },
        },
    ),
]

_MODES = {"auto": "auto", "any": "required", "none": "none"}


def offer(tools: Sequence[AnyTool] | None, choice: MessageToolChoice | None, found: Collection[str]) -> Offer:
    """The offer. Raises ``ApiError`` (400).

    A tool marked to be loaded later is left out until it is among those ``found``, or chosen.
    """
    given = [
        (bodies.convert(tool, _Tool, f"tools[{index}]"), f"tools[{index}]")
        for index, tool in enumerate(tools or ())
        if tool.get("type") in (None, "custom")
    ]
    loaded = {*found, choice.name if choice else None}
    offered = offers.offered(
        [
            (Tool(tool.name, tool.description, tool.input_schema), path)
            for tool, path in given
            if not tool.defer_loading or tool.name in loaded
        ]
    )
    if choice is None:
        return Offer(offered)
    return Offer(offered, _choice(choice, offered), not choice.disable_parallel_tool_use)


def _choice(choice: MessageToolChoice, tools: Sequence[Tool]) -> ToolChoice:
    if choice.type == "tool":
        return offers.named(choice.name or "", tools, "tool_choice.name")
    if choice.type not in _MODES:
        raise offers.unknown_choice("tool_choice.type", "auto, any, tool or none")
    return offers.chosen(_MODES[choice.type], tools)
