"""Deltas: the pieces of a completion, independent of the dialect that renders them.

The pipeline turns Poe's events into these; a closed set, matched with ``match``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from msgspec import Struct

from app.errors import ApiError


class Text(Struct, frozen=True, gc=False):
    """More of the answer's text."""

    text: str


class Reasoning(Struct, frozen=True, gc=False):
    """More of the bot's reasoning before its answer."""

    text: str


class Restart(Struct, frozen=True, gc=False):
    """All text and reasoning before this is void: the answer begins anew. Calls stay.

    A whole answer drops what it has; a stream, which cannot take anything back, begins a new
    paragraph. Either way it contains the final answer's text unbroken.
    """


class ToolCallStart(Struct, frozen=True, gc=False):
    """A tool call begins. ``index`` counts the answer's calls from 0; ``id`` is unique."""

    index: int
    id: str
    name: str


class ToolCallArguments(Struct, frozen=True, gc=False):
    """More of a call's arguments; joined, they are a JSON object."""

    index: int
    arguments: str


class Usage(Struct, frozen=True, gc=False):
    """Tokens of o200k: those of the prompt, those of the completion, and how many of these were reasoning."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class Finish(Struct, frozen=True, gc=False):
    """The end of a successful answer. ``reason`` is OpenAI's finish_reason, ``stop`` the stop string."""

    reason: str
    usage: Usage
    stop: str | None = None


class Failure(Struct, frozen=True):
    """The end of a failed answer: an item of the stream, so that it cannot get lost on the way."""

    error: ApiError


Delta: TypeAlias = Text | Reasoning | Restart | ToolCallStart | ToolCallArguments | Finish | Failure


_text_of = attrgetter("text")


def only_texts(batch: Sequence[object]) -> list[str] | None:
    """The items of a batch of nothing but text, as nearly all are; ``None`` for any other batch."""
    return list(map(_text_of, batch)) if set(map(type, batch)) == {Text} else None


def joined(batch: Sequence[Delta]) -> Sequence[Delta]:
    """The same batch with adjacent texts joined: each string takes fifty bytes besides its letters."""
    whole: list[Delta] = []
    for kind, deltas in groupby(batch, type):
        if kind is Text:
            whole.append(Text("".join([delta.text for delta in deltas if isinstance(delta, Text)])))
        else:
            whole += deltas
    return whole
