"""Slots: queries to Poe start at least an interval apart, over all workers.

A slot is reserved under a lock that is held for microseconds, and waited for without it: who
arrives first goes first, and who gives up waiting leaves its slot empty and nothing locked.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path
from typing import Protocol

_NANOSECONDS = 1_000_000_000
_VALUE = struct.Struct("<Q")
_ABSURD_INTERVALS = 10_000  # nobody queues that far ahead
_ABSURD_SECONDS = 600


class Slots(Protocol):
    """Where workers agree on who may start when."""

    def reserve(self) -> float:
        """Take the next free slot and return how many seconds it is away: 0 for now."""
        ...


class NoLimit:
    """Every moment is a slot."""

    def reserve(self) -> float:
        return 0.0


class FileSlots:
    """Slots ``interval`` seconds apart for the processes of one machine, which share a file.

    The file holds the start of the next free slot on the machine's monotonic clock. A value absurdly
    far ahead is from before a reboot and does not count. The kernel frees a dead process's lock.
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._path = path
        self._interval = round(interval * _NANOSECONDS)
        self._horizon = max(self._interval * _ABSURD_INTERVALS, _ABSURD_SECONDS * _NANOSECONDS)

    def reserve(self) -> float:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            stored = os.pread(descriptor, _VALUE.size, 0)
            free_from = _VALUE.unpack(stored)[0] if len(stored) == _VALUE.size else 0
            slot = free_from if now < free_from <= now + self._horizon else now
            os.pwrite(descriptor, _VALUE.pack(slot + self._interval), 0)
        finally:
            os.close(descriptor)  # and with it the lock
        return (slot - now) / _NANOSECONDS
