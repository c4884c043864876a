"""Listing: Poe's list of bots, fetched once for all workers, kept on disk, and served while Poe is down."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from app import files
from app.coordination.boards import Board
from app.coordination.once import Once
from app.errors import ApiError, bad_upstream, timed_out
from app.logs import logger
from app.models.model import Model

_RETRY_SECONDS = 10.0  # between attempts in the background while Poe is down
_SIZE_LIMIT = 64 * 1024 * 1024  # bytes
_KEY = "models"
_LATE = 504  # a time-out's status
_UNUSABLE = (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class List(Struct, frozen=True):
    """The list as Poe sent it at ``fetched_at`` (seconds since 1970). ``source`` tells for which token."""

    models: Sequence[Model] = ()
    fetched_at: float = -math.inf
    source: str = ""


class _Outcome(Struct, frozen=True):
    """The outcome of a fetch: empty if the list is on disk, or the error.

    ``late`` is the code of a time-out, if the error was one.
    """

    failure: str | None = None
    late: str | None = None


class Listing:
    """The list of one Poe, fresh for ``fresh_seconds``, for one of the processes that share ``path``.

    ``fetch`` is called with a token or ``None`` and raises ``ApiError``; ``once`` lets only one process
    fetch at a time; ``clock`` returns seconds since 1970. Other machines put their lists on ``board``.
    """

    def __init__(
        self,
        path: Path,
        fetch: Callable[[str | None], Sequence[Model]],
        once: Once,
        fresh_seconds: float,
        clock: Callable[[], float] = time.time,
        board: Board | None = None,
    ) -> None:
        self._path = path
        self._fetch = fetch
        self._once = once
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._board = board
        self._list = List()
        self._has_read = False
        self._tried_at = -math.inf
        self._attempts = 0
        self._outcome = _Outcome()
        self._fetching = threading.Lock()

    @property
    def failure(self) -> str | None:
        """Why the last attempt to fetch the list failed, if it did."""
        return self._outcome.failure

    def known(self) -> List:
        """The list as far as it is known; empty if it never could be fetched. Asks nobody."""
        if not self._has_read:
            self._has_read = True
            self._read()
        return self._list

    def names(self) -> Sequence[str]:
        """The names of the bots in the list, as far as any process knows it."""
        if not self._has_list():
            self._read()
        return [model.id for model in self.known().models]

    def wait(self, token: str | None) -> List:
        """The list. Waits only if there is none yet; an old one is renewed in the background.

        Raises ``ApiError`` (502, 504) if there never was one and Poe cannot be asked.
        """
        if self._has_list():
            self.refresh_in_background(token)
            return self._list
        attempts = self._attempts
        with self._fetching:
            if self._attempts == attempts:  # else another request has just tried
                self._refresh(token)
        if not self._has_list():
            message = f"Poe's list of models could not be fetched: {self._outcome.failure}"
            late = self._outcome.late
            raise timed_out(message, late) if late else bad_upstream(message)
        return self._list

    def refresh_in_background(self, token: str | None) -> None:
        """Renew the list in the background if it is not fresh."""
        now = self._clock()
        is_due = not 0 <= now - self._tried_at < _RETRY_SECONDS
        if is_due and not self._is_fresh(token) and not self._fetching.locked():
            self._tried_at = now
            threading.Thread(target=self._refresh_in_turn, args=(token,), name="models", daemon=True).start()

    def _has_list(self) -> bool:
        return self.known().fetched_at > -math.inf

    def _is_fresh(self, token: str | None) -> bool:
        known = self.known()
        age = self._clock() - known.fetched_at
        return 0 <= age < self._fresh_seconds and known.source == _source(token)

    def _refresh_in_turn(self, token: str | None) -> None:
        with self._fetching:
            if not self._is_fresh(token):
                self._refresh(token)

    def _refresh(self, token: str | None) -> None:
        """Fetch the list, or wait for the process that does."""
        self._tried_at = self._clock()
        before = self._list
        shared = self._once.share(_KEY, lambda: msgspec.json.encode(self._fetched(token)))
        outcome = msgspec.json.decode(shared, type=_Outcome)
        if outcome.failure is None and self._list is before:
            self._read()
            if self._list is before:  # it was on another machine, or could not write it down
                outcome = self._fetched(token)
        self._outcome = outcome
        self._attempts += 1

    def _fetched(self, token: str | None) -> _Outcome:
        """Fetch the list and save it, unless another process just has."""
        self._read()
        if not self._is_fresh(token):
            self._read_board(_source(token))
        if self._is_fresh(token):
            return _Outcome()
        try:
            models = self._fetch(token)
        except ApiError as error:
            logger.warning("the list of models could not be fetched: %s", error)
            message = error.message.replace(token, "***") if token else error.message
            return _Outcome(message, error.code if error.status == _LATE else None)
        self._list = List(models, self._clock(), _source(token))
        content = msgspec.json.encode(self._list)
        self._write(content)
        if self._board:
            self._board.write(_KEY + _source(token), content)
        return _Outcome()

    def _read(self) -> None:
        """Take over the list on disk if it is newer."""
        try:
            self._take(files.read(self._path, _SIZE_LIMIT))
        except FileNotFoundError:
            return
        except _UNUSABLE as error:
            logger.warning(
                "the list of models on disk is not used: %s (%s)", type(error).__name__, self._path
            )

    def _read_board(self, source: str) -> None:
        """Take over another machine's list if it is newer, and save it for this one."""
        content = self._board.read(_KEY + source) if self._board else None
        try:
            if content is not None and self._take(content):
                self._write(content)
        except _UNUSABLE as error:
            logger.warning("the list of models in Redis is not used: %s", type(error).__name__)

    def _take(self, content: bytes) -> bool:
        """Take over a list if it is newer; return whether it was."""
        stored = msgspec.json.decode(content, type=List)
        is_newer = stored.fetched_at > self._list.fetched_at
        if is_newer:
            self._list = stored
        return is_newer

    def _write(self, content: bytes) -> None:
        try:
            files.replace(self._path, content)
        except OSError as error:
            logger.warning("the list of models is not kept on disk: %s (%s)", error.strerror, self._path)


def _source(token: str | None) -> str:
    """An id of the token with which a list was fetched, from which the token does not follow."""
    return hashlib.sha256(token.encode()).hexdigest()[:16] if token else ""
