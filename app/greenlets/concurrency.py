"""Concurrency: jobs that run at the same time, and bounds on what they share and wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar, cast

import gevent
from gevent.hub import get_hub
from gevent.lock import BoundedSemaphore
from gevent.queue import SimpleQueue as Queue
from greenlet import GreenletExit

Result = TypeVar("Result")


def semaphore(count: int) -> AbstractContextManager[object]:
    """A semaphore that ``count`` may hold at a time; whoever enters beyond that waits.

    Not threading's: that wakes one who waits and forgets the others; if the one is killed at that
    moment, a place stays empty and nobody is told.
    """
    bounded: AbstractContextManager[object] = BoundedSemaphore(count)
    return bounded


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Bound everything the block waits for, even what has no time-out of its own. Raises ``TimeoutError``."""
    with gevent.Timeout(seconds) as limit:
        try:
            yield
        except gevent.Timeout as timeout:  # not an OSError, which the block may take for another failure
            if timeout is not limit:
                raise
            raise TimeoutError from None


def run_in_thread(work: Callable[[], Result]) -> Result:
    """Run ``work``, which computes and waits for nothing, in a native thread; return what it returns."""
    result: Result = get_hub().threadpool.apply(work)
    return result


def run_together(jobs: Sequence[Callable[[], Result]], limit: int) -> list[Result]:
    """Run ``jobs``, at most ``limit`` of them at a time, and return what they return, in order.

    The first exception that one of them raises is raised here, and ends the others; so does killing
    the caller.
    """
    results: list[Result | None] = [None] * len(jobs)
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
    return cast("list[Result]", results)
