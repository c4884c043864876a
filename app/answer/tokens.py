"""Tokens: counting text that comes in pieces, exactly and independently of how it was cut.

A tokenizer of the tiktoken family splits text by a pattern before it merges bytes, so counts add
up over cuts that the pattern makes anyway. In o200k no match has white space or CJK punctuation
behind a letter, nor a space behind anything but white space: there text is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

SLICE = 4096  # characters: about half a millisecond's work
UNBROKEN_LIMIT = 2 * SLICE  # text without any such place is cut after so much; a token may count twice

_BOUNDARY = re.compile(r"(?<=\S)(?= )|(?<=[^\W_])(?=[，。！？；：、）])")


class Tokenizer(Protocol):
    """A tokenizer, as far as it is needed. Safe for texts of up to ``UNBROKEN_LIMIT`` characters."""

    def count(self, text: str) -> int: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


class TokenMeter:
    """Counts the texts given to ``add``. ``total`` ends the counting."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._closed = 0
        self._open: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        self._open.append(text)
        self._size += len(text)
        if self._size >= UNBROKEN_LIMIT:
            self._close("".join(self._open), is_last=False)

    def total(self) -> int:
        """The tokens of all text added so far."""
        self._close("".join(self._open), is_last=True)
        return self._closed

    def _close(self, text: str, *, is_last: bool) -> None:
        start = 0
        for end in _cuts(text):
            self._closed += self._tokenizer.count(text[start:end])
            start = end
        if is_last:
            self._closed += self._tokenizer.count(text[start:])
            start = len(text)
        self._open = [text[start:]]
        self._size = len(text) - start


def slices(text: str) -> Iterator[str]:
    """Cut ``text`` into pieces whose token counts add up."""
    start = 0
    for end in _cuts(text):
        yield text[start:end]
        start = end
    yield text[start:]


def last_boundary(text: str, start: int = 0, end: int | None = None) -> int:
    """The last place in ``text[start:end]`` at which cutting ``text`` does not change its count, or 0."""
    end = len(text) if end is None else end
    space = end
    while (space := text.rfind(" ", max(start, 1), space)) > 0:
        if not text[space - 1].isspace():
            break
    found = _BOUNDARY.finditer(text, max(space, start, 1), end)
    return max(0, space, *(each.start() for each in found))


def _cuts(text: str) -> Iterator[int]:
    """Ends of slices, each determined by the text before it alone. What follows the last is open.

    Where a text without boundaries is cut depends only on the last boundary before it, so the cuts are
    the same wherever counting began.
    """
    start = 0
    while len(text) - start >= UNBROKEN_LIMIT:
        found = _BOUNDARY.search(text, start + SLICE, start + UNBROKEN_LIMIT)
        if found:
            start = found.start()
        else:
            start = last_boundary(text, start + 1, start + SLICE) or start + UNBROKEN_LIMIT
        yield start
