"""Admission: limits how many requests a worker runs at once, and how many more may wait.

Requests beyond both limits are refused at once. Waiting requests are served in order of arrival; one
that is given up leaves no gap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from threading import Event
from typing import TypeVar

from app import errors

Item = TypeVar("Item")


class Admission:
    """Lets ``concurrent`` requests of a worker run at once, and ``queue`` more wait.

    Its counts change only between waits, and greenlets switch only there: it needs no lock.
    """

    def __init__(self, concurrent: int, queue: int) -> None:
        self._free = concurrent
        self._room = concurrent + queue
        self._waiting: OrderedDict[Event, None] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many requests are waiting for their turn."""
        return len(self._waiting)

    def enter(self) -> None:
        """Take a request in. Raises ``ApiError`` (503) if there is no room for it."""
        if self._room <= 0:
            raise errors.gateway_overloaded()
        self._room -= 1

    def leave(self) -> None:
        """A request that was taken in has ended."""
        self._room += 1

    def in_turn(self, source: Generator[Item, None, None]) -> Generator[Item, None, None]:
        """Yield what ``source`` yields, once its turn has come; when it ends, the next one may begin."""
        self._wait_for_turn()
        try:
            yield from source
        finally:
            self._pass_turn()

    def _wait_for_turn(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn = Event()
        self._waiting[turn] = None
        try:
            turn.wait()
        except BaseException:  # the client has left: this is killed while it waits
            if turn.is_set():
                self._pass_turn()
            else:
                del self._waiting[turn]
            raise

    def _pass_turn(self) -> None:
        """Hand this turn to the request that has waited longest, so that none can overtake it."""
        if self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            turn.set()
        else:
            self._free += 1
