"""Redis: what workers share, for those of several machines. The only place that imports redis."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from app.coordination import Coordination
from app.coordination.boards import Board
from app.coordination.counts import Counts
from app.coordination.once import Once
from app.coordination.redis.boards import RedisBoard
from app.coordination.redis.counts import RedisCounts
from app.coordination.redis.fallback import FallbackCounts, FallbackOnce, FallbackSlots
from app.coordination.redis.link import Link
from app.coordination.redis.once import RedisOnce
from app.coordination.redis.slots import RedisSlots
from app.coordination.slots import Slots
from app.settings import Settings

_CONNECTIONS = 32  # of a worker to Redis


class RedisCoordination(Coordination):
    """What processes on all machines share through the Redis at ``url``, or by files while it is down."""

    link: Link

    def __init__(
        self, url: str, settings: Settings, make_semaphore: Callable[[int], AbstractContextManager[object]]
    ) -> None:
        super().__init__(settings)
        self.link = Link(url, make_semaphore(_CONNECTIONS))

    def slots(self) -> Slots | None:
        local = super().slots()
        return FallbackSlots(RedisSlots(self.link, self._interval), local) if local else None

    def once(self, name: str) -> Once:
        return FallbackOnce(RedisOnce(self.link, name), super().once(name))

    def counts(self, name: str, limit: int, window: float) -> Counts:
        shared = RedisCounts(self.link, name, limit, window)
        return FallbackCounts(shared, super().counts(name, limit, window))

    def board(self) -> Board:
        return RedisBoard(self.link)
