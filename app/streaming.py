"""Streaming: keeps an answer flowing from a greenlet that produces it to the one that serves it.

The only place that knows greenlets. One greenlet runs the completion, which may block wherever it
likes; the request's own takes what it brings, waiting a limited time, so that it can send
heartbeats meanwhile. A watcher on the client's socket ends both as soon as the client has left.

The two hand over to each other directly, as coroutines do: an item costs one switch there and one
back, and no queue. So there is never more than one item under way: a client that reads slowly
blocks its own greenlet, and by that its producer and its query; nothing else, and nothing piles up.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Generic, TypeVar, cast

import gevent
from gevent import monkey
from gevent.hub import get_hub
from gevent.lock import BoundedSemaphore
from gevent.queue import SimpleQueue as Queue
from gevent.socket import wait
from greenlet import GreenletExit, getcurrent, greenlet

Item = TypeVar("Item")

_RECHECK_SECONDS = 0.5
# Not 0: that runs what is ready, but does not look at what sockets have become so.
_TURN_SECONDS = 0.000_001
_IDLE_PRODUCERS = 64
_READABLE, _WRITABLE = 1, 2  # libev's EV_READ, EV_WRITE
# POLLRDHUP: the peer has shut down its sending side (Linux; elsewhere only a full hang-up shows).
_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR

_poll = monkey.get_original("select", "poll")


class ReadWaiter:
    """Waits, mostly until a read of one connection brings something. Close it with the connection.

    gevent's sockets read first and wait if nothing was there, with a timer made for each wait: for
    each event of an answer, a system call and a timer in vain. Here the wait comes first, and one
    timer looks after all of them.
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
        self._timer.start(self._look)
        self._timer_ends = end

    def _look(self) -> None:
        """The timer is over: was that wait's end meant, or has another begun since?"""
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


def lines(count: int) -> AbstractContextManager[object]:
    """``count`` lines: who enters takes one, and waits for it if need be.

    Not threading's semaphore: that wakes one who waits and forgets the others; if it is killed at
    that moment, a line stays empty and nobody is told.
    """
    semaphore: AbstractContextManager[object] = BoundedSemaphore(count)
    return semaphore


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Bound all that the block waits for, also what has no time-out of its own. Raises ``TimeoutError``."""
    with gevent.Timeout(seconds) as limit:
        try:
            yield
        except gevent.Timeout as timeout:  # not an OSError, which the block may take for another failure
            if timeout is not limit:
                raise
            raise TimeoutError from None


def apart(work: Callable[[], Item]) -> Item:
    """What ``work`` returns, which runs in a thread of the system's: it computes, and waits for nothing."""
    result: Item = get_hub().threadpool.apply(work)
    return result


def run_together(jobs: Sequence[Callable[[], Item]], limit: int) -> list[Item]:
    """Run ``jobs``, at most ``limit`` of them at a time, and return what they return, in order.

    What the first of them raises is raised, and the others are ended; so they are if this is.
    """
    results: list[Item | None] = [None] * len(jobs)
    left = iter(enumerate(jobs))
    ended: Queue[BaseException | None] = Queue()

    def work() -> None:
        try:
            for index, job in left:
                results[index] = job()
        except GreenletExit:
            raise
        except Exception as error:  # noqa: BLE001 - raised where they are awaited
            ended.put(error)
        else:
            ended.put(None)

    greenlets = [gevent.spawn(work) for _ in range(min(limit, len(jobs)))]
    try:
        for _ in greenlets:
            error = ended.get()
            if error is not None:
                raise error
    finally:
        gevent.killall(greenlets, block=False)
    return cast("list[Item]", results)


class Last(bytes):
    """The last piece of a streamed body: the server sends the end of the body along with it."""


class ClientGone(Exception):
    """The client has closed its connection: nobody reads this answer."""


class Producers:
    """Greenlets that run one job after another: for a new one the kernel has to find a stack's pages."""

    def __init__(self) -> None:
        self._idle: list[greenlet] = []
        self._job: Callable[[], None] | None = None  # for the one that is switched to

    def start(self, job: Callable[[], None]) -> None:
        """Switch to a greenlet that runs ``job``, which must not raise. It goes to the hub in the end."""
        producer = self._idle.pop() if self._idle else greenlet(self._run, get_hub())
        self._job = job
        producer.switch()

    def _run(self) -> None:
        hub = get_hub()
        while job := self._take_job():
            job()
            if len(self._idle) >= _IDLE_PRODUCERS:
                return
            self._idle.append(getcurrent())
            del job  # and all of its request with it
            hub.switch()

    def _take_job(self) -> Callable[[], None] | None:
        job, self._job = self._job, None
        return job


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
        self._ready: tuple[Item | None, BaseException | None] | None = None  # handed over, not yet taken
        self._interrupted_by: BaseException | None = None
        self._iteration = -1  # of the event loop, when the producer was switched to last
        self._alarm = self._hub.loop.timer(patience, patience) if patience else None
        self._watcher = _ClientWatcher(client, self._on_client_left) if client is not None else None
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
        (item, error), self._ready = self._ready, None
        if error is not None:
            raise error
        return item  # type: ignore[return-value]  # None comes with an error only

    def interrupt(self, error: BaseException) -> None:
        """End the producer now: ``take`` raises ``error``, also one that waits already."""
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
        # Which would hold each other, and an error all of the request's frames, until the collector comes.
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
            error = self._run_source()
            if not self._is_released:
                self._hand_over((None, error))
        except GreenletExit:
            return  # nobody takes any more, or knows why
        finally:
            self._producer = None

    def _run_source(self) -> BaseException:
        """Hand over all items; what is raised in the place of a further one."""
        try:
            for item in self._source:
                self._hand_over((item, None))
        except Exception as error:  # noqa: BLE001 - handed to the one who takes
            return error
        finally:
            self._source.close()
        return EOFError("the source ended without a last item")

    def _hand_over(self, result: tuple[Item | None, BaseException | None]) -> None:
        """Leave ``result`` to the taker, and pause until the next take."""
        self._ready = result
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


class _ClientWatcher:
    """Calls back, once, when the peer of a socket closes its side."""

    def __init__(self, client: socket.socket, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._poll = _poll()
        self._poll.register(client.fileno(), _LEFT)
        loop = get_hub().loop
        self._readable = loop.io(client.fileno(), _READABLE)
        self._timer: Any = None
        self._readable.start(self._look)

    def stop(self) -> None:
        self._readable.stop()
        if self._timer is not None:
            self._timer.stop()

    def close(self) -> None:
        self._readable.close()
        if self._timer is not None:
            self._timer.close()

    def _look(self) -> None:
        if self._poll.poll(0):
            self.stop()
            self._callback()
        elif self._timer is None:
            # A pipelined request: readable until we get to it. Look again now and then.
            self._readable.stop()
            self._timer = get_hub().loop.timer(_RECHECK_SECONDS, _RECHECK_SECONDS)
            self._timer.start(self._look)
