"""What workers share: the slots in which queries to Poe may start, and who does what many ask for.

``connect`` decides by what: files for the workers of one machine, Redis for those of several.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from app.coordination.once import FileOnce, Once
from app.coordination.redis.fallback import FallbackOnce, FallbackSlots
from app.coordination.redis.link import Link
from app.coordination.redis.once import RedisOnce
from app.coordination.redis.slots import RedisSlots
from app.coordination.slots import FileSlots, NoLimit, Slots
from app.settings import Settings

_LINES = 32  # connections of a worker to Redis


class Coordination(NamedTuple):
    """What one process shares with others, and by which ``link`` to Redis if not by files."""

    slots: Slots
    once: Once
    link: Link | None


def connect(settings: Settings, lines: Callable[[int], AbstractContextManager[object]]) -> Coordination:
    """As the settings say; ``lines`` makes a lock that so many may have at a time. Nothing is opened yet."""
    link = Link(settings.redis_url, lines(_LINES)) if settings.redis_url else None
    return Coordination(_slots(settings, link), _once(settings, link), link)


def _slots(settings: Settings, link: Link | None) -> Slots:
    if settings.rate_limit_ms == 0:
        return NoLimit()
    interval = settings.rate_limit_ms / 1000
    local = FileSlots(settings.config_dir / ".next_slot", interval)
    return FallbackSlots(RedisSlots(link, interval), local) if link else local


def _once(settings: Settings, link: Link | None) -> Once:
    local = FileOnce(settings.config_dir / ".uploading")
    return FallbackOnce(RedisOnce(link), local) if link else local
