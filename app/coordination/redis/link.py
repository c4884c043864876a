"""Link: a process's connections to Redis, which may be down at any time.

Nobody waits for it longer than its time-outs, and few as long: after a failure nobody asks for a
while, then one does for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis

from app.logs import logger
from app.names import Names

Result = TypeVar("Result")

TIMEOUT_SECONDS = 1.0  # each: looking a name up, connecting, sending, waiting for an answer
_PAUSE_SECONDS = 1.0  # after a failure, until it is tried again
_WARNING_SECONDS = 60.0


class Unavailable(Exception):
    """Redis cannot be asked now. That it is so has been said in the log."""


class Link:
    """Connections to the Redis at ``url``, as many as there are ``lines``.

    Made before a fork, it connects after it, when it is used first.
    """

    def __init__(self, url: str, lines: AbstractContextManager[object]) -> None:
        parts = urlsplit(url)
        self._lines = lines
        self._place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        self.client = redis.Redis(connection_pool=_pool(url, parts.scheme))
        self._is_down = False
        self._next_try = 0.0
        self._warned_at = float("-inf")

    def run(self, command: Callable[[], Result]) -> Result:
        """What ``command``, which uses ``client`` once, returns. Raises ``Unavailable``."""
        self._check()
        with self._lines:
            self._check()
            if self._is_down:
                self._next_try = time.monotonic() + _PAUSE_SECONDS  # the others need not wait for this
            try:
                result = command()
            except redis.ResponseError as error:  # it answers: this command cannot be done
                self._warn(error)
                raise Unavailable from error
            except (redis.RedisError, OSError) as error:
                self._is_down = True
                self._next_try = time.monotonic() + _PAUSE_SECONDS
                self._warn(error)
                raise Unavailable from error
        if self._is_down:
            self._is_down = False
            logger.warning("Redis (%s) is back", self._place)
        return result

    def _check(self) -> None:
        if self._is_down and time.monotonic() < self._next_try:
            raise Unavailable

    def _warn(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._warned_at >= _WARNING_SECONDS:
            self._warned_at = now
            logger.warning(
                "Redis (%s) cannot be used: %s. Until it can, this machine shares with no other",
                self._place,
                str(error).rstrip(".") or type(error).__name__,
            )


class _FoundInTime:
    """A connection whose time-outs hold for its server's name, too: redis-py's leave that out."""

    def __init__(self, *, names: Names, **options: Any) -> None:
        self._names = names
        super().__init__(**options)

    def _connect(self) -> Any:
        self._names.addresses(TIMEOUT_SECONDS)
        plain: Any = super()
        return plain._connect()


class _Connection(_FoundInTime, redis.Connection):
    pass


class _TlsConnection(_FoundInTime, redis.SSLConnection):
    pass


def _pool(url: str, scheme: str) -> redis.ConnectionPool:
    """Connections as the address says, without anything that is not needed. None is made yet."""
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "protocol": 2,
        "driver_info": None,
    }
    if scheme != "unix":
        parts = urlsplit(url)
        options["names"] = Names(parts.hostname or "", parts.port or 6379)
        options["connection_class"] = _TlsConnection if scheme == "rediss" else _Connection
    return redis.ConnectionPool.from_url(url, **options)
