"""Relays in front of an upstream: one that speaks TLS, and a proxy that connects through."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable


class Relay:
    """Accepts connections, greets each, and relays bytes to ``port`` and back.

    ``greet`` gets the accepted socket and returns the one to relay for, or ``None`` to refuse.
    """

    def __init__(self, port: int, greet: Callable[[socket.socket], socket.socket | None]) -> None:
        self._target = port
        self._greet = greet
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        try:
            greeted = self._greet(client)
        except OSError:
            greeted = None
        if greeted is None:
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        threading.Thread(target=_copy, args=[server, greeted], daemon=True).start()
        _copy(greeted, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def over_tls(context: ssl.SSLContext) -> Callable[[socket.socket], socket.socket]:
    """Speak TLS with the client."""
    return lambda client: context.wrap_socket(client, server_side=True)


class Connect:
    """Be a proxy: answer a CONNECT with ``status`` and, if that is 200, relay."""

    def __init__(self, status: str = "200 Connection established") -> None:
        self.status = status
        self.heads: list[str] = []

    def __call__(self, client: socket.socket) -> socket.socket | None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        self.heads.append(head.decode())
        client.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
        return client if self.status.startswith("200") else None
