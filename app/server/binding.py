"""Binding: checks that the addresses can be listened on; gunicorn would try five times, in twelve lines."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable

_PATIENCE_SECONDS = 5.0  # for a port in use: its process may be about to end
_LOOK_SECONDS = 0.2


class CannotListen(Exception):
    """An address cannot be listened on; the message says which and why, in one line."""


def check(host: str, ports: Iterable[int]) -> None:
    """Raise ``CannotListen`` if need be. A port in use has a few seconds to become free."""
    for port in ports:
        _check(host, port)


def _check(host: str, port: int) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while (error := _failure(host, port)) is not None:
        if error.errno != errno.EADDRINUSE or time.monotonic() > ends:
            raise CannotListen(f"cannot listen on HOST={host!r} at port {port}: {error.strerror or error}")
        time.sleep(_LOOK_SECONDS)


def _failure(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen()
    except OSError as error:
        return error
    except (UnicodeError, OverflowError) as error:
        return OSError(str(error))
    return None
