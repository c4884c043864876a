"""Locks: a file that one process, and one greenlet of it, has at a time; the kernel frees a dead one's."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FIRST_LOOK_SECONDS = 0.005
_LONGEST_LOOK_SECONDS = 0.05


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Open the file, created if need be, and lock it. The wait holds up no other greenlet.

    Raises ``OSError``.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        pause = _FIRST_LOOK_SECONDS
        while not _try_lock(descriptor):
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)  # and with it the lock


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
