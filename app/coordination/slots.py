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

_NANOSECONDS = 1_000_000_000
ABSURD_INTERVALS = 10_000  # nobody queues that far ahead
ABSURD_SECONDS = 600
HOLES = 1000  # slots given back that are remembered


class Slot(NamedTuple):
    """A reserved slot: ``seconds`` away when it was reserved, at ``start`` on the clock that is shared.

    ``is_local``: it was reserved on this machine alone, in place of a queue that is shared with others.
    """

    seconds: float
    start: int = 0
    is_local: bool = False


class Slots(Protocol):
    """Where workers agree on who may start when."""

    def reserve(self) -> Slot:
        """Take the next free slot."""
        ...

    def give_back(self, slot: Slot) -> None:
        """Leave the queue. Who stands behind keeps the slot it has; who comes finds the queue shorter."""
        ...


class NoLimit:
    """Every moment is a slot."""

    def reserve(self) -> Slot:
        return Slot(0.0)

    def give_back(self, slot: Slot) -> None:
        """Nothing to do."""


class FileSlots:
    """Slots ``interval`` seconds apart for the processes of one machine, which share a file.

    The file holds, as unsigned 64-bit integers, the start of the next free slot on the machine's
    monotonic clock in nanoseconds, and the slots given back before it. A value absurdly far ahead is
    from before a reboot and does not count. The kernel frees a dead process's lock.
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path
        self._interval = round(interval * _NANOSECONDS)
        self._horizon = max(self._interval * ABSURD_INTERVALS, ABSURD_SECONDS * _NANOSECONDS)

    def reserve(self) -> Slot:
        with self._locked() as descriptor:
            now, free_from, holes = self._read(descriptor)
            start = max(now, free_from)
            self._write(descriptor, start + self._interval, holes)
        return Slot((start - now) / _NANOSECONDS, start)

    def give_back(self, slot: Slot) -> None:
        with self._locked() as descriptor:
            _, free_from, holes = self._read(descriptor)
            holes.add(slot.start)
            while free_from - self._interval in holes:  # nobody stands behind it
                free_from -= self._interval
                holes.remove(free_from)
            self._write(descriptor, free_from, holes)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)  # and with it the lock

    def _read(self, descriptor: int) -> tuple[int, int, set[int]]:
        """The clock, the next free slot, and those given back that are still ahead."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        values = array("Q")
        stored = os.pread(descriptor, (1 + HOLES) * values.itemsize, 0)
        values.frombytes(stored[: len(stored) // values.itemsize * values.itemsize])
        free_from, *holes = values or [0]
        if free_from > now + self._horizon:
            return now, 0, set()
        return now, free_from, {hole for hole in holes if now < hole < free_from}

    def _write(self, descriptor: int, free_from: int, holes: set[int]) -> None:
        values = array("Q", [free_from, *sorted(holes)[-HOLES:]])
        os.pwrite(descriptor, values.tobytes(), 0)
        os.ftruncate(descriptor, len(values) * values.itemsize)
