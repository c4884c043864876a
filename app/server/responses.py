"""Responses: how an answer's head and body are sent."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gunicorn.http import wsgi

from app.bodies import LastPiece
from app.server import leftovers

_LAST_CHUNK = b"0\r\n\r\n"  # RFC 9112 section 7.1


class ClientResponse(wsgi.Response):
    """Sends its head together with what follows; gunicorn's sends it by itself.

    ``closes``: according to the head, the connection ends with this answer.
    """

    closes = True
    _head = b""
    _has_ended = False

    def send_headers(self) -> None:
        if not self.headers_sent:
            body: Any = self.req.body
            client: Any = self.sock
            is_unasked = client.owes_continue and not leftovers.is_read(body)
            if body.failed or is_unasked or leftovers.is_too_long(body):
                self.force_close()  # where the next request begins is unknown or too far away
            self.closes = self.should_close()
            fields = [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = "".join([*self.default_headers(), *fields, "\r\n"]).encode("latin-1")
            self.headers_sent = True

    def default_headers(self) -> list[str]:
        """The status line and the server's own headers."""
        fields = [
            f"HTTP/1.{0 if self.req.version == (1, 0) else 1} {self.status}\r\n",
            f"Date: {_http_date(int(time.time()))}\r\n",
            f"Connection: {'close' if self.closes else 'keep-alive'}\r\n",
        ]
        return [*fields, "Transfer-Encoding: chunked\r\n"] if self.chunked else fields

    def close(self) -> None:
        """The body is over."""
        self.send_headers()
        if self.chunked and not self._has_ended:
            self._emit_body(LastPiece())
        elif self._head:
            self.sock.sendall(self._head)

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if not self.chunked:
            self.sock.sendall(head + data)
            return
        self._has_ended = isinstance(data, LastPiece)
        end = _LAST_CHUNK if self._has_ended else b""
        if data:
            self.sock.sendall(b"%b%X\r\n%b\r\n%b" % (head, len(data), data, end))
        else:
            self.sock.sendall(head + end)


@lru_cache(maxsize=1)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
