"""Offers: the tools that an answer may call, in terms that all dialects share."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from msgspec import Struct

from app.conversation import Tool, ToolChoice
from app.errors import ApiError, invalid_request

# Names that can be written as an attribute and read back unchanged: see docs/tools.md.
_NAME = re.compile(r"(?!\s)[^\x00-\x1f\x7f-\x9f\u2028\u2029\"'<>]{1,256}(?<!\s)")
_NAME_RULE = "1 to 256 characters, none of them a quote, an angle bracket or a control character"


class Offer(Struct, frozen=True):
    """The tools that a request offers, and whether they may or must be called."""

    tools: Sequence[Tool] = ()
    choice: ToolChoice = ToolChoice()
    parallel: bool = True


def offered(tools: Sequence[tuple[Tool, str]]) -> list[Tool]:
    """The tools, each with its path. The same one twice is one; two of a name are an ``ApiError`` (400)."""
    found: dict[str, Tool] = {}
    for tool, path in tools:
        if not _NAME.fullmatch(tool.name):
            raise invalid_request(f"{path}.name: a name has {_NAME_RULE}.", f"{path}.name")
        if found.setdefault(tool.name, tool) != tool:
            raise invalid_request(f"{path}.name: another tool has this name.", f"{path}.name")
    return list(found.values())


def allowed(tools: Sequence[Tool], names: Collection[tuple[str, str]]) -> list[Tool]:
    """Those of ``tools`` that are named in ``names``, each with its path. Raises ``ApiError`` (400)."""
    for name, path in names:
        named(name, tools, path)
    chosen = {name for name, _ in names}
    return [tool for tool in tools if tool.name in chosen]


def named(name: str, tools: Sequence[Tool], path: str) -> ToolChoice:
    """The choice that requires the tool ``name``. Raises ``ApiError`` (400) if it is not offered."""
    if not any(tool.name == name for tool in tools):
        raise invalid_request(f"{path}: no tool of this name is offered.", path)
    return ToolChoice("required", name)


def chosen(mode: str, tools: Sequence[Tool]) -> ToolChoice:
    """The choice ``none``, ``auto`` or ``required``. Raises ``ApiError`` (400)."""
    match mode:
        case "none" | "auto":
            return ToolChoice("none" if mode == "none" else "auto")
        case "required" if tools:
            return ToolChoice("required")
        case "required":
            raise invalid_request("tool_choice: a call is required, but no tool is offered.", "tool_choice")
        case _:
            raise unknown_choice("tool_choice", "none, auto, required or an object")


def unknown_choice(path: str, expected: str) -> ApiError:
    """400: the choice at ``path`` is unknown."""
    return invalid_request(f"{path}: {expected} is expected.", path)
