"""Sockets: waiting for what comes from a server, and watching for a client that leaves."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from gevent import monkey
from gevent.hub import get_hub
from gevent.socket import wait
from greenlet import getcurrent, greenlet

_RECHECK_SECONDS = 0.5
_READABLE, _WRITABLE = 1, 2  # libev's EV_READ, EV_WRITE
# POLLRDHUP: the peer has shut down its sending side (Linux; elsewhere only a full hang-up shows).
_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR

_poll = monkey.get_original("select", "poll")


class ReadWaiter:
    """Waits on one connection, mostly for a read to bring something. Close it with the connection.

    gevent's sockets read first and wait if nothing was there, with a timer made for each wait: for
    each event of an answer, a system call and a timer in vain. Here the wait comes first, and one
    timer serves all waits.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        self._hub = get_hub()
        self._loop = self._hub.loop
        self._readable: Any = self._loop.io(connection.fileno(), _READABLE)
        self._timer = self._loop.timer(0.0)
        self._timer_ends = 0.0  # on the loop's clock; 0: it does not run
        self._deadline = 0.0
        self._waiting: greenlet | None = None

    def wait(self, seconds: float) -> None:
        """Wait. Raises ``TimeoutError`` after ``seconds``, which also bound the read that follows."""
        connection: Any = self._connection
        if connection.timeout != seconds:
            connection.settimeout(seconds)
        if self._is_tls and connection.pending():
            return
        self._deadline = self._loop.now() + seconds
        if not 0 < self._timer_ends <= self._deadline:
            self._set_timer(self._deadline)
        self._waiting = getcurrent()
        if not self._readable.active:
            self._readable.start(self._on_readable)
        try:
            self._hub.switch()
        finally:
            self._waiting = None

    def wait_for_room(self, seconds: float) -> None:
        """Wait until more can be sent, or something has come. Raises ``TimeoutError`` after ``seconds``."""
        either = self._loop.io(self._connection.fileno(), _READABLE | _WRITABLE)
        try:
            wait(either, seconds, TimeoutError())
        finally:
            either.close()

    def close(self) -> None:
        """Let go of the connection."""
        for watcher in (self._readable, self._timer):
            watcher.stop()
            watcher.close()

    def _on_readable(self) -> None:
        """Watching goes on from wait to wait, until something comes between two."""
        if self._waiting is None:
            self._readable.stop()
        else:
            self._waiting.switch()

    def _set_timer(self, end: float) -> None:
        self._timer.stop()
        self._timer.close()
        self._timer = self._loop.timer(max(0.0, end - self._loop.now()))
        self._timer.start(self._on_timer)
        self._timer_ends = end

    def _on_timer(self) -> None:
        """End the wait, unless the timer was set for an earlier one."""
        self._timer_ends = 0.0
        if self._waiting is None:
            return
        if self._deadline > self._loop.now():
            self._set_timer(self._deadline)
        elif _is_readable(self._connection):  # nothing was late but this loop
            self._waiting.switch()
        else:
            self._waiting.throw(TimeoutError)


def _is_readable(connection: socket.socket) -> bool:
    poll = _poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class ClientWatcher:
    """Calls ``on_left`` once, when the peer of ``client`` closes its side. Close it before the socket."""

    def __init__(self, client: socket.socket, on_left: Callable[[], None]) -> None:
        self._on_left = on_left
        self._poll = _poll()
        self._poll.register(client.fileno(), _LEFT)
        loop = get_hub().loop
        self._readable = loop.io(client.fileno(), _READABLE)
        self._timer: Any = None
        self._readable.start(self._look)

    def stop(self) -> None:
        """Watch no longer."""
        self._readable.stop()
        if self._timer is not None:
            self._timer.stop()

    def close(self) -> None:
        """Let go of the socket."""
        self._readable.close()
        if self._timer is not None:
            self._timer.close()

    def _look(self) -> None:
        if self._poll.poll(0):
            self.stop()
            self._on_left()
        elif self._timer is None:
            # A pipelined request: readable until we get to it. Look again now and then.
            self._readable.stop()
            self._timer = get_hub().loop.timer(_RECHECK_SECONDS, _RECHECK_SECONDS)
            self._timer.start(self._look)
