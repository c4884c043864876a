"""Store: models.yaml on disk. What is in it now, saved whole or not at all, with a history.

A change on disk is seen when somebody asks, and by the look that the server takes now and then. Nobody
waits for it, and a file that cannot be used leaves in force what was there before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app import errors, files
from app.bequest import Bequest
from app.coordination.locks import locked
from app.errors import ApiError, invalid_request, not_found
from app.logs import News, fault, logger
from app.models import config as configs
from app.models import edits, masks, merging, names
from app.models.changes import Change, changes
from app.models.config import ConfigError, ModelsConfig
from app.models.history import History, Version
from app.turns import Turns

ABSENT = "absent"  # the version tag where there is no file
_SIZE_LIMIT = 1024 * 1024  # bytes
_LOOK_SECONDS = 0.5
_SETTLED_SECONDS = 0.2  # the age from which a file is no longer being written
_EMPTY_SECONDS = 0.8  # the same for one that is empty or away: an editor is about to write it
_UNSETTLED_SECONDS = 1.0  # nobody waits longer for that
_COARSE_SECONDS = 2.0  # two changes may have one time stamp
_TAG_DIGITS = 32


class State(Struct, frozen=True, kw_only=True):
    """What is in force: ``config``, which ``text`` says and ``fields`` as plain data (with unknown keys).

    ``version`` is the tag of the bytes on disk, usable or not: where they are not, ``error`` says why.
    ``modified`` in seconds since 1970.
    """

    config: ModelsConfig = ModelsConfig()
    fields: Mapping[str, Any] = {}
    text: str = ""
    version: str = ABSENT
    exists: bool = False
    modified: float | None = None
    error: ConfigError | None = None


class Preview(Struct, frozen=True):
    """What saving a text would do: its ``fields``, for ``save``, and the changes from what is in force."""

    fields: Mapping[str, Any]
    changes: Sequence[Change]


class Past(Struct, frozen=True):
    """A version from the history. ``changes`` lead from it to what is in force.

    ``text`` has the token masked; ``fields`` have it, and are empty if ``error`` says that the version
    cannot be used.
    """

    version: Version
    fields: Mapping[str, Any]
    text: str
    changes: Sequence[Change]
    error: ConfigError | None = None


class Store:
    """models.yaml in ``folder``, for one of the processes that share it.

    ``listed`` gives the names of the bots in Poe's list, as far as it is known, which no other bot may get;
    ``apart`` runs what computes for half a second, so that others have their turn.
    """

    def __init__(
        self,
        folder: Path,
        listed: Callable[[], Sequence[str]] = tuple,
        apart: Callable[[Callable[[], str]], str] = lambda work: work(),
    ) -> None:
        self.path = folder / "models.yaml"
        self._lock = folder / ".models.lock"
        self._history = History(folder / "models.history", _SIZE_LIMIT)
        self._listed = listed
        self._apart = apart
        self._state = State()
        self._signature: object = None
        self._is_sure = False  # nothing can have changed without another signature
        self._looks_at = 0.0
        self._unsettled_since: float | None = None
        self._is_looking = False
        self._news = News()
        self._bequest = Bequest()

    def current(self) -> State:
        """What is in force. Never raises; looks at the disk now and then."""
        if time.monotonic() >= self._looks_at and not self._is_looking:
            self._look()
        return self._state

    def latest(self) -> State:
        """What is in force, with all that other processes have saved. Never raises."""
        try:
            with locked(self._lock):
                return self._load(self._status()) or self._state
        except OSError:
            return self.current()

    def save(self, fields: Mapping[str, Any], if_match: str | None = None) -> State:
        """Make ``fields`` the file's content, onto the version ``if_match``.

        What is not there goes, but for keys that are not ours, which go if they are null, and for the API
        token, which goes if it is null or empty. Raises ``ApiError``: 400 with the path of a wrong field or
        of a name that two bots would get, 409 if the version is another, 500 if it cannot be written.
        """
        with self._changing(if_match) as state:
            return self._write(merging.merged(state.fields, fields), state.text, state.version)

    def preview(self, text: str) -> Preview:
        """What ``text``, YAML or JSON, would change if it was saved. Raises ``ApiError`` (400)."""
        fields, config = _imported(text)
        self._check_names(config)
        before = self.current().fields
        return Preview(fields, changes(before, merging.merged(before, fields)))

    def versions(self) -> Sequence[Version]:
        """The history, newest first."""
        try:
            return self._history.versions()
        except OSError as error:
            raise _not_written(error) from error

    def version(self, id: str) -> Past:
        """A version from the history. Raises ``ApiError`` (404)."""
        version, text = self._past(id)
        try:
            fields, _ = configs.read(text)
        except ConfigError as error:
            return Past(version, {}, masks.masked(text), [], error)
        return Past(version, fields, masks.masked(text), changes(fields, self.current().fields))

    def restore(self, id: str, if_match: str | None = None) -> State:
        """Make a version of the history the current one, but for the token. Raises as ``save``, and 404."""
        _, text = self._past(id)
        try:
            fields, _ = configs.read(text)
        except ConfigError as error:
            raise _refused(error) from error
        with self._changing(if_match) as state:
            return self._write(merging.with_token_of(state.fields, fields), text, state.version)

    # The disk.

    def _look(self) -> None:
        """Take over what has changed on disk, unless it is still being written."""
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
        """Whether the last change is over, as far as that can be seen."""
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
        """Read the file and put it in force, if it can be used. ``None``: it has changed since ``status``."""
        try:
            content: bytes | OSError = files.read(self.path, _SIZE_LIMIT)
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
            self._bequest.leave(b"")
            return State()
        if isinstance(content, OSError):
            reason = content.strerror or type(content).__name__
            return self._broken(f"unreadable-{content.errno}", ConfigError(f"It cannot be read: {reason}."))
        tag = _tag(content)
        if tag == self._state.version:
            return self._state
        try:
            text = _decoded(content)
            fields, config = configs.read(text, Turns().give)
        except ConfigError as error:
            return self._broken(tag, error)
        except Exception as error:  # noqa: BLE001 - whatever a text makes of its readers, the service goes on
            return self._broken(tag, ConfigError(f"It cannot be read: {fault(error)}."))
        self._bequest.leave(content)
        return State(config=config, fields=fields, text=text, version=tag, exists=True)

    def _broken(self, tag: str, error: ConfigError) -> State:
        if self._state.version != tag and self._news.is_news(tag):
            logger.warning("%s is not used, what was there before stays in force: %s", self.path, error)
        return replace(self._last_good(), version=tag, exists=True, error=error)

    def _last_good(self) -> State:
        """What any of the processes has found last: this one may have come, or looked, too late for it."""
        content = self._bequest.find()
        if content is None:
            return self._state
        text = _decoded(content)
        fields, config = configs.read(text, Turns().give)
        return State(config=config, fields=fields, text=text)

    # Saving.

    @contextlib.contextmanager
    def _changing(self, if_match: str | None) -> Iterator[State]:
        """What is on disk, which nobody else changes meanwhile."""
        try:
            with locked(self._lock):
                state = self._load(self._status())
                if state is None or if_match not in (None, state.version):
                    raise errors.config_changed()
                yield state
        except OSError as error:
            raise _not_written(error) from error

    def _write(self, fields: Mapping[str, Any], base: str, version: str) -> State:
        """Write ``fields`` over ``version``, with the comments of ``base``."""
        try:
            configs.check_bounds(fields)
            config = configs.check(fields)
            self._check_names(config)
            text = self._apart(partial(edits.edited, base, fields))
            content = text.encode()
            fields, config = configs.read(text, Turns().give)
        except ConfigError as error:
            raise _refused(error) from error
        except UnicodeEncodeError:
            raise invalid_request("A text has half a character, which cannot be written.") from None
        if len(content) > _SIZE_LIMIT:
            raise invalid_request(f"The file would be larger than {_SIZE_LIMIT} bytes.")
        tag = _tag(content)
        if tag != version:
            self._keep_present()
            files.remove_unfinished(self.path)
            files.replace(self.path, content)
            self._history.keep(content, tag)
        written = State(config=config, fields=fields, text=text, version=tag, exists=True)
        return self._load(self._status()) or written

    def _keep_present(self) -> None:
        """What is on disk now may have been written by hand: it is a version like any other."""
        try:
            content = files.read(self.path, _SIZE_LIMIT)
        except FileNotFoundError:
            return
        self._history.keep(content, _tag(content))

    def _check_names(self, config: ModelsConfig) -> None:
        for conflict in names.assign(config, self._listed()).conflicts:
            raise invalid_request(conflict.message, conflict.path, "name_taken")

    def _past(self, id: str) -> tuple[Version, str]:
        try:
            version = next(each for each in self.versions() if each.id == id)
            return version, _decoded(self._history.read(id))
        except (StopIteration, FileNotFoundError):
            raise not_found("There is no such version.") from None
        except OSError as error:
            raise _not_written(error) from error
        except ConfigError as error:
            raise _refused(error) from error


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


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_TAG_DIGITS]


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("The file is not UTF-8.", None, line) from None


def _imported(text: str) -> tuple[dict[str, Any], ModelsConfig]:
    """JSON is YAML but for tabs: so it is written without."""
    with contextlib.suppress(msgspec.MsgspecError, RecursionError, UnicodeError):
        text = msgspec.json.encode(msgspec.json.decode(text)).decode()
    try:
        return configs.read(text)
    except ConfigError as error:
        raise _refused(error) from error


def _refused(error: ConfigError) -> ApiError:
    return invalid_request(str(error), error.path)


def _not_written(error: OSError) -> ApiError:
    reason = error.strerror or type(error).__name__
    return errors.config_not_written(f"models.yaml cannot be saved: {reason}.")
