"""File: models.yaml as it is on disk, and what of it is in force.

A change on disk is noticed when somebody asks, and by the server's periodic look. Nobody waits for it,
and a file that cannot be used leaves the previous content in force.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from app import files
from app.logs import News, fault, logger
from app.models import config as configs
from app.models.config import ConfigError, ModelsConfig
from app.snapshot import Snapshot
from app.turns import Turns

ABSENT = "absent"  # the version tag where there is no file
SIZE_LIMIT = 1024 * 1024  # bytes
_LOOK_SECONDS = 0.5
_SETTLED_SECONDS = 0.2  # the age at which a file counts as completely written
_EMPTY_SECONDS = 0.8  # the same for an empty or missing file: an editor may be about to write it
_UNSETTLED_SECONDS = 1.0  # nobody waits longer for that
_COARSE_SECONDS = 2.0  # two changes this close may have the same time stamp
_TAG_DIGITS = 32


class State(Struct, frozen=True, kw_only=True):
    """What is in force: ``text``, its content as plain ``fields`` (with unknown keys), and as ``config``.

    ``version`` is the tag of the bytes on disk, usable or not; if they are not, ``error`` says why.
    ``modified`` is in seconds since 1970.
    """

    config: ModelsConfig = ModelsConfig()
    fields: Mapping[str, Any] = {}
    text: str = ""
    version: str = ABSENT
    exists: bool = False
    modified: float | None = None
    error: ConfigError | None = None


class ModelsFile:
    """The file at ``path``, watched by one of the processes that share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = State()
        self._signature: object = None
        self._is_sure = False  # no change can have left the signature as it is
        self._looks_at = 0.0
        self._unsettled_since: float | None = None
        self._is_looking = False
        self._news = News()
        self._snapshot = Snapshot()

    def current(self) -> State:
        """What is in force. Never raises; looks at the disk at most every half second."""
        if time.monotonic() >= self._looks_at and not self._is_looking:
            self._look()
        return self._state

    def load(self) -> State | None:
        """Read the file and put it in force if it can be used. ``None``: it changed while it was read."""
        return self._load(self._status())

    def _look(self) -> None:
        """Take over a change on disk, unless the file is still being written."""
        self._is_looking = True
        try:
            now = time.monotonic()
            self._looks_at = now + _LOOK_SECONDS
            status = self._status()
            if _signature(status) == self._signature:
                self._unsettled_since = None
                if self._is_sure:
                    return
            elif not self._is_settled(status, now):
                self._looks_at = now + _SETTLED_SECONDS
                return
            if self._load(status) is None:
                self._looks_at = now + _SETTLED_SECONDS
        finally:
            self._is_looking = False

    def _status(self) -> os.stat_result | OSError:
        try:
            return self.path.stat()
        except OSError as error:
            return error

    def _is_settled(self, status: os.stat_result | OSError, now: float) -> bool:
        """Whether the last change seems to be complete."""
        if self._signature is None:
            return True  # the start
        if self._unsettled_since is None:
            self._unsettled_since = now
        with contextlib.suppress(OSError):
            is_there = isinstance(status, os.stat_result) and status.st_size > 0
            changed = status if isinstance(status, os.stat_result) else self.path.parent.stat()
            needed = _SETTLED_SECONDS if is_there else _EMPTY_SECONDS
            is_young = 0 <= time.time() - changed.st_mtime < needed
            if is_young and now - self._unsettled_since < _UNSETTLED_SECONDS:
                return False
        self._unsettled_since = None
        return True

    def _load(self, status: os.stat_result | OSError) -> State | None:
        """Do what ``load`` does, for a file whose ``status`` was just looked up."""
        try:
            content: bytes | OSError = files.read(self.path, SIZE_LIMIT)
        except OSError as error:
            content = error
        if _signature(self._status()) != _signature(status):
            return None
        state = self._made_of(content)
        modified = status.st_mtime if isinstance(status, os.stat_result) else None
        self._signature = _signature(status)
        self._is_sure = modified is None or abs(time.time() - modified) > _COARSE_SECONDS
        self._state = state = replace(state, modified=modified)
        return state

    def _made_of(self, content: bytes | OSError) -> State:
        if isinstance(content, FileNotFoundError):
            self._snapshot.save(b"")
            return State()
        if isinstance(content, OSError):
            reason = content.strerror or type(content).__name__
            return self._broken(f"unreadable-{content.errno}", ConfigError(f"It cannot be read: {reason}."))
        tag = tag_of(content)
        if tag == self._state.version:
            return self._state
        try:
            text = decoded(content)
            fields, config = configs.read(text, Turns().give)
        except ConfigError as error:
            return self._broken(tag, error)
        except Exception as error:  # noqa: BLE001 - whatever a text makes of its readers, the service goes on
            return self._broken(tag, ConfigError(f"It cannot be read: {fault(error)}."))
        self._snapshot.save(content)
        return State(config=config, fields=fields, text=text, version=tag, exists=True)

    def _broken(self, tag: str, error: ConfigError) -> State:
        if self._state.version != tag and self._news.is_news(tag):
            logger.warning("%s is not used; the previous content stays in force: %s", self.path, error)
        return replace(self._last_good(), version=tag, exists=True, error=error)

    def _last_good(self) -> State:
        """The last good content that any process has seen: this one may have been too late for it."""
        content = self._snapshot.load()
        if content is None:
            return self._state
        text = decoded(content)
        fields, config = configs.read(text, Turns().give)
        return State(config=config, fields=fields, text=text)


def _signature(status: os.stat_result | OSError) -> object:
    if isinstance(status, OSError):
        return status.errno
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
    )


def tag_of(content: bytes) -> str:
    """The version tag of the file's bytes: a digest, 32 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:_TAG_DIGITS]


def decoded(content: bytes) -> str:
    """The text in the file's bytes (UTF-8, with or without a BOM). Raises ``ConfigError`` with the line."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("The file is not UTF-8.", None, line) from None
