"""Requests: read from a client's connection by gunicorn's parser, within the gateway's limits."""

from __future__ import annotations

import re
from typing import Any

import gevent
from gevent.hub import get_hub
from gunicorn.http.errors import (
    InvalidHeader,
    InvalidRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

_HEAD_BYTES = 64 * 1024  # of a head's fields, and of a body's trailers; each read looks at all of them again
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")  # RFC 3986 section 3.2, without a user
_FIRST_BYTES = frozenset(b"\r" + bytes(range(0x21, 0x7F)))  # of a method, or of an empty line before it
# Not 0: that runs what is ready, but does not look at what sockets have become so.
_TURN_SECONDS = 0.000_001


class HeadTooSlow(ParseException):
    """A head was begun but not completed in time."""


class BoundedRequest(Request):
    """One request. Stricter than gunicorn's in what RFC 9112 wants of its head (sections 3.2 and 6.1)."""

    @property
    def max_buffer_headers(self) -> int:
        """How much of a head is read; gunicorn would allow all fields at their longest: 1.6 MB."""
        return _HEAD_BYTES

    @max_buffer_headers.setter
    def max_buffer_headers(self, _computed: int) -> None: ...

    def _peer_trusted_for_forwarded(self) -> tuple[dict[str, str], list[str]]:
        """Trust nobody: that is left to app/proxies.py. gunicorn's looks up the peer's address each time."""
        return {}, []

    def read_line(self, unreader: Any, buf: bytearray, limit: int = 0) -> tuple[bytes, bytearray]:
        """Refuse at once what begins no line of HTTP: a client that speaks TLS would wait for an answer."""
        if buf and buf[0] not in _FIRST_BYTES:
            raise InvalidRequestLine("no method")
        line: tuple[bytes, bytearray] = super().read_line(unreader, buf, limit)
        return line

    def parse_request_line(self, line_bytes: bytes) -> None:
        try:
            super().parse_request_line(line_bytes)
        finally:
            unreader: Any = self.unreader
            unreader.path = self.path or ""

    def set_body_reader(self) -> None:
        super().set_body_reader()
        host = None
        for name, value in self.headers:
            if name == "HOST":
                host = value
            elif name == "TRANSFER-ENCODING" and value.lower() != "chunked":
                raise UnsupportedTransferCoding(value)
        if not _HOST.fullmatch(host or "") or (host is None and self.version != (1, 0)):
            raise InvalidHeader("HOST", req=self)


class _Unreader(SocketUnreader):
    has_read = False
    path = ""  # of the last request line

    def chunk(self, size_hint: int | None = None) -> bytes:
        plain: Any = super()
        data: bytes = plain.chunk(size_hint)
        self.has_read = True
        return data


class RequestReader(RequestParser):
    """Reads the requests of ``client``, one after another."""

    mesg_class = BoundedRequest

    def __init__(self, cfg: Any, client: Any, address: Any) -> None:
        super().__init__(cfg, client, address)
        self.unreader = self._unreader = _Unreader(client)
        self._client: Any = client
        self._loop = get_hub().loop
        self._iteration = -1  # of the event loop, at the last request

    @property
    def path(self) -> str:
        """Where the last request goes, as far as it could be read."""
        return self._unreader.path

    def next_request(self, seconds: float) -> Request | None:
        """The next request; ``None`` if the client has left, or begins none within ``seconds``.

        Others have a turn between two requests of a client that pipelines. Raises ``HeadTooSlow``, another
        ``ParseException`` or an ``OSError``.
        """
        unreader = self._unreader
        unreader.has_read = unreader.buf.getbuffer().nbytes > 0
        unreader.path = ""
        self._client.expect_head(seconds)
        try:
            request = next(self)
        except (StopIteration, NoMoreData):
            return None
        except TimeoutError:
            if unreader.has_read:
                raise HeadTooSlow from None
            return None
        finally:
            self._client.expect_nothing()
        if self._iteration == self._loop.iteration:
            gevent.sleep(_TURN_SECONDS)
        self._iteration = self._loop.iteration
        return request
