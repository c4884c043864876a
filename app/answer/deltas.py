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
    """More of the answer."""

    text: str


class Reasoning(Struct, frozen=True, gc=False):
    """More of what the bot thought before it answered."""

    text: str


class Restart(Struct, frozen=True, gc=False):
    """All text and reasoning before this is void: the answer begins anew. Calls stay.

    A whole answer forgets what it has; a stream, which cannot take anything back, begins a new
    paragraph. Either way the final answer's text stands in it unbroken.
    """


class ToolCallStart(Struct, frozen=True, gc=False):
    """A call of a tool begins. ``index`` counts an answer's calls from 0; ``id`` is unique."""

    index: int
    id: str
    name: str


class ToolCallArguments(Struct, frozen=True, gc=False):
    """More of a call's arguments; all of them joined are a JSON object."""

    index: int
    arguments: str


class Usage(Struct, frozen=True, gc=False):
    """Tokens of o200k: what the bot saw, what it said, and how much of that was reasoning."""

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
    """The end of a good answer. ``reason`` is OpenAI's finish_reason; ``stop`` the stop string, if any."""

    reason: str
    usage: Usage
    stop: str | None = None


class Failure(Struct, frozen=True):
    """The end of a failed one: an item of the stream, so that it cannot get lost on the way."""

    error: ApiError


Delta: TypeAlias = Text | Reasoning | Restart | ToolCallStart | ToolCallArguments | Finish | Failure


_text_of = attrgetter("text")


def only_texts(batch: Sequence[object]) -> list[str] | None:
    """The texts of a batch that has nothing else, as nearly all do; ``None`` for any other."""
    return list(map(_text_of, batch)) if set(map(type, batch)) == {Text} else None


def joined(batch: Sequence[Delta]) -> Sequence[Delta]:
    """The same with adjoining texts in one: a string takes fifty bytes beside its letters."""
    whole: list[Delta] = []
    for kind, deltas in groupby(batch, type):
        if kind is Text:
            whole.append(Text("".join([delta.text for delta in deltas if isinstance(delta, Text)])))
        else:
            whole += deltas
    return whole
