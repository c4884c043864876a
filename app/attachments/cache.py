"""Cache: where on Poe's CDN a content is, remembered on disk for all workers and over restarts.

cachelib's FileSystemCache, with three things changed. What is stored is JSON, which cannot execute
anything when it is read, and whatever else is found is a miss. The bound is one of bytes on disk, not
of entries. And a disk that fails costs a warning a minute, not the request.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import msgspec
from cachelib import FileSystemCache
from cachelib.serializers import FileSystemSerializer
from msgspec import Struct

from app.attachments.counters import Counters
from app.logs import DiskWarning
from app.turns import Turns

ENTRY_LIMIT = 65536  # bytes; a longer file is none of ours
_EXPIRY_SIZE = 4  # bytes at the beginning of cachelib's files
_RENEWALS = 50  # in the life of an entry that is used all the time
_ROOM_KEPT = 0.9  # of the bound, after the oldest entries have gone
_UNMEASURED = 0.1  # of the bound: what all workers together may write until they measure again
_ABANDONED_SECONDS = 60.0  # the age from which an unfinished file is abandoned
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_BLOCK = 512  # bytes; the unit of st_blocks


Data = TypeVar("Data")


class Entry(Struct, frozen=True):
    """An upload: its URL on Poe's CDN, its content type by Poe, and its name by its first sender."""

    url: str
    content_type: str
    name: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ValueError("no address of the web")


class UploadCache(Protocol):
    """Entries by key, forgotten when they have not been used for some time. Never fails."""

    def get(self, key: str) -> Entry | None:
        """The entry of ``key``, whose time begins anew."""
        ...

    def set(self, key: str, entry: Entry) -> None:
        """Remember ``entry``; forget others if there is no room."""
        ...


def decoded(content: bytes, kind: type[Data]) -> Data | None:
    """The entry stored as JSON, or ``None`` for anything else that a cache may hold."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Stored(Struct, frozen=True):
    entry: Entry
    used: float  # for the last time, seconds since 1970


class FileUploadCache:
    """Entries by key, shared by ``workers`` processes of one machine.

    An entry is forgotten ``ttl`` seconds after its last use, or earlier when the folder has reached
    ``limit`` bytes: then the least recently used ones go first. A limit of 0 turns the cache off.
    """

    def __init__(self, folder: Path, limit: int, ttl: int, workers: int, counters: Counters) -> None:
        self._folder = folder
        self._limit = limit
        self._ttl = ttl
        self._counters = counters
        self._warning = DiskWarning("uploads are not remembered", folder)
        self._files = _Files(folder, self._warning)
        self._measure_after = int(limit * _UNMEASURED / workers)
        self._unmeasured = self._measure_after  # bytes written since; earlier ones count, too

    def get(self, key: str) -> Entry | None:
        stored: _Stored | None = self._files.get(key) if self._limit else None
        left = stored.used + self._ttl - time.time() if stored else 0.0
        if stored is None or left <= 0:
            return None
        if left < self._ttl * (1 - 1 / _RENEWALS):
            self._store(key, stored.entry)
        return stored.entry

    def set(self, key: str, entry: Entry) -> None:
        if not self._limit:
            return
        self._unmeasured += self._store(key, entry)
        if self._unmeasured >= self._measure_after:
            self._unmeasured = 0
            try:
                self._make_room()
            except OSError as error:
                self._warning.give(error)

    def _store(self, key: str, entry: Entry) -> int:
        """Write an entry; return the bytes that it takes."""
        try:
            return self._files.write(key, _Stored(entry, time.time()), self._ttl)
        except OSError as error:
            self._warning.give(error)
            return 0

    def _make_room(self) -> None:
        """Measure the folder, and delete the least recently used entries until it is small enough."""
        turns = Turns()
        files = self._measured(turns)
        excess = sum(size for _, size, _ in files) - self._limit * _ROOM_KEPT
        for _, size, path in sorted(files) if excess > 0 else ():
            if excess <= 0:
                break
            with contextlib.suppress(FileNotFoundError):  # another worker makes room, too
                Path(path).unlink()
                self._counters.evictions += 1
            excess -= size
            turns.give()

    def _measured(self, turns: Turns) -> list[tuple[float, int, str]]:
        """Each file's last use, bytes and path. Removes files that were never finished."""
        files: list[tuple[float, int, str]] = []
        abandoned = time.time() - _ABANDONED_SECONDS
        for file in os.scandir(self._folder):
            with contextlib.suppress(FileNotFoundError):
                status = file.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    pass  # none of ours
                elif self._files.is_temporary(file.name) and status.st_mtime < abandoned:
                    Path(file.path).unlink()
                else:
                    files.append((status.st_mtime, size_on_disk(status), file.path))
            turns.give()
        return files


class _Json(FileSystemSerializer):
    """Plain data instead of pickles."""

    def dump(self, value: Any, f: IO[bytes], protocol: int = 0) -> None:  # noqa: ARG002 - pickle's
        f.write(msgspec.json.encode(value))

    def load(self, f: IO[bytes]) -> _Stored | None:
        return decoded(f.read(), _Stored)


class _Files(FileSystemCache):
    """cachelib's files: read without ever waiting, and written whole or not at all."""

    serializer = _Json()

    def __init__(self, folder: Path, warning: DiskWarning) -> None:
        self._warning = warning
        with contextlib.suppress(OSError):  # the first write says so
            folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        with contextlib.suppress(OSError):
            super().__init__(str(folder), threshold=0, mode=_FILE_MODE)

    def write(self, key: str, stored: _Stored, ttl: int) -> int:
        """Store under ``key``; return the bytes that a new file takes on disk. Raises ``OSError``."""
        path = Path(self._get_filename(key))
        path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        is_new = not path.exists()
        descriptor, temporary = tempfile.mkstemp(suffix=self._fs_transaction_suffix, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(struct.pack("I", math.ceil(stored.used) + ttl))
                self.serializer.dump(stored, file)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return size_on_disk(path.stat()) if is_new else 0

    def is_temporary(self, name: str) -> bool:
        """Whether a file of this name is still being written."""
        return name.endswith(self._fs_transaction_suffix)

    @contextlib.contextmanager
    def _safe_stream_open(self, path: str, mode: str) -> Iterator[BytesIO]:  # noqa: ARG002 - cachelib's
        """Open ``path``. cachelib's own waits up to ten seconds for a file that it may not read."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
                content = os.read(descriptor, ENTRY_LIMIT) if is_file else b""
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise
        except OSError as error:
            self._warning.give(error)
            raise FileNotFoundError from error
        if len(content) < _EXPIRY_SIZE:
            raise FileNotFoundError
        yield BytesIO(content)


def size_on_disk(status: os.stat_result) -> int:
    """The bytes that a file takes: whole blocks, unless the file system needs less."""
    return max(status.st_size, status.st_blocks * _BLOCK)
