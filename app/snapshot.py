"""Snapshot: the last good content of a file, kept by one process for those that are forked later."""

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


class Snapshot:
    """A file's last good content, shared by all processes forked from the one that created this.

    A worker that starts while the file is broken finds here what the others have in force. The content
    has no name on disk, and is gone with the last of the processes.
    """

    def __init__(self) -> None:
        # Open as long as this object lives.
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            buffering=0, dir=_MEMORY if _MEMORY.is_dir() else None
        )

    def save(self, content: bytes) -> None:
        """Keep ``content`` in place of the previous one. If there is no room for it, nothing is kept."""
        written = hashlib.sha256(content).digest() + content
        with suppress(OSError), self._locked(fcntl.LOCK_EX) as descriptor:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, written, 0)

    def load(self) -> bytes | None:
        """The content saved last, if there is any."""
        with self._locked(fcntl.LOCK_SH) as descriptor:
            written = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        digest, content = written[:_DIGEST_SIZE], written[_DIGEST_SIZE:]
        return content if hashlib.sha256(content).digest() == digest else None

    @contextmanager
    def _locked(self, kind: int) -> Iterator[int]:
        """Lock the file for one read or write. The lock is a process's: they share the open file."""
        descriptor = self._file.fileno()
        fcntl.lockf(descriptor, kind)
        try:
            yield descriptor
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)
