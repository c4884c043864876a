"""Pump: keeps an answer flowing from the greenlet that produces it to the one that serves it.

The completion runs in a greenlet of its own and may block anywhere; the request's greenlet takes
what it produces, and waits for that only so long, so that it can send heartbeats in between. A watcher on
the client's socket ends both as soon as the client has left.

The two hand over to each other directly, as coroutines do: an item costs a switch in each direction,
and no queue. So there is never more than one item under way: a client that reads slowly blocks its
own greenlet, and with it its producer and its query; nothing else, and nothing piles up.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any, Generic, NamedTuple, TypeVar

import gevent
from gevent.hub import get_hub
from greenlet import GreenletExit, getcurrent, greenlet

from app.greenlets.producers import Producers
from app.greenlets.sockets import ClientWatcher

Item = TypeVar("Item")

# Not 0: that runs what is ready, but does not look at what sockets have become so.
_TURN_SECONDS = 0.000_001


class ClientGone(Exception):
    """The client has closed its connection: nobody reads this answer."""


class _Raised(NamedTuple):
    """Handed over in place of an item."""

    error: Exception


class Pump(Generic[Item]):
    """Runs the generator ``source`` in one of the ``producers`` and hands over what it yields.

    ``patience`` is how many seconds ``take`` waits; ``client`` is the client's socket. When its peer
    leaves, the producer is killed wherever it waits, so that its ``finally`` blocks run at once, and
    ``take`` raises ``ClientGone``. Close a pump when the request ends, however it ends.
    """

    def __init__(
        self,
        source: Generator[Item, None, None],
        producers: Producers,
        client: socket.socket | None,
        patience: float | None = None,
    ) -> None:
        self._source = source
        self._producers = producers
        self._hub = get_hub()
        self._producer: greenlet | None = None  # while it runs
        self._is_paused = True  # the producer waits to be switched to: it has not begun, or has handed over
        self._is_released = False
        self._taker: greenlet | None = None  # who waits in take
        self._ready: Item | _Raised | None = None  # handed over, not yet taken
        self._interrupted_by: BaseException | None = None
        self._iteration = -1  # of the event loop, when the producer was switched to last
        self._alarm = self._hub.loop.timer(patience, patience) if patience else None
        self._watcher = ClientWatcher(client, self._on_client_left) if client is not None else None
        self._end: Any = None  # the timer of end_after

    def take(self) -> Item:
        """The next item. Raises ``TimeoutError`` if it does not come in time.

        Raises ``ClientGone``, and what the source raised. Must not be called after the last item.
        """
        if self._ready is None and self._interrupted_by is None:
            self._wait()
        if self._interrupted_by is not None:
            raise self._interrupted_by
        if self._ready is None:
            raise TimeoutError
        ready, self._ready = self._ready, None
        if isinstance(ready, _Raised):
            raise ready.error
        return ready

    def interrupt(self, error: BaseException) -> None:
        """End the producer now: ``take`` raises ``error``, even one that is already waiting."""
        self._interrupted_by = error
        self._hub.loop.run_callback(self._kill)
        self._hub.loop.run_callback(self._wake)

    def end_after(self, seconds: float, error: BaseException) -> None:
        """Interrupt with ``error`` if it is not closed within ``seconds``."""
        self._end = self._hub.loop.timer(seconds)
        self._end.start(self.interrupt, error)

    def release(self) -> None:
        """The last item has been taken: let the producer tidy up by itself."""
        self._is_released = True
        if self._producer is not None:
            self._hub.loop.run_callback(self._producer.switch)

    def close(self) -> None:
        """End the producer, unless it was released, and stop watching the client."""
        for each in (self._watcher, self._alarm, self._end):
            if each is not None:
                each.stop()
                each.close()
        # They would keep each other, and an error all of the request's frames, until the collector comes.
        self._watcher = self._alarm = self._end = self._interrupted_by = None
        if self._producer is not None:
            self._hub.loop.run_callback(self._kill)

    def _wait(self) -> None:
        """Let the producer run until it hands something over or the alarm goes off."""
        if self._is_paused and self._iteration == self._hub.loop.iteration:
            gevent.sleep(_TURN_SECONDS)  # it never had to wait: others have their turn
            if self._interrupted_by is not None:  # meanwhile, and nobody will wake us
                return
        self._taker = getcurrent()
        if self._alarm is not None:
            self._alarm.again(self._wake, update=False)
        try:
            if self._is_paused:
                self._is_paused = False
                self._iteration = self._hub.loop.iteration
                self._resume()
            else:
                self._hub.switch()
        finally:
            self._taker = None

    def _resume(self) -> None:
        if self._producer is None:
            self._producers.start(self._produce)
        else:
            self._producer.switch()

    def _wake(self) -> None:
        if self._taker is not None:
            self._taker.switch()

    def _produce(self) -> None:
        self._producer = getcurrent()
        try:
            raised = self._run_source()
            if not self._is_released:
                self._hand_over(raised)
        except GreenletExit:
            return  # nobody takes any more, or knows why
        finally:
            self._producer = None

    def _run_source(self) -> _Raised:
        """Hand over all items; return what is raised where there is no further one."""
        try:
            for item in self._source:
                self._hand_over(item)
        except Exception as error:  # noqa: BLE001 - raised where it is taken
            return _Raised(error)
        finally:
            self._source.close()
        return _Raised(EOFError("the source ended without a last item"))

    def _hand_over(self, ready: Item | _Raised) -> None:
        """Leave ``ready`` to the taker, and pause until the next take."""
        self._ready = ready
        self._is_paused = True
        if self._taker is not None:
            self._taker.switch()
        else:
            self._hub.switch()

    def _kill(self) -> None:
        if not self._is_released and self._producer is not None:
            self._is_paused = False
            self._producer.throw(GreenletExit)

    def _on_client_left(self) -> None:
        self.interrupt(ClientGone())
