"""Judges: whether an answer is what was asked for, before it leaves.

A judge sees one answer, batch by batch, and lets go at once what may leave in any case. When the
answer is over it says whether the rest may leave, or what the bot is to be told. ``app.rounds``
then asks once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from app.answer.deltas import Delta, Restart, Text, ToolCallStart
from app.conversation import ToolChoice
from app.errors import ApiError, tool_call_missing


class Refusal(Struct, frozen=True):
    """An answer that may not leave, and what it said.

    ``request`` is for the bot, to try again; ``error`` for the client, if that is in vain.
    """

    answer: str
    request: str
    error: ApiError


class Judge(Protocol):
    """Of one answer, without its ``Finish``."""

    def feed(self, batch: Sequence[Delta]) -> Sequence[Delta]:
        """Take a batch; what of the answer may leave already."""
        ...

    def verdict(self) -> Sequence[Delta] | Refusal:
        """The answer is over: what was held back, or why it may not leave."""
        ...


class _UntilCalled:
    """Holds text until a call comes, with which all may leave. Reasoning is not held."""

    def __init__(self) -> None:
        self._held: list[Text] = []
        self._has_called = False

    def feed(self, batch: Sequence[Delta]) -> Sequence[Delta]:
        passed: list[Delta] = []
        for delta in batch:
            if isinstance(delta, Text) and not self._has_called:
                self._held.append(delta)
                continue
            if isinstance(delta, Restart):
                self._held.clear()
            elif isinstance(delta, ToolCallStart) and not self._has_called:
                self._has_called = True
                passed += self._held
            passed.append(delta)
        return passed

    @property
    def _text(self) -> str:
        return "".join(delta.text for delta in self._held)


class RequiredCall(_UntilCalled):
    """Wants a call of a tool."""

    def __init__(self, choice: ToolChoice) -> None:
        super().__init__()
        self._wanted = f"the tool {choice.name}" if choice.name else "one of the tools"

    def verdict(self) -> Sequence[Delta] | Refusal:
        if self._has_called:
            return []
        return Refusal(
            self._text,
            f"You have not called {self._wanted}. Call it now, as you were told to, and say nothing else.",
            tool_call_missing(f"The bot was asked twice to call {self._wanted}, and did not."),
        )
