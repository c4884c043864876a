"""What workers share: the slots in which queries to Poe may start, who does what many ask for, and counts.

``Coordination`` decides by what: files for the workers of one machine, Redis for those of several.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from app.coordination.boards import Board
from app.coordination.counts import Counts, FileCounts
from app.coordination.once import FileOnce, Once
from app.coordination.redis.boards import RedisBoard
from app.coordination.redis.counts import RedisCounts
from app.coordination.redis.fallback import FallbackCounts, FallbackOnce, FallbackSlots
from app.coordination.redis.link import Link
from app.coordination.redis.once import RedisOnce
from app.coordination.redis.slots import RedisSlots
from app.coordination.slots import FileSlots, NoLimit, Slots
from app.settings import Settings

_LINES = 32  # connections of a worker to Redis


class Coordination:
    """What one process shares with others, by files or by its ``link`` to Redis. Nothing is opened yet.

    ``lines`` makes a lock that so many may have at a time.
    """

    def __init__(self, settings: Settings, lines: Callable[[int], AbstractContextManager[object]]) -> None:
        self._settings = settings
        self.link = Link(settings.redis_url, lines(_LINES)) if settings.redis_url else None

    def slots(self) -> Slots:
        """The slots of RATE_LIMIT_MS."""
        if self._settings.rate_limit_ms == 0:
            return NoLimit()
        interval = self._settings.rate_limit_ms / 1000
        local = FileSlots(self._settings.config_dir / ".next_slot", interval)
        return FallbackSlots(RedisSlots(self.link, interval), local) if self.link else local

    def once(self, name: str) -> Once:
        """Where it is agreed on who does what ``name`` says."""
        local = FileOnce(self._settings.config_dir / f".{name}")
        return FallbackOnce(RedisOnce(self.link, name), local) if self.link else local

    def counts(self, name: str, limit: int, window: float) -> Counts:
        """Of each key ``limit`` at most in ``window`` seconds."""
        local = FileCounts(self._settings.config_dir / f".{name}", limit, window)
        return FallbackCounts(RedisCounts(self.link, name, limit, window), local) if self.link else local

    def board(self) -> Board | None:
        """What other machines put up, if there are any."""
        return RedisBoard(self.link) if self.link else None
