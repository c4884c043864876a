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


class RequiredCall:
    """Wants a call of a tool. Text is held until one comes; reasoning is not."""

    def __init__(self, choice: ToolChoice) -> None:
        self._choice = choice
        self._held: list[Delta] = []
        self._has_called = False

    def feed(self, batch: Sequence[Delta]) -> Sequence[Delta]:
        if self._has_called:
            return batch
        passed: list[Delta] = []
        for delta in batch:
            if isinstance(delta, Text) and not self._has_called:
                self._held.append(delta)
                continue
            if isinstance(delta, Restart):
                self._held.clear()
            elif isinstance(delta, ToolCallStart):
                self._has_called = True
                passed += self._held
            passed.append(delta)
        return passed

    def verdict(self) -> Sequence[Delta] | Refusal:
        if self._has_called:
            return []
        answer = "".join(delta.text for delta in self._held if isinstance(delta, Text))
        wanted = f"the tool {self._choice.name}" if self._choice.name else "one of the tools"
        return Refusal(
            answer,
            f"You have not called {wanted}. Call it now, just as you were told to, and say nothing else.",
            tool_call_missing(f"The bot was asked twice to call {wanted}, and did not."),
        )
