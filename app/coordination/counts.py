"""Counts: at most so many of a kind in a window of time, over all workers.

Moments are remembered, so the bound holds for any window, not only for those that begin at a full minute.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from array import array
from pathlib import Path
from typing import Protocol

from app.coordination.locks import locked
from app.logs import DiskWarning

_NANOSECONDS = 1_000_000_000
_SHELVES = 256
_KEYS = 64  # on a shelf
_WORD = 8  # bytes


class Counts(Protocol):
    """Where workers count together: at most ``limit`` of each key in any ``window`` seconds."""

    def count(self, key: str) -> float:
        """Count one more of ``key`` and return 0, or return the seconds until there is room for it."""
        ...

    def look(self, key: str) -> float:
        """The seconds until there is room for one more of ``key``; nothing is counted."""
        ...


class FileCounts:
    """Counts for the processes of one machine, which share a file.

    The file is a table of a fixed size, so that nobody can fill the disk with keys: shelves with room for
    a number of keys each. A full shelf forgets no key for another: ``count`` finds no room for a key that
    is not on it, although ``look`` still does.

    If the disk fails, each process counts for itself.
    """

    def __init__(self, path: Path, limit: int, window: float) -> None:
        self._path = path
        self._limit = limit
        self._window = round(window * _NANOSECONDS)
        self._size = _KEYS * (1 + limit) * _WORD  # bytes of a shelf
        self._own: dict[int, bytes] = {}  # shelves, as they would be in the file
        self._warning = DiskWarning("workers cannot count together", path)

    def count(self, key: str) -> float:
        number = _number(key)
        own = self._shelf(self._own.get(number % _SHELVES, b""))
        wait = own.wait(number)
        if not wait:
            try:
                wait = self._count_on_disk(number)
            except OSError as error:
                self._warning.give(error)
                wait = own.add(number)
                self._own[number % _SHELVES] = own.encode()
        return wait / _NANOSECONDS

    def look(self, key: str) -> float:
        number = _number(key)
        wait = self._shelf(self._own.get(number % _SHELVES, b"")).wait(number)
        try:
            with locked(self._path) as descriptor:
                wait = max(wait, self._read(descriptor, number).wait(number))
        except OSError as error:
            self._warning.give(error)
        return wait / _NANOSECONDS

    def _count_on_disk(self, number: int) -> int:
        with locked(self._path) as descriptor:
            shelf = self._read(descriptor, number)
            wait = shelf.add(number)
            if not wait:
                content = shelf.encode()
                if os.pwrite(descriptor, content, number % _SHELVES * self._size) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return wait

    def _read(self, descriptor: int, number: int) -> _Shelf:
        return self._shelf(os.pread(descriptor, self._size, number % _SHELVES * self._size))

    def _shelf(self, content: bytes) -> _Shelf:
        return _Shelf(content, self._limit, self._window, time.clock_gettime_ns(time.CLOCK_MONOTONIC))


class _Shelf:
    """The keys of a shelf, each with the moments that count at ``now``. All times are in nanoseconds.

    It is stored as rows of unsigned 64-bit integers: a key's number and its latest ``limit`` moments, 0
    where there is none. A moment in the future is from before a reboot, and does not count.
    """

    def __init__(self, content: bytes, limit: int, window: int, now: int) -> None:
        self._row = 1 + limit
        self._window = window
        self._now = now
        size = _KEYS * self._row * _WORD
        self._words = array("Q", content[:size].ljust(size, b"\0"))

    def wait(self, number: int) -> int:
        """How long it takes until there is room for one more of a key."""
        at = self._find(number)
        return 0 if at is None else self._wait_at(at)

    def add(self, number: int) -> int:
        """Add this moment to a key's and return 0, or return how long it takes until there is room."""
        at = self._find(number)
        if at is None:
            at = min(range(0, len(self._words), self._row), key=self._latest)
            if latest := self._latest(at):
                return latest + self._window - self._now
        wait = self._wait_at(at)
        if not wait:
            moments = [*self._counting(at), self._now]
            row = [number, *moments, *[0] * (self._row - 1 - len(moments))]
            self._words[at : at + self._row] = array("Q", row)
        return wait

    def encode(self) -> bytes:
        """The shelf as it is stored."""
        return self._words.tobytes()

    def _find(self, number: int) -> int | None:
        """Where a key's row begins."""
        numbers = self._words[:: self._row]
        return numbers.index(number) * self._row if number in numbers else None

    def _wait_at(self, at: int) -> int:
        counting = self._counting(at)
        return 0 if len(counting) < self._row - 1 else counting[0] + self._window - self._now

    def _latest(self, at: int) -> int:
        """The latest moment of a row that still counts; 0 if there is none."""
        return max(self._counting(at), default=0)

    def _counting(self, at: int) -> list[int]:
        """The moments of a row that still count, in order."""
        begin = max(0, self._now - self._window)
        return sorted(each for each in self._words[at + 1 : at + self._row] if begin < each <= self._now)


def _number(key: str) -> int:
    digest = hashlib.blake2b(key.encode(), digest_size=_WORD).digest()
    return int.from_bytes(digest, "big") or 1  # 0 is no key
