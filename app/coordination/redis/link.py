"""Link: a process's connections to Redis, which may be down at any time.

Nobody waits for it longer than its time-outs, and few as long: after a failure nobody asks until a
thread, which tries it for all, has found it usable.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis

from app.logs import logger
from app.names import Names

Result = TypeVar("Result")

TIMEOUT_SECONDS = 1.0  # for each: looking up a name, connecting, sending, waiting for an answer
_PAUSE_SECONDS = 1.0  # after a failure, until it is tried again
_WARNING_SECONDS = 60.0
_REASON_LENGTH = 200  # characters of its message; it may not be a Redis
# For idle connections that a firewall would forget, or whose other end has lost power. In seconds.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}

# A write, as everything else needs it: a Redis that answers may be full, a replica, or too strict.
_TRY = "return redis.call('SET', KEYS[1], '', 'PX', 1000)"
_TRIED = "poe2openai:try"


class Unavailable(Exception):
    """Redis cannot be asked now. The log already says so."""


class Link:
    """Connections to the Redis at ``url``, as many at a time as ``semaphore`` lets in.

    Created before a fork, it connects after it, when it is first used.
    """

    def __init__(self, url: str, semaphore: AbstractContextManager[object]) -> None:
        parts = urlsplit(url)
        self._semaphore = semaphore
        self._place = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        self.client = redis.Redis(connection_pool=_pool(url, parts.scheme))
        self._is_down = False
        self._has_warned = False  # of this time that it is down
        self._warned_at = float("-inf")

    def run(self, command: Callable[[], Result]) -> Result:
        """What ``command``, which uses ``client`` once, returns. Raises ``Unavailable``."""
        self._check()
        with self._semaphore:
            self._check()
            try:
                return command()
            except redis.ResponseError as error:
                self._check_refusal(error)
                raise Unavailable from error
            except (redis.RedisError, OSError) as error:
                self._fall(error)
                raise Unavailable from error

    def _check(self) -> None:
        if self._is_down:
            raise Unavailable

    def _check_refusal(self, error: Exception) -> None:
        """Find out whether Redis refuses everything, or only this command, for which others need not pay."""
        try:
            self._try()
        except (redis.RedisError, OSError) as refusal:
            self._fall(refusal)
        else:
            self._warn(error)

    def _fall(self, error: Exception) -> None:
        """Stop all commands, and have a thread find out when Redis can be used again."""
        self._warn(error)
        if not self._is_down:
            self._is_down = True
            threading.Thread(target=self._rise, name="redis", daemon=True).start()

    def _rise(self) -> None:
        while not self._is_usable():
            pass
        self._is_down = False
        if self._has_warned:
            self._has_warned = False
            logger.warning("Redis (%s) is back", self._place)

    def _is_usable(self) -> bool:
        """Try it after a pause, over a new connection: the old ones may lead to where it was."""
        self.client.connection_pool.disconnect(inuse_connections=False)
        time.sleep(_PAUSE_SECONDS)
        try:
            self._try()
        except (redis.RedisError, OSError) as error:
            self._warn(error)
            return False
        return True

    def _try(self) -> None:
        self.client.eval(_TRY, 1, _TRIED)

    def _warn(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._warned_at >= _WARNING_SECONDS:
            self._warned_at = now
            self._has_warned = True
            logger.warning(
                "Redis (%s) cannot be used: %s. Until it can, this machine shares nothing with others",
                self._place,
                str(error)[:_REASON_LENGTH].rstrip(".") or type(error).__name__,
            )


class _FoundInTime:
    """A connection whose time-outs include the look-up of the name, which redis-py leaves out."""

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
    """A pool of plain connections to the address. None is opened yet."""
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "protocol": 2,
        "driver_info": None,
    }
    if scheme != "unix":
        parts = urlsplit(url)
        options["socket_keepalive"] = True
        options["socket_keepalive_options"] = {
            getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)
        }
        options["names"] = Names(parts.hostname or "", parts.port or 6379)
        options["connection_class"] = _TlsConnection if scheme == "rediss" else _Connection
    return redis.ConnectionPool.from_url(url, **options)
