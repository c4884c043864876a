"""Exchange: one request and its response over a connection."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from app import errors
from app.errors import ApiError
from app.poe.connection import Connection
from app.poe.connections import Connections
from app.poe.wire import ResponseParser, WireError

_UNREACHABLE = "Poe could not be reached, or closed the connection before it answered."


class QueryFailed(Exception):
    """A query was not answered. ``retryable``: asking again may help, and costs nothing twice."""

    def __init__(self, error: ApiError, *, retryable: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.retryable = retryable


class Exchange:
    """A request over ``connection`` and its response, read as it comes. Closing it ends the query.

    The response may be silent for ``first_byte_timeout`` seconds until its body begins, and for
    ``idle_timeout`` from then on. ``pool`` gets the connection back if another request can follow.
    """

    def __init__(
        self,
        connection: Connection,
        pool: Connections,
        first_byte_timeout: float,
        idle_timeout: float,
    ) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._parser = ResponseParser()
        self._first_byte_timeout = first_byte_timeout
        self._idle_timeout = idle_timeout
        self._body = b""  # that came with the head
        self._has_answered = False  # a byte of the head has come
        self._has_begun = False  # a byte of the body has come
        self._is_sent = False  # the whole request
        self._early: bytes | None = None  # what came before that

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def status(self) -> int:
        return self._parser.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields, names in lower case."""
        return self._parser.headers

    def wait_at_most(self, seconds: float) -> None:
        """From now on no single wait is longer than ``seconds``."""
        self._first_byte_timeout = self._idle_timeout = max(0.001, seconds)

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send the request, or as much of it as the server reads before it answers.

        No piece may take longer than the first byte of the answer.
        """
        try:
            for number, piece in enumerate(pieces):
                if (number and self._hears_early()) or not self._send(piece):
                    return
        except TimeoutError as error:
            raise QueryFailed(errors.first_byte_timeout(self._first_byte_timeout)) from error
        except OSError:
            return
        self._is_sent = True

    def _send(self, piece: bytes) -> bool:
        """Send ``piece``, or as much as the server takes before it answers; return whether that was all."""
        connection = self._open_connection()
        deadline = time.monotonic() + self._first_byte_timeout
        left = memoryview(piece)
        while left := left[connection.send_some(left) :]:
            connection.wait_for_room(max(0.001, deadline - time.monotonic()))
            if self._hears_early():
                return False
        return True

    def _hears_early(self) -> bool:
        """Whether the server is answering already, or is gone: then it does not want the rest."""
        self._early = self._open_connection().receive_now()
        return self._early is not None

    def read_head(self) -> None:
        """Wait for the complete head, no longer than the first byte may take."""
        deadline = time.monotonic() + self._first_byte_timeout
        while not self._parser.has_head:
            data = self._receive(max(0.001, deadline - time.monotonic()))
            if not data:
                raise self._cut_off()
            self._has_answered = True
            self._body += self._parse(data)

    def read(self) -> bytes:
        """The next bytes of the body; empty only at its end.

        Raises ``QueryFailed`` if the connection breaks, is silent for too long, or ends early.
        """
        if self._body:
            body, self._body = self._body, b""
            self._has_begun = True
            return body
        while not self._parser.complete:
            if self._parser.failure is not None:
                raise _broken(self._parser.failure)
            data = self._receive(self._idle_timeout if self._has_begun else self._first_byte_timeout)
            if not data:
                if self._parser.may_end:
                    break
                raise self._cut_off()
            self._has_begun = True
            body = self._parse(data)
            if body:
                return body
        return b""

    def pieces(self, limit: int, seconds: float) -> Iterator[bytes]:
        """The body, of at most ``limit`` bytes, all within ``seconds``.

        Raises ``QueryFailed`` if it is larger or slower.
        """
        deadline = time.monotonic() + seconds
        size = 0
        while True:
            self._idle_timeout = self._first_byte_timeout = max(0.001, deadline - time.monotonic())
            piece = self.read()
            if not piece:
                return
            size += len(piece)
            if size > limit:
                raise QueryFailed(errors.bad_upstream("Poe's answer is too large."))
            yield piece

    def drain(self, seconds: float) -> None:
        """Wait for the end of the body, for a few reads at most, so that the connection can be kept."""
        if self._connection is None:
            return
        self._idle_timeout = self._first_byte_timeout = seconds
        try:
            for _ in range(4):
                if not self.read():
                    break
        except QueryFailed:
            return

    def close(self) -> None:
        """Keep the connection if the body is complete, else close it: Poe sees that nobody listens."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._is_sent and self._parser.complete and self._parser.reusable:
            self._pool.give_back(connection)
        else:
            connection.close()
        self._parser.close()

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise ValueError("the exchange is closed")
        return self._connection

    def _receive(self, seconds: float) -> bytes:
        connection = self._open_connection()
        if self._early is not None:
            early, self._early = self._early, None
            return early
        try:
            return connection.receive(seconds)
        except TimeoutError as error:
            if self._has_begun:
                raise QueryFailed(errors.idle_timeout(self._idle_timeout)) from error
            raise QueryFailed(errors.first_byte_timeout(self._first_byte_timeout)) from error
        except OSError as error:
            raise self._cut_off() from error

    def _parse(self, data: bytes) -> bytes:
        try:
            return self._parser.feed(data)
        except WireError as error:
            raise _broken(error) from error

    def _cut_off(self) -> QueryFailed:
        if not self._has_begun:
            return unreachable(retryable=not self._has_answered)
        return QueryFailed(errors.bad_upstream("Poe closed the connection in the middle of the answer."))


def _broken(error: WireError) -> QueryFailed:
    return QueryFailed(errors.bad_upstream(f"Poe's answer is broken: {error}."))


def unreachable(message: str = _UNREACHABLE, *, retryable: bool = True) -> QueryFailed:
    """The failure of a query that Poe has not begun to answer."""
    return QueryFailed(errors.bad_upstream(message), retryable=retryable)
