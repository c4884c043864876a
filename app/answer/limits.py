"""Limits: stop strings and the bound on tokens, kept here because bots ignore them.

Holds: text that may be the start of a stop string; and, once the bound on tokens is so near that
the text at hand might cross it, the word that is not over yet. A call ends both waits. Calls
themselves are not limited: half a call is of no use.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TypeAlias

from app.answer.deltas import Reasoning, Restart, Text, ToolCallArguments, ToolCallStart
from app.answer.tokens import UNBROKEN_LIMIT, Tokenizer, last_boundary, slices

_Item: TypeAlias = Text | Reasoning | Restart | ToolCallStart | ToolCallArguments

_HALF_CHARACTER = 3  # tokens at most that may hold a part of a character whose rest is cut off


class StopStrings:
    """Ends the answer just before the first stop string in its text; reasoning is not searched.

    If several match, the one that begins first counts, whatever the cuts; ``found`` is that one.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(each for each in stop if each)
        self._held = ""
        self.finish_reason: str | None = None
        self.found: str | None = None

    def feed(self, batch: Sequence[_Item]) -> list[_Item]:
        passed: list[_Item] = []
        for item in batch:
            if self.finish_reason:
                break
            if type(item) is Text:
                self._read(item.text, passed)
                continue
            if type(item) is Restart:
                self._held = ""
            elif type(item) is ToolCallStart:
                passed += self.finish()
            if not self.finish_reason:
                passed.append(item)
        return passed

    def finish(self) -> list[_Item]:
        """The answer is over: nothing can complete a stop string any more."""
        held, self._held = self._held, ""
        end = self._find(held)
        if end is not None:
            self._end(held, end)
        text = held[:end]
        return [Text(text)] if text else []

    def _read(self, text: str, passed: list[_Item]) -> None:
        text = self._held + text
        end = self._find(text)
        open_from = self._open_from(text)
        if end is not None and end <= open_from:
            self._end(text, end)
            self._held = ""
            text = text[:end]
        else:
            self._held = text[open_from:]
            text = text[:open_from]
        if text:
            passed.append(Text(text))

    def _find(self, text: str) -> int | None:
        """Where the first stop string begins."""
        return min((index for stop in self._stop if (index := text.find(stop)) >= 0), default=None)

    def _end(self, text: str, end: int) -> None:
        self.finish_reason = "stop"
        self.found = next(stop for stop in self._stop if text.startswith(stop, end))

    def _open_from(self, text: str) -> int:
        """Where the earliest stop string begins that the end of ``text`` leaves open."""
        return min((_begun(stop, text) for stop in self._stop), default=len(text))


def _begun(stop: str, text: str) -> int:
    """Where the earliest beginning of ``stop`` stands that the end of ``text`` leaves open."""
    index = text.find(stop[0], max(0, len(text) - len(stop) + 1))
    while index >= 0 and not stop.startswith(text[index:]):
        index = text.find(stop[0], index + 1)
    return index if index >= 0 else len(text)


class MaxTokens:
    """Ends the answer, reasoning included, after ``limit`` tokens."""

    def __init__(self, limit: int, tokenizer: Tokenizer) -> None:
        self._limit = limit
        self._tokenizer = tokenizer
        self._begin()
        self.finish_reason: str | None = None

    def _begin(self) -> None:
        self._counted = 0  # tokens of what came before _open
        self._kind: type[Text | Reasoning] = Text
        self._open = ""  # text that is not counted yet, from the last boundary at which it was
        self._open_bytes = 0
        self._unbroken = 0  # how much of it is known to hold no boundary
        self._shown = 0  # how much of it went on

    def feed(self, batch: Sequence[_Item]) -> list[_Item]:
        passed: list[_Item] = []
        for item in batch:
            if self.finish_reason:
                break
            if isinstance(item, Restart):
                self._begin()
                passed.append(item)
                continue
            if not isinstance(item, self._kind):
                self._count(len(self._open), passed)
            if self.finish_reason:
                break
            if isinstance(item, (Text, Reasoning)):
                self._kind = type(item)
                self._read(item.text, passed)
            else:
                passed.append(item)
        return passed

    def finish(self) -> list[_Item]:
        """The answer is over, and with it the last word."""
        passed: list[_Item] = []
        if not self.finish_reason:
            self._count(len(self._open), passed)
        return passed

    def _read(self, text: str, passed: list[_Item]) -> None:
        self._open += text
        self._open_bytes += len(text.encode())
        while not self.finish_reason and (not self._fits() or len(self._open) >= UNBROKEN_LIMIT):
            forced = len(self._open) // UNBROKEN_LIMIT * UNBROKEN_LIMIT
            end = last_boundary(self._open, self._unbroken) or forced
            self._count(end, passed)
            if not end:
                break
        if not self.finish_reason and self._fits():
            self._show(len(self._open), passed)

    def _fits(self) -> bool:
        """Whether all open text surely fits the limit: a token has at least one byte."""
        return self._counted + self._open_bytes + _HALF_CHARACTER <= self._limit

    def _count(self, end: int, passed: list[_Item]) -> None:
        """Count the open text up to ``end``, and end the answer within it if it reaches the limit."""
        closed = self._open[:end]
        count = sum(self._tokenizer.count(piece) for piece in slices(closed))
        room = self._limit - self._counted
        if count > room or (count == room and end < len(self._open)):
            self.finish_reason = "length"
            self._open = self._cut(closed, room) if count > room else closed
            end = len(self._open)
        self._show(end, passed)
        self._counted += min(count, room)
        self._open = self._open[end:]
        self._open_bytes = len(self._open.encode())
        self._unbroken = len(self._open)
        self._shown = max(0, self._shown - end)

    def _cut(self, text: str, room: int) -> str:
        """The first ``room`` tokens of ``text``, without a character of which they have only a part."""
        encoded = (token for piece in slices(text) for token in self._tokenizer.encode(piece))
        tokens = list(islice(encoded, room))
        while True:
            try:
                return self._tokenizer.decode(tokens)
            except ValueError:
                tokens.pop()

    def _show(self, end: int, passed: list[_Item]) -> None:
        if end > self._shown:
            passed.append(self._kind(self._open[self._shown : end]))
            self._shown = end
