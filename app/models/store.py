"""Store: models.yaml, saved whole or not at all, with a history. ``file`` knows what is in force."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from app import errors, files
from app.coordination.locks import locked
from app.errors import ApiError, invalid_request, not_found
from app.models import config as configs
from app.models import edits, masks, merging, names
from app.models.changes import Change, changes
from app.models.config import ConfigError, ModelsConfig
from app.models.file import SIZE_LIMIT, ModelsFile, State, decoded, tag_of
from app.models.history import History, Version
from app.turns import Turns


class Preview(Struct, frozen=True):
    """What saving a text would do: its ``fields``, for ``save``, and the changes to what is in force."""

    fields: Mapping[str, Any]
    changes: Sequence[Change]


class Past(Struct, frozen=True):
    """A version from the history. ``changes`` are those from it to what is in force.

    The token is masked in ``text`` but not in ``fields``, which are empty if the version cannot be used,
    as ``error`` then says.
    """

    version: Version
    fields: Mapping[str, Any]
    text: str
    changes: Sequence[Change]
    error: ConfigError | None = None


class Store:
    """models.yaml in ``folder``, for one of the processes that share it.

    ``listed`` returns the names of the bots in Poe's list, as far as known, which no other bot may have;
    ``run_in_thread`` runs work that computes for half a second, so that others have their turn.
    """

    def __init__(
        self,
        folder: Path,
        listed: Callable[[], Sequence[str]] = tuple,
        run_in_thread: Callable[[Callable[[], str]], str] = lambda work: work(),
    ) -> None:
        self._file = ModelsFile(folder / "models.yaml")
        self._lock = folder / ".models.lock"
        self._history = History(folder / "models.history", SIZE_LIMIT)
        self._listed = listed
        self._run_in_thread = run_in_thread

    @property
    def path(self) -> Path:
        """The file's path."""
        return self._file.path

    def current(self) -> State:
        """What is in force. Never raises; looks at the disk at most every half second."""
        return self._file.current()

    def latest(self) -> State:
        """What is in force, including everything other processes have saved. Never raises."""
        try:
            with locked(self._lock):
                return self._file.load() or self._file.current()
        except OSError:
            return self.current()

    def save(self, fields: Mapping[str, Any], if_match: str | None = None) -> State:
        """Make ``fields`` the file's content, if the file's version is ``if_match``.

        Absent keys are removed, except foreign ones, which are removed if they are null, and the API token,
        which is removed if it is null or empty. Raises ``ApiError``: 400 with the path of a wrong field or of
        a name that two bots would have, 409 if the version is another, 500 if the file cannot be written.
        """
        with self._changing(if_match) as state:
            return self._write(merging.merged(state.fields, fields), state.text, state.version)

    def preview(self, text: str) -> Preview:
        """What would change if ``text``, YAML or JSON, were saved. Raises ``ApiError`` (400)."""
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
        """Restore a version from the history, except the token. Raises as ``save`` does, and 404."""
        _, text = self._past(id)
        try:
            fields, _ = configs.read(text)
        except ConfigError as error:
            raise _refused(error) from error
        with self._changing(if_match) as state:
            return self._write(merging.with_token_of(state.fields, fields), text, state.version)

    @contextlib.contextmanager
    def _changing(self, if_match: str | None) -> Iterator[State]:
        """The content on disk, which nobody else changes meanwhile."""
        try:
            with locked(self._lock):
                state = self._file.load()
                if state is None or if_match not in (None, state.version):
                    raise errors.config_changed()
                yield state
        except OSError as error:
            raise _not_written(error) from error

    def _write(self, fields: Mapping[str, Any], base: str, version: str) -> State:
        """Replace ``version`` by ``fields``, with the comments of the text ``base``."""
        try:
            configs.check_bounds(fields)
            config = configs.check(fields)
            self._check_names(config)
            text = self._run_in_thread(partial(edits.edited, base, fields))
            content = text.encode()
            fields, config = configs.read(text, Turns().give)
        except ConfigError as error:
            raise _refused(error) from error
        except UnicodeEncodeError:
            raise invalid_request("A text contains half a surrogate pair, which cannot be written.") from None
        if len(content) > SIZE_LIMIT:
            raise invalid_request(f"The file would be larger than {SIZE_LIMIT} bytes.")
        tag = tag_of(content)
        if tag != version:
            self._keep_present()
            files.remove_unfinished(self.path)
            files.replace(self.path, content)
            self._history.keep(content, tag)
        written = State(config=config, fields=fields, text=text, version=tag, exists=True)
        return self._file.load() or written

    def _keep_present(self) -> None:
        """Keep what is on disk now, perhaps written by hand, as a version like any other."""
        try:
            content = files.read(self.path, SIZE_LIMIT)
        except FileNotFoundError:
            return
        self._history.keep(content, tag_of(content))

    def _check_names(self, config: ModelsConfig) -> None:
        for conflict in names.assign(config, self._listed()).conflicts:
            raise invalid_request(conflict.message, conflict.path, "name_taken")

    def _past(self, id: str) -> tuple[Version, str]:
        try:
            version = next(each for each in self.versions() if each.id == id)
            return version, decoded(self._history.read(id))
        except (StopIteration, FileNotFoundError):
            raise not_found("There is no such version.") from None
        except OSError as error:
            raise _not_written(error) from error
        except ConfigError as error:
            raise _refused(error) from error


def _imported(text: str) -> tuple[dict[str, Any], ModelsConfig]:
    """The content of YAML or JSON. JSON is YAML except for tabs, so it is written anew without."""
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
