"""File: the keys that are in it now, and the last good ones while it is broken."""

from __future__ import annotations

import hashlib
import hmac
import time
from pathlib import Path

from app import files
from app.keys.lines import Keys, KeysError, decode
from app.logs import News, logger
from app.snapshot import Snapshot

_SIZE_LIMIT = 128 * 1024  # bytes
_LOOK_SECONDS = 0.4
_OTHERS = 0o077  # what the group and everybody else may do with the file


def read(path: Path) -> Keys:
    """The keys in the file. Raises ``KeysError``."""
    return decode(_content(path))


class KeyFile:
    """The keys in the file at ``path``, followed as it changes.

    An unusable file leaves the previous keys in force. Raises ``KeysError`` if there are none.
    A process that is forked later begins with ``prepare``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = _content(path)
        self._keys = decode(self._content)
        self._seen: bytes | str = self._content
        self._looks_at = 0.0
        self._news = News()
        self._snapshot = Snapshot()
        self._warn_of_mode()

    def prepare(self) -> None:
        """Take over what the processes forked before have found last."""
        content = self._snapshot.load()
        if content is not None:
            self._content, self._keys = content, decode(content)

    def name_of(self, key: str) -> str | None:
        """The name of ``key``; ``None`` if it is not one of these. Takes equally long either way."""
        self.look()
        given, found = hashlib.sha256(key.encode()).digest(), None
        for digest, name in self._keys.items():
            if hmac.compare_digest(given, digest):
                found = name
        return found

    def look(self) -> None:
        """Take over changes. To be called now and then; the disk is looked at only every so often.

        A change counts once two looks have seen it: until then, somebody may still be writing.
        """
        now = time.monotonic()
        if now < self._looks_at:
            return
        self._looks_at = now + _LOOK_SECONDS
        before, self._seen = self._seen, _content_or_fault(self._path)
        if self._seen == before and self._seen != self._content:
            self._take(self._seen)

    def _take(self, seen: bytes | str) -> None:
        try:
            if isinstance(seen, str):
                raise KeysError(seen)
            self._keys = decode(seen)
        except KeysError as error:
            if self._news.is_news(str(error)):
                logger.warning("%s is not used; the previous keys stay in force: %s", self._path, error)
            return
        self._content = seen
        self._snapshot.save(seen)
        if self._news.is_news(hashlib.sha256(seen).hexdigest()):
            logger.info("%s has changed: %d keys", self._path, len(self._keys))
            self._warn_of_mode()

    def _warn_of_mode(self) -> None:
        mode = _mode(self._path)
        if mode & _OTHERS:
            logger.warning(
                "%s can be read or written by others than its owner (mode %o): chmod 600", self._path, mode
            )


def _content(path: Path) -> bytes:
    content = _content_or_fault(path)
    if isinstance(content, str):
        raise KeysError(content)
    return content


def _content_or_fault(path: Path) -> bytes | str:
    try:
        return files.read(path, _SIZE_LIMIT)
    except OSError as error:
        return f"it cannot be read: {error.strerror or type(error).__name__}"


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:  # just removed, as the next look will see
        return 0
