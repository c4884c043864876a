"""Bequest: the last good content of a file, left by one process for those that are forked later."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one
_DIGEST_SIZE = hashlib.sha256().digest_size


class Bequest:
    """A file's last good content, for all processes that are forked from the one that made this.

    A worker that comes while the file is broken finds here what the others have in force. It is gone with
    the last of them, and has no name by which others could find it.
    """

    def __init__(self) -> None:
        # Open for as long as this is.
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            buffering=0, dir=_MEMORY if _MEMORY.is_dir() else None
        )

    def leave(self, content: bytes) -> None:
        """Put ``content`` in the place of what was left before. Where there is no room, nothing is left."""
        written = hashlib.sha256(content).digest() + content
        with suppress(OSError), self._locked(fcntl.LOCK_EX) as descriptor:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, written, 0)

    def find(self) -> bytes | None:
        """What was left last, if anything was."""
        with self._locked(fcntl.LOCK_SH) as descriptor:
            written = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        digest, content = written[:_DIGEST_SIZE], written[_DIGEST_SIZE:]
        return content if hashlib.sha256(content).digest() == digest else None

    @contextmanager
    def _locked(self, kind: int) -> Iterator[int]:
        """For as long as a read or write in memory takes. A lock of the process: they share the open file."""
        descriptor = self._file.fileno()
        fcntl.lockf(descriptor, kind)
        try:
            yield descriptor
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)
