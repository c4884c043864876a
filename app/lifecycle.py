"""Lifecycle: whether this worker accepts requests, and when running answers must end.

Set by the server; read by ``/readyz`` and by running answers.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet


class Interruptible(Protocol):
    """Something running that can be told that its time is up."""

    def interrupt(self) -> None: ...


class Lifecycle:
    """The state of one worker: first open, then draining, then ended."""

    def __init__(self) -> None:
        self.is_draining = False
        self._running: WeakSet[Interruptible] = WeakSet()

    def register(self, running: Interruptible) -> None:
        """Have ``running`` interrupted if it outlives the end."""
        self._running.add(running)

    def drain(self) -> None:
        """The worker has been told to stop: it still serves, but should get no new requests."""
        self.is_draining = True

    def end(self) -> None:
        """Interrupt everything that is still running."""
        self.is_draining = True
        for running in list(self._running):
            running.interrupt()
