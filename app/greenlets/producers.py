"""Producers: greenlets that are used again."""

from __future__ import annotations

from collections.abc import Callable

from gevent.hub import get_hub
from greenlet import getcurrent, greenlet

_IDLE_LIMIT = 64


class Producers:
    """Greenlets that run one job after another: for a new one the kernel has to find a stack's pages."""

    def __init__(self) -> None:
        self._idle: list[greenlet] = []
        self._jobs: list[Callable[[], None]] = []  # one, for the greenlet that is switched to

    def start(self, job: Callable[[], None]) -> None:
        """Switch to a greenlet that runs ``job``, which must not raise. It ends by switching to the hub."""
        producer = self._idle.pop() if self._idle else greenlet(self._run, get_hub())
        self._jobs.append(job)
        producer.switch()

    def _run(self) -> None:
        hub = get_hub()
        while True:
            self._jobs.pop()()  # held by no variable, which would hold all of its request as long
            if len(self._idle) >= _IDLE_LIMIT:
                return
            self._idle.append(getcurrent())
            hub.switch()
