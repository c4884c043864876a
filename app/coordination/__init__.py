"""What workers share: the slots in which queries to Poe may start, who does what many ask for, and counts.

``coordination_for`` decides by what: files for the workers of one machine, Redis for those of several.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from app.coordination.boards import Board
from app.coordination.counts import Counts, FileCounts
from app.coordination.once import FileOnce, Once
from app.coordination.slots import FileSlots, Slots
from app.settings import Settings

if TYPE_CHECKING:
    from app.coordination.redis.link import Link


class Coordination:
    """What one process shares with the others of its machine, through files. Nothing is opened yet.

    ``link`` is its way to other machines, if it has one.
    """

    link: Link | None = None

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.config_dir
        self._interval = settings.rate_limit_ms / 1000

    def slots(self) -> Slots | None:
        """The slots of RATE_LIMIT_MS; ``None`` without a limit."""
        return FileSlots(self._folder / ".next_slot", self._interval) if self._interval else None

    def once(self, name: str) -> Once:
        """Where processes agree on which of them does ``name``."""
        return FileOnce(self._folder / f".{name}")

    def counts(self, name: str, limit: int, window: float) -> Counts:
        """Counts that allow ``limit`` of each key in ``window`` seconds."""
        return FileCounts(self._folder / f".{name}", limit, window)

    def board(self) -> Board | None:
        """The board of all machines, if there are others."""
        return None


def coordination_for(
    settings: Settings, make_semaphore: Callable[[int], AbstractContextManager[object]]
) -> Coordination:
    """The coordination for these settings. ``make_semaphore`` is called with a number of places."""
    if not settings.redis_url:
        return Coordination(settings)
    from app.coordination.redis import RedisCoordination  # noqa: PLC0415 - 7 MB, which only its users pay

    return RedisCoordination(settings.redis_url, settings, make_semaphore)
