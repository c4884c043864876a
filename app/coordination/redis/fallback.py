"""Fallback: while Redis cannot be asked, the workers of each machine share with one another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from app.coordination.counts import Counts
from app.coordination.once import Once
from app.coordination.redis.counts import RedisCounts
from app.coordination.redis.link import Unavailable
from app.coordination.redis.once import RedisOnce
from app.coordination.redis.slots import RedisSlots
from app.coordination.slots import Slot, Slots


class FallbackSlots:
    """``shared`` slots, or else ``local`` ones."""

    def __init__(self, shared: RedisSlots, local: Slots) -> None:
        self._shared = shared
        self._local = local

    def reserve(self) -> Slot:
        try:
            return self._shared.reserve()
        except Unavailable:
            return self._local.reserve()._replace(is_local=True)

    def give_back(self, slot: Slot) -> None:
        (self._local if slot.is_local else self._shared).give_back(slot)


class FallbackOnce:
    """Once for all who share ``shared``, or else ``local``."""

    def __init__(self, shared: RedisOnce, local: Once) -> None:
        self._shared = shared
        self._local = local

    def share(self, key: str, work: Callable[[], bytes]) -> bytes:
        try:
            return self._shared.share(key, work)
        except Unavailable:
            return self._local.share(key, work)


class FallbackCounts:
    """Counts in ``shared``, or else in ``local``, which then starts from nothing.

    There is room only if both have it: one that takes no counts any more may still be looked at.
    """

    def __init__(self, shared: RedisCounts, local: Counts) -> None:
        self._shared = shared
        self._local = local

    def count(self, key: str) -> float:
        try:
            return self._shared.count(key)
        except Unavailable:
            return self._local.count(key)

    def look(self, key: str) -> float:
        wait = self._local.look(key)
        with suppress(Unavailable):
            wait = max(wait, self._shared.look(key))
        return wait
