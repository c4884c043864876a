"""Leftovers: what a client has sent, or still sends, that nobody has read.

Closing a connection with unread bytes resets it, and the answer is lost with it (RFC 9112 section 9.6).
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request

_DRAIN_BYTES = 1024 * 1024
_DRAIN_SECONDS = 2.0


def is_read(body: Any) -> bool:
    """Whether all of a request's body has been read."""
    reader = body.reader
    if hasattr(reader, "length"):
        return bool(reader.length == 0)
    return getattr(reader, "parser", None) is None


def is_too_long(body: Any) -> bool:
    """Whether more of a request's body is still to come than would be read and discarded."""
    return getattr(body.reader, "length", 0) > _DRAIN_BYTES


def drain(req: Request, sock: socket.socket) -> bool:
    """Read the rest of the body, within bounds; return whether another request can follow."""
    body: Any = req.body
    if body.failed:
        return False
    return is_read(body) or (_read_away(sock, body.read) and is_read(body))


def linger(req: Request | None, sock: socket.socket) -> None:
    """Let a client that is still sending read our answer: half-close, and read on for a while."""
    body: Any = req.body if req is not None else None
    if body is not None and not body.failed and is_read(body):
        return
    until = time.monotonic() + _DRAIN_SECONDS
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        if not _read_away(sock, sock.recv):  # a client that has much to send stalls, and notices the answer
            time.sleep(max(0.0, until - time.monotonic()))


def _read_away(sock: socket.socket, read: Callable[[int], bytes]) -> bool:
    """Read up to the end, ``_DRAIN_BYTES`` or ``_DRAIN_SECONDS``; return whether it was the end."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    left = _DRAIN_BYTES
    try:
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            sock.settimeout(seconds)
            data = read(min(left, 65536))
            if not data:
                return True
            left -= len(data)
    except (OSError, ParseException):
        return False
    finally:
        sock.settimeout(None)
    return False
