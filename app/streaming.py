"""Streaming: keeps an answer flowing from a greenlet that produces it to the one that serves it.

The only place that knows greenlets. One greenlet runs the completion, which may block wherever it
likes; the request's own waits for what it brings, a limited time, so that it can send heartbeats
meanwhile. A watcher on the client's socket ends the first as soon as the client has left.

A client that reads slowly blocks its own greenlet, then, over a queue of ``_AHEAD`` items, the
producer, and by that its own query; nothing else, and nothing piles up.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Generator
from typing import Any, Generic, TypeVar, cast

import gevent
from gevent import monkey
from gevent.hub import get_hub
from gevent.queue import Empty, Full, Queue

Item = TypeVar("Item")

_AHEAD = 2
_RECHECK_SECONDS = 0.5
_READABLE = 1  # libev's EV_READ
# POLLRDHUP: the peer has shut down its sending side (Linux; elsewhere only a full hang-up shows).
_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR

_poll = monkey.get_original("select", "poll")


class ClientGone(Exception):
    """The client has closed its connection: nobody reads this answer."""


class Pump(Generic[Item]):
    """Runs the generator ``source`` in a greenlet of its own and hands over what it yields.

    ``client`` is the client's socket. When its peer leaves, the producer is killed wherever it
    waits, so that its ``finally`` blocks run at once, and ``take`` raises ``ClientGone``.
    Close a pump when the request ends, however it ends.
    """

    def __init__(self, source: Generator[Item, None, None], client: socket.socket | None) -> None:
        self._source = source
        self._items: Queue[tuple[Item | None, BaseException | None]] = Queue(_AHEAD)
        self._interrupted_by: BaseException | None = None
        self._may_tidy_up = False
        self._producer = gevent.spawn(self._produce)
        self._watcher = _ClientWatcher(client, self._on_client_left) if client is not None else None

    def take(self, timeout: float | None = None) -> Item:
        """The next item. Raises ``TimeoutError`` if it does not come within ``timeout`` seconds.

        Raises ``ClientGone``, and what the source raised. Must not be called after the last item.
        """
        self._check()
        try:
            item, error = self._items.get(timeout=timeout)
        except Empty:
            raise TimeoutError from None
        self._check()
        if error is not None:
            raise error
        return cast("Item", item)  # None comes with an error only

    def interrupt(self, error: BaseException) -> None:
        """End the producer now: ``take`` raises ``error``, also one that waits already."""
        self._interrupted_by = error
        self._producer.kill(block=False)
        with contextlib.suppress(Full):  # then there is something to take, and to find out by
            self._items.put_nowait((None, error))

    def release(self) -> None:
        """The last item has been taken: the producer may go on by itself to tidy up."""
        self._may_tidy_up = True

    def close(self) -> None:
        """End the producer, unless it was released, and stop watching the client."""
        if self._watcher is not None:
            self._watcher.stop()
        if not self._may_tidy_up:
            self._producer.kill(block=False)

    def _produce(self) -> None:
        error: BaseException = EOFError("the source ended without a last item")
        try:
            for item in self._source:
                self._items.put((item, None))
        except gevent.GreenletExit:
            return  # nobody takes any more, or knows why
        except Exception as raised:  # noqa: BLE001 - handed to the one who takes
            error = raised
        finally:
            self._source.close()
        if not self._may_tidy_up:
            self._items.put((None, error))

    def _on_client_left(self) -> None:
        self.interrupt(ClientGone())

    def _check(self) -> None:
        if self._interrupted_by is not None:
            raise self._interrupted_by


class _ClientWatcher:
    """Calls back, once, when the peer of a socket closes its side."""

    def __init__(self, client: socket.socket, callback: Any) -> None:
        self._callback = callback
        self._poll = _poll()
        self._poll.register(client.fileno(), _LEFT)
        loop = get_hub().loop
        self._readable = loop.io(client.fileno(), _READABLE)
        self._timer = loop.timer(_RECHECK_SECONDS, _RECHECK_SECONDS)
        self._is_polling = False
        self._readable.start(self._look)

    def stop(self) -> None:
        for watcher in (self._readable, self._timer):
            watcher.stop()
            watcher.close()

    def _look(self) -> None:
        if self._poll.poll(0):
            self._readable.stop()
            self._timer.stop()
            self._callback()
        elif not self._is_polling:
            # A pipelined request: readable until we get to it. Look again now and then.
            self._is_polling = True
            self._readable.stop()
            self._timer.start(self._look)
