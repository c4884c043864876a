"""Once: what many ask for at the same time is done by one of them, and the others get what it brought.

Over all workers of a machine, by a lock on a file that the kernel frees when its holder dies.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.coordination.locks import locked
from app.logs import DiskWarning

_OUTCOME_LIMIT = 1024 * 1024  # bytes


class Once(Protocol):
    """Where workers agree on who does a piece of work."""

    def share(self, key: str, work: Callable[[], bytes]) -> bytes:
        """What ``work`` returns. It is run here, unless it is already under way under the same ``key``.

        Then its outcome is awaited. If that ``work`` raises or is killed, or its process dies, one of
        those who wait begins anew.
        """
        ...


class FileOnce:
    """Once for the processes of one machine, which share ``folder``.

    A piece of work is a file with a lock on it. The holder of the lock does the work, writes the outcome
    to the file and removes it from the folder; those who waited for the lock find the outcome in the
    file that they have open. A file still in the folder when its lock becomes free was left by a
    process that died: the next holder does the work.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._warning = DiskWarning("workers cannot agree on who does a thing once", folder)

    def share(self, key: str, work: Callable[[], bytes]) -> bytes:
        while True:
            with contextlib.ExitStack() as stack:
                try:
                    self._folder.mkdir(mode=0o700, exist_ok=True)
                    descriptor = stack.enter_context(locked(self._folder / key))
                except OSError as error:  # better twice than not at all
                    self._warning.give(error)
                    return work()
                if os.fstat(descriptor).st_nlink:
                    return self._lead(descriptor, key, work)
                outcome = os.pread(descriptor, _OUTCOME_LIMIT, 0)
            if outcome:
                return outcome

    def _lead(self, descriptor: int, key: str, work: Callable[[], bytes]) -> bytes:
        try:
            outcome = work()
            self._publish(descriptor, outcome)
            return outcome
        finally:
            try:
                (self._folder / key).unlink(missing_ok=True)
            except OSError as error:  # it stays: who waits does the work again
                self._warning.give(error)

    def _publish(self, descriptor: int, outcome: bytes) -> None:
        """Write the outcome for those who wait: all of it, or nothing, so that one of them begins anew."""
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)  # who died may have written
            if os.pwrite(descriptor, outcome, 0) < len(outcome):  # a disk that is full now
                os.ftruncate(descriptor, 0)
