"""Counters: attachments that the workers have uploaded or found in the cache since the start."""

from __future__ import annotations

import mmap

_ROWS = 256
_WORD = 8  # bytes


class _Counter:
    """A number in a process's row, as an attribute."""

    def __init__(self, column: int) -> None:
        self._column = column

    def __get__(self, counters: Counters, _: object = None) -> int:
        return counters.words[counters.row + self._column]

    def __set__(self, counters: Counters, value: int) -> None:
        counters.words[counters.row + self._column] = value


class Counters:
    """Uploads made, and their ``bytes``; hits and misses of the cache, and its evictions.

    ``bytes`` counts what was sent from here: Poe itself fetches an external URL. Each process has a row of
    its own in memory that all processes share which are forked from the one that created this.
    """

    NAMES = ("uploads", "failures", "bytes", "hits", "misses", "evictions")

    uploads = _Counter(0)
    failures = _Counter(1)
    bytes = _Counter(2)
    hits = _Counter(3)
    misses = _Counter(4)
    evictions = _Counter(5)

    def __init__(self) -> None:
        self.words = memoryview(mmap.mmap(-1, _ROWS * len(self.NAMES) * _WORD)).cast("Q")
        self.row = 0

    def take_row(self, number: int) -> None:
        """Count in a row of its own: ``number`` belongs to this process alone."""
        self.row = number % _ROWS * len(self.NAMES)

    def totals(self) -> dict[str, int]:
        """The sums over all processes, including those that have ended."""
        columns = len(self.NAMES)
        return {name: sum(self.words[column::columns]) for column, name in enumerate(self.NAMES)}
