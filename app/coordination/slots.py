"""Slots: queries to Poe start at least an interval apart, over all workers.

A slot is reserved under a lock that is held for microseconds, and waited for without it: who
arrives first goes first. Who gives up waiting leaves nothing locked, and its slot empty only if somebody
stands behind it.
"""

from __future__ import annotations

import fcntl
import os
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from app.logs import DiskWarning

_NANOSECONDS = 1_000_000_000
ABSURD_INTERVALS = 10_000  # nobody queues that far ahead
ABSURD_SECONDS = 600
HOLES = 1000  # slots given back that are remembered
_FILE_LIMIT = (1 + HOLES) * 8  # bytes


class Slot(NamedTuple):
    """A reserved slot, ``seconds`` away when it was reserved, at ``start`` on the shared clock.

    ``is_local``: it was reserved on this machine alone, instead of in the queue shared with others.
    """

    seconds: float
    start: int = 0
    is_local: bool = False


class Slots(Protocol):
    """Where workers agree on who may start a query when."""

    def reserve(self) -> Slot:
        """Take the next free slot."""
        ...

    def give_back(self, slot: Slot) -> None:
        """Leave the queue. Those behind keep their slots; a newcomer finds the queue shorter."""
        ...


class _Queue:
    """Where the next free slot starts, and which ones before it were given back.

    All times, ``interval`` included, are in nanoseconds of the machine's monotonic clock. ``stored`` is what
    another queue has ``written``, or anything else. A start absurdly far ahead is from before a reboot and
    does not count.
    """

    def __init__(self, interval: int, stored: bytes = b"") -> None:
        self._interval = interval
        self._horizon = max(interval * ABSURD_INTERVALS, ABSURD_SECONDS * _NANOSECONDS)
        values = array("Q")
        values.frombytes(stored[: len(stored) // values.itemsize * values.itemsize])
        self._free_from, *holes = values or [0]
        self._holes = set(holes)

    def written(self) -> bytes:
        """Unsigned 64-bit integers: the start of the next free slot, and those given back."""
        return array("Q", [self._free_from, *sorted(self._holes)[-HOLES:]]).tobytes()

    def reserve(self) -> Slot:
        now = self._tidied()
        start = max(now, self._free_from)
        self._free_from = start + self._interval
        return Slot((start - now) / _NANOSECONDS, start)

    def give_back(self, slot: Slot) -> None:
        self._tidied()
        self._holes.add(slot.start)
        while self._free_from - self._interval in self._holes:  # nobody stands behind it
            self._free_from -= self._interval
            self._holes.remove(self._free_from)

    def _tidied(self) -> int:
        """Forget what time has made meaningless; return the time."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        if self._free_from > now + self._horizon:
            self._free_from = 0
        self._holes = {hole for hole in self._holes if now < hole < self._free_from}
        return now


class FileSlots:
    """Slots ``interval`` seconds apart for the processes of one machine, which share a file.

    The kernel frees a dead process's lock. While the file cannot be used, each process has slots of
    its own.
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path
        self._interval = round(interval * _NANOSECONDS)
        self._own = _Queue(self._interval)
        self._warning = DiskWarning("workers cannot agree on when queries start", path)

    def reserve(self) -> Slot:
        try:
            with self._shared() as queue:
                return queue.reserve()
        except OSError as error:
            self._warning.give(error)
            return self._own.reserve()

    def give_back(self, slot: Slot) -> None:
        try:
            with self._shared() as queue:
                queue.give_back(slot)
        except OSError as error:
            self._warning.give(error)
            self._own.give_back(slot)

    @contextmanager
    def _shared(self) -> Iterator[_Queue]:
        """The shared queue, locked; its changes are written at the end. Raises ``OSError``."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            queue = _Queue(self._interval, os.pread(descriptor, _FILE_LIMIT, 0))
            yield queue
            written = queue.written()
            os.pwrite(descriptor, written, 0)
            os.ftruncate(descriptor, len(written))
        finally:
            os.close(descriptor)  # and with it the lock
