"""Scratch: a folder of the gateway's own, in memory where there is a place for it.

It goes with the gateway; one whose gateway was killed goes when the next one starts.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from shutil import rmtree

_YOUNG_SECONDS = 60.0  # another process may take this long from creating its folder to holding it


def make(path: Path, prefix: str) -> None:
    """Create the folder at ``path`` for this user alone, and hold it while this process or a child lives.

    Neighbours whose names begin with ``prefix`` and that nobody holds are removed.
    """
    for neighbour in path.parent.glob(f"{prefix}*"):
        _remove_if_left(neighbour)
    path.mkdir(mode=0o700)
    fcntl.flock(_opened(path), fcntl.LOCK_EX)


def _remove_if_left(path: Path) -> None:
    try:
        descriptor = _opened(path)
    except OSError:  # another user's, or just removed
        return
    try:
        status = os.fstat(descriptor)
        if status.st_uid == os.geteuid() and time.time() - status.st_mtime > _YOUNG_SECONDS:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rmtree(path, ignore_errors=True)
    except BlockingIOError:  # its gateway is running
        return
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
