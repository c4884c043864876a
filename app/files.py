"""Files: read without blocking, and written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

_TEMPORARY = ".tmp"
_NO_RENAME = (errno.EBUSY, errno.EXDEV)  # the file itself is a mount point


def read(path: Path, limit: int) -> bytes:
    """The file's content. Raises ``OSError``, also if it is not a file or is larger than ``limit`` bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        content = file.read(limit + 1) if status.st_size <= limit else None
    if content is None or len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit} bytes")
    return content


def replace(path: Path, content: bytes) -> None:
    """Replace the file's content with ``content``, readable only by its owner, who stays the same.

    Readers find the old content or the new, even after a crash. A symbolic link stays one. A file that
    is itself a mount point cannot be replaced, and is written in place. Raises ``OSError``.
    """
    target = Path(os.path.realpath(path))
    descriptor, name = tempfile.mkstemp(_TEMPORARY, f".{target.name}.", target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _keep_owner(target, descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        _move(temporary, target, content)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def remove_unfinished(path: Path) -> None:
    """Remove what dead writers have left of ``path``. Nobody may be writing it now."""
    target = Path(os.path.realpath(path))
    for each in target.parent.glob(f".{target.name}.*{_TEMPORARY}"):
        each.unlink(missing_ok=True)


def _move(temporary: Path, target: Path, content: bytes) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
        _write_in_place(target, content)
        temporary.unlink()


def _write_in_place(target: Path, content: bytes) -> None:
    """Overwrite longer content with empty lines first: half-way, no old line stands below the new ones."""
    descriptor = os.open(target, os.O_RDWR | os.O_CLOEXEC)
    try:
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, 0o600)
        padding = b"\n" * (os.fstat(descriptor).st_size - len(content))
        os.pwrite(descriptor, content + padding, 0)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_owner(target: Path, descriptor: int) -> None:
    """Keep the owner, as far as this process may give files away."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        status = target.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
