"""Judges: whether an answer is what was asked for, before it leaves.

A judge sees one answer, batch by batch, and lets go at once what may leave in any case. When the
answer is over it says whether the rest may leave, or what the bot is to be told. ``app.rounds``
then asks once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from app.answer.deltas import Delta, Restart, Text, ToolCallStart
from app.conversation import ResponseFormat, ToolChoice
from app.errors import ApiError, invalid_request, structured_output_failed, tool_call_missing
from app.structured import extraction, prompt, validation

_JSON_LIMIT = 2_000_000  # characters of an answer that is searched for JSON


class Refusal(Struct, frozen=True):
    """An answer that is not passed on, and what it said.

    ``request`` asks the bot to try again, if that makes sense; ``error`` is for the client, if it is in
    vain.
    """

    answer: str
    request: str | None
    error: ApiError


class Judge(Protocol):
    """Judges one answer, without its ``Finish``."""

    def feed(self, batch: Sequence[Delta]) -> Sequence[Delta]:
        """Take a batch; return what may be passed on already."""
        ...

    def verdict(self, finish_reason: str, give_turn: Callable[[], None]) -> Sequence[Delta] | Refusal:
        """The answer is over: return what was held back, or why it is not passed on.

        ``give_turn`` is called between pieces of work. It raises ``TimeoutError`` when that takes too long.
        """
        ...


class _UntilCalled:
    """Holds text until a call comes, with which everything is passed on. Reasoning is not held."""

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
    """Requires a tool call. If the tool is named, only the call is passed on: it is an answer in a form."""

    def __init__(self, choice: ToolChoice) -> None:
        super().__init__()
        self._is_named = bool(choice.name)
        self._wanted = f"the tool {choice.name}" if choice.name else "one of the tools"

    def feed(self, batch: Sequence[Delta]) -> Sequence[Delta]:
        passed = super().feed(batch)
        return [each for each in passed if not isinstance(each, Text)] if self._is_named else passed

    def verdict(
        self,
        finish_reason: str,  # noqa: ARG002 - a call that was not made is none
        give_turn: Callable[[], None],  # noqa: ARG002 - there is little to do
    ) -> Sequence[Delta] | Refusal:
        if self._has_called:
            return []
        return Refusal(
            self._text,
            f"You have not called {self._wanted}. Call it now, as you were told to, and say nothing else.",
            tool_call_missing(f"The bot was asked twice to call {self._wanted}, and did not."),
        )


class _SchemaTooSlow(Exception):
    pass


class FittingJson(_UntilCalled):
    """Requires JSON of a certain form, or a call. Only the JSON is passed on, as it was written.

    A truncated answer (``length``) is passed on as it is: it can only be half of what was asked for.
    """

    def __init__(self, wanted: ResponseFormat) -> None:
        super().__init__()
        self._wanted = wanted

    def verdict(self, finish_reason: str, give_turn: Callable[[], None]) -> Sequence[Delta] | Refusal:
        if self._has_called:
            return []
        if finish_reason == "length":
            return self._held
        try:
            found = self._found(give_turn)
        except _SchemaTooSlow:
            return Refusal(self._text, None, self._too_slow())
        except TimeoutError:
            late = structured_output_failed("Finding the JSON in the bot's answer takes too long.")
            return Refusal(self._text, None, late)
        if isinstance(found, extraction.Value):
            return [Text(found.text)]
        error = structured_output_failed(f"The bot gave no JSON that fits in two attempts. {found}")
        return Refusal(self._text, prompt.ask_again(self._wanted, found), error)

    def _found(self, give_turn: Callable[[], None]) -> extraction.Value | str:
        """The first value that fits; else what is wrong with the longest one, or that there is none."""
        text = self._text
        if len(text) > _JSON_LIMIT:
            return f"It is longer than {_JSON_LIMIT} characters."
        longest, reason = 0, "There is no JSON in it that is whole."
        for value in extraction.values(text, give_turn):
            misfit = self._misfit(value, give_turn)
            if misfit is None:
                return value
            if len(value.text) > longest:
                longest, reason = len(value.text), f"It does not fit: {misfit}."
        return reason

    def _misfit(self, value: extraction.Value, give_turn: Callable[[], None]) -> str | None:
        if self._wanted.schema is None:
            return None if isinstance(value.content, dict) else '$: it must be of type "object"'
        try:
            return validation.misfit(self._wanted.schema, value.content, give_turn)
        except TimeoutError:
            raise _SchemaTooSlow from None

    def _too_slow(self) -> ApiError:
        message = "Checking the bot's answer against the schema takes too long: simplify the schema."
        return invalid_request(message, self._wanted.param)
