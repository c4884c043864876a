"""Client: queries to Poe over HTTP. The only place, with ``connections``, that speaks it outward."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Self

from app import errors
from app.errors import ApiError
from app.poe import faults
from app.poe.connection import Connection, Waiter
from app.poe.connections import Connections, ProxyFailed, TimeLimit
from app.poe.wire import COMPRESSIONS, ResponseParser, WireError
from app.settings import Settings

_USER_AGENT = "poe2openai"
_ERROR_BODY_LIMIT = 65536
_ERROR_BODY_SECONDS = 10.0
_MODELS_LIMIT = 64 * 1024 * 1024
_MODELS_SECONDS = 30.0
_BEYOND_SECONDS = 2 * _MODELS_SECONDS  # for each part of what has a limit as a whole


class QueryFailed(Exception):
    """A query had no answer. ``retryable``: asking once more may help and costs nothing twice."""

    def __init__(self, error: ApiError, *, retryable: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.retryable = retryable


class PoeClient:
    """Asks one Poe's bots and for its list of them, over connections that all requests of a worker share."""

    def __init__(
        self, settings: Settings, make_waiter: Callable[[socket.socket], Waiter], time_limit: TimeLimit
    ) -> None:
        self._first_byte_timeout = settings.first_byte_timeout_seconds
        self._idle_timeout = settings.idle_timeout_seconds
        self._models_timeout = min(_MODELS_SECONDS, settings.first_byte_timeout_seconds)
        self._time_limit = time_limit
        connect_timeout = settings.connect_timeout_seconds
        self._upstream = Upstream(settings.poe_base_url, connect_timeout, make_waiter, time_limit)

    def ask(
        self,
        segment: str,
        body: bytes,
        key: str,
        wait_for_start: Callable[[], bool],
        meanwhile: Callable[[], None],
    ) -> Answer:
        """Send a query to the bot whose name is the path segment ``segment``.

        ``wait_for_start`` is called with a connection at hand, right before the query is sent; it
        returns whether it waited. ``meanwhile`` is called when Poe has the query. Returns once the head
        of a good answer is there. Raises ``QueryFailed``.
        """
        fields = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": "text/event-stream",
        }
        head = self._upstream.head("POST", f"/bot/{segment}", fields)
        answer = self._upstream.open(self._first_byte_timeout, self._idle_timeout, wait_for_start)
        try:
            answer.send([head + body])
            meanwhile()
            answer.read_head()
            if answer.status != 200 or not _is_event_stream(answer.headers):
                raise _failed(answer)
        except BaseException:
            answer.close()
            raise
        return answer

    def models(self, key: str | None = None) -> bytes:
        """The body of ``GET /v1/models``, in as long as an answer may take to begin, but no longer than 30 s.

        Raises ``QueryFailed``.
        """
        fields = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        head = self._upstream.head("GET", "/v1/models", fields)
        with self._upstream.open(_BEYOND_SECONDS, _BEYOND_SECONDS) as answer:
            try:
                with self._time_limit(self._models_timeout):
                    answer.send([head])
                    answer.read_head()
                    if answer.status != 200:
                        raise _failed(answer)
                    return b"".join(answer.pieces(_MODELS_LIMIT, _BEYOND_SECONDS))
            except TimeoutError as error:
                raise QueryFailed(errors.models_timeout(self._models_timeout)) from error

    def tidy_up(self) -> None:
        """Close connections that have been idle for long. To be called now and then."""
        self._upstream.tidy_up()


