"""Connection: to a server, with a limit on every wait."""

from __future__ import annotations

import socket
import ssl
from typing import Protocol

_READ_SIZE = 16384  # a TLS record; more at once costs more, for it leaves the caches


class Waiter(Protocol):
    """Waits for its connection; raises ``TimeoutError`` after ``seconds``."""

    def wait(self, seconds: float) -> None:
        """Wait until a read brings something."""
        ...

    def wait_for_room(self, seconds: float) -> None:
        """Wait until more can be sent, or a read brings something."""
        ...

    def close(self) -> None: ...


class Connection:
    """A socket and its waiter, kept from request to request."""

    def __init__(self, plain: socket.socket, waiter: Waiter) -> None:
        self._socket = plain
        self._waiter = waiter

    def receive(self, seconds: float) -> bytes:
        """Wait for data and return it; empty if the server has closed its side.

        Raises ``TimeoutError`` after ``seconds``, or another ``OSError``.
        """
        self._waiter.wait(seconds)
        return self._socket.recv(_READ_SIZE)

    def receive_now(self) -> bytes | None:
        """The data that has arrived; ``None`` if there is none yet. Raises ``OSError``."""
        self._socket.settimeout(0)
        try:
            return self._socket.recv(_READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None

    def send_some(self, data: memoryview) -> int:
        """Send what the connection takes at once; return how many bytes that was. Raises ``OSError``."""
        self._socket.settimeout(0)
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def wait_for_room(self, seconds: float) -> None:
        """Wait until more can be sent, or something has come. Raises ``TimeoutError`` after ``seconds``."""
        self._waiter.wait_for_room(seconds)

    def is_quiet(self) -> bool:
        """Whether the connection has neither ended nor received anything unasked."""
        try:
            return self.receive_now() is None
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self._waiter.close()
        self._socket.close()
