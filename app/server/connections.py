"""Connections: clients' sockets, with bounds on every wait, and the listener that accepts them."""

from __future__ import annotations

import contextlib
import errno
import math
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
import gevent.socket
from gevent.pool import Pool
from gevent.server import StreamServer

from app.logs import logger

_BODY_BYTES_A_SECOND = 1000  # slower than any line: a client that sends its whole body more slowly is let go
_TOO_MANY = (errno.EMFILE, errno.ENFILE)
_PAUSE_SECONDS = 0.2
_WARNING_SECONDS = 60.0
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Not 0: that runs what is ready, but does not look at what sockets have become so.
_TURN_SECONDS = 0.000_001
_UNSENT_BYTES = 128 * 1024  # bytes that the kernel keeps of an answer that its client does not read
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux's


class ClientSocket(gevent.socket.socket):
    """A client's connection, on which neither side waits for ever.

    It sends at once: gevent's asks for the buffer's size before. ``TimeoutError`` means that the client has
    read nothing for ``send_seconds``, or does not send as ``expect_head`` or ``expect_body`` require.
    ``owes_continue``: the client sends its body once it is asked to (RFC 9110 section 10.1.1).
    """

    send_seconds: float | None = None
    timeout: float | None
    hub: Any
    owes_continue = False
    _body_seconds = 0.0  # 0: nothing of a body is expected
    _ends = 0.0  # when what is expected must have arrived; 0: nothing is expected
    _iteration = -1  # of the event loop, at the last read of a body

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.timeout = self.send_seconds
        try:
            sent = self.send(data, flags)
            while sent < len(data):
                sent += self.send(memoryview(data)[sent:], flags)
        finally:
            self.timeout = None

    def expect_head(self, seconds: float) -> None:
        """From now on a head is read, all of which must arrive within ``seconds``."""
        self._body_seconds = 0.0
        self._ends = time.monotonic() + seconds

    def expect_body(self, seconds: float) -> None:
        """From now on a body is read: a pause may last ``seconds``, and the whole has a bound, too."""
        self._body_seconds = seconds
        self._ends = time.monotonic() + seconds
        self._iteration = -1

    def expect_nothing(self) -> None:
        """From now on the reader itself sets the time-outs."""
        self._ends = 0.0

    def recv(self, *args: Any) -> bytes:
        if not self._ends:
            return super().recv(*args)
        if self._body_seconds:
            self._ask_for_body()
            self._give_turn()
        left = max(0.001, self._ends - time.monotonic())
        self.timeout = min(self._body_seconds or left, left)
        try:
            data = super().recv(*args)
        finally:
            self.timeout = None
        if self._body_seconds:
            self._ends += len(data) / _BODY_BYTES_A_SECOND
        return data

    def _ask_for_body(self) -> None:
        """Send ``100 Continue`` to a client that waits for it."""
        if self.owes_continue:
            self.owes_continue = False
            self.sendall(_CONTINUE)

    def _give_turn(self) -> None:
        """Let others run if this connection has never had to wait."""
        if self._iteration == self.hub.loop.iteration:
            gevent.sleep(_TURN_SECONDS)
        self._iteration = self.hub.loop.iteration

    def forget(self) -> None:
        """Have closing discard what the client has not read: the kernel would offer it for many minutes."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def end_reading(self) -> None:
        """Have a waiting read return nothing, as if the client had left; gevent's would raise.

        A request that has arrived already is served.
        """
        plain: Any = self
        with contextlib.suppress(OSError):
            if plain._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return
        with contextlib.suppress(OSError):
            plain._sock.shutdown(socket.SHUT_RD)


class Address:
    """A listener's address, known even after it is closed: a connection may begin after that."""

    def __init__(self, listener: socket.socket) -> None:
        self._name = listener.getsockname()

    def getsockname(self) -> Any:
        return self._name


class ClientServer(StreamServer):
    """Accepts connections into the pool ``connections``, each for ``handle(address, connection, client)``."""

    def __init__(
        self,
        listener: socket.socket,
        handle: Callable[..., None],
        connections: Pool,
        *,
        send_seconds: float,
        accepted_at_once: int,
    ) -> None:
        listener.settimeout(None)  # gevent's: blocks greenlets only
        if _TCP_NOTSENT_LOWAT is not None and listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        super().__init__(listener, handle=partial(handle, Address(listener)), spawn=connections)
        self.max_accept = accepted_at_once
        self._warned_at = -math.inf
        self._send_seconds = send_seconds

    def do_read(self) -> Any:
        try:
            accepted = super().do_read()
        except OSError as error:
            if error.errno not in _TOO_MANY:
                raise
            self._pause(error)
            return None
        if accepted is None:
            return None
        client, address = accepted
        connection = ClientSocket(client.family, client.type, client.proto, fileno=client.detach())
        connection.send_seconds = self._send_seconds
        return connection, address

    def _pause(self, error: OSError) -> None:
        """Accept nobody for a while: this process has no file descriptor left."""
        now = time.monotonic()
        if now - self._warned_at > _WARNING_SECONDS:
            self._warned_at = now
            logger.warning("no more connections can be accepted for now: %s (ulimit -n)", error.strerror)
        plain: Any = self
        self.stop_accepting()
        self._timer: Any = self.loop.timer(_PAUSE_SECONDS)
        self._timer.start(plain._start_accepting_if_started)

    def close(self) -> None:
        """Stop listening once all waiting connections are accepted: they would be reset."""
        while not self.closed and not self.full() and (accepted := self.do_read()):
            self.do_handle(*accepted)
        super().close()