class Upstream:
    """One server that requests are sent to, at ``base_url``, over kept-alive connections."""

    def __init__(
        self,
        base_url: str,
        connect_timeout: float,
        make_waiter: Callable[[socket.socket], Waiter],
        time_limit: TimeLimit,
    ) -> None:
        self._connect_timeout = connect_timeout
        self._connections = Connections(base_url, connect_timeout, make_waiter, time_limit)

    def head(self, method: str, path: str, fields: Mapping[str, str]) -> bytes:
        """The head of a request for ``path`` below the base URL."""
        fields = {"Host": self._connections.host_field, "User-Agent": _USER_AGENT, **fields}
        fields["Accept-Encoding"] = "identity"
        if self._connections.proxy_field:
            fields["Proxy-Authorization"] = self._connections.proxy_field
        lines = [f"{method} {self._connections.target_prefix}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        if not all(line.isprintable() for line in lines):
            raise ValueError("a header field would end early")
        return "\r\n".join([*lines, "\r\n"]).encode("ascii")

    def open(
        self,
        first_byte_timeout: float,
        idle_timeout: float,
        wait_for_start: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """A connection on which a request can be sent now. Raises ``QueryFailed``."""
        connection = self._connect(self._connections.take)
        try:
            if wait_for_start():
                connection = self._connect(partial(self._connections.renew, connection))
        except BaseException:
            connection.close()
            raise
        return Answer(connection, self._connections, first_byte_timeout, idle_timeout)

    def tidy_up(self) -> None:
        """Close connections that have been idle for long. To be called now and then."""
        self._connections.prune()

    def _connect(self, take: Callable[[], Connection]) -> Connection:
        try:
            return take()
        except TimeoutError as error:
            raise QueryFailed(errors.connect_timeout(self._connect_timeout)) from error
        except ssl.SSLError as error:
            message = f"The TLS connection to Poe failed: {error.reason or 'handshake'}."
            raise QueryFailed(errors.bad_upstream(message)) from error
        except ProxyFailed as error:
            raise QueryFailed(errors.bad_upstream(f"The proxy to Poe failed: {error}.")) from error
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise QueryFailed(errors.out_of_descriptors()) from error
            raise _unreachable() from error


class Answer:
    """A response, read as it comes. Close it: that is what ends the query."""

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

    @property
    def rate_limits(self) -> Mapping[str, str]:
        """What Poe says of the subscriber's limits: its ``x-ratelimit-*`` header fields."""
        return faults.rate_limits(self.headers)

    def wait_at_most(self, seconds: float) -> None:
        """From now on no single wait is longer than ``seconds``."""
        self._first_byte_timeout = self._idle_timeout = max(0.001, seconds)

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send the request. A server that answers before it has read everything is heard.

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
        """Send all of ``piece``, or as much as the server takes before it answers; whether that is all."""
        connection = self._open_connection()
        deadline = time.monotonic() + self._first_byte_timeout
        left = memoryview(piece)
        while left := left[connection.send_some(left) :]:
            connection.wait_for_room(max(0.001, deadline - time.monotonic()))
            if self._hears_early():
                return False
        return True

    def _hears_early(self) -> bool:
        """Whether the server answers already, or has gone; either way it does not want the rest."""
        self._early = self._open_connection().receive_now()
        return self._early is not None

    def read_head(self) -> None:
        """Wait for the head, as long as the first byte may take, however slowly it drips."""
        deadline = time.monotonic() + self._first_byte_timeout
        while not self._parser.has_head:
            data = self._receive(max(0.001, deadline - time.monotonic()))
            if not data:
                raise self._cut_off()
            self._has_answered = True
            self._body += self._parse(data)

    def read(self) -> bytes:
        """What the next read of the connection brings; empty only at the end of the body.

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
        """The body, of at most ``limit`` bytes, if all of it comes within ``seconds``.

        Raises ``QueryFailed`` where it does not.
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
        """Wait for the end of the body, so that the connection can be kept: a few reads at most."""
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
        """Keep the connection if the body is over, else end it: Poe sees that nobody listens."""
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
            raise ValueError("the answer is closed")
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
            return _unreachable(retryable=not self._has_answered)
        return QueryFailed(errors.bad_upstream("Poe closed the connection in the middle of the answer."))


def _broken(error: WireError) -> QueryFailed:
    return QueryFailed(errors.bad_upstream(f"Poe's answer is broken: {error}."))


def _unreachable(*, retryable: bool = True) -> QueryFailed:
    message = "Poe could not be reached, or closed the connection before it answered."
    return QueryFailed(errors.bad_upstream(message), retryable=retryable)


def _failed(answer: Answer) -> QueryFailed:
    """What a response says that is no event stream. After a 502 or 503 a retry may help."""
    body = b""
    with contextlib.suppress(QueryFailed):  # then what has come must do
        for piece in answer.pieces(_ERROR_BODY_LIMIT, _ERROR_BODY_SECONDS):
            body += piece
    retryable = answer.status in (502, 503) and "retry-after" not in answer.headers
    error = faults.from_response(answer.status, answer.headers, body)
    return QueryFailed(error, retryable=retryable and not faults.forbids_retry(body))


def _is_event_stream(headers: Mapping[str, str]) -> bool:
    """Whether a body is an event stream, in no coding but those that are understood."""
    kind = headers.get("content-type", "text/event-stream").lower().lstrip()
    coding = headers.get("content-encoding", "identity").lower()
    return kind.startswith("text/event-stream") and coding in ("identity", *COMPRESSIONS)
