"""Where workers meet."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from app.coordination.counts import Counts, FileCounts
from app.coordination.once import FileOnce, Once
from app.coordination.redis.counts import RedisCounts
from app.coordination.redis.link import Link
from app.coordination.redis.once import RedisOnce
from app.coordination.redis.slots import RedisSlots
from app.coordination.slots import FileSlots, Slots


@dataclass(frozen=True)
class Place:
    """A place that other processes can find: ``folder``, or the Redis at ``url``."""

    folder: Path
    url: str | None = None

    def slots(self, interval: float) -> Slots:
        if self.url is None:
            return FileSlots(self.folder / "next_slot", interval)
        return RedisSlots(self.link(), interval)

    def once(self) -> Once:
        return FileOnce(self.folder / "uploading") if self.url is None else RedisOnce(self.link(), "tests")

    def counts(self, limit: int, window: float) -> Counts:
        if self.url is None:
            return FileCounts(self.folder / "counts", limit, window)
        return RedisCounts(self.link(), "tests", limit, window)

    def link(self) -> Link:
        assert self.url
        return Link(self.url, threading.BoundedSemaphore(32))

    @property
    def ticks(self) -> int:
        """Of its clock, in a second."""
        return 1_000_000_000 if self.url is None else 1_000_000

    @property
    def patience(self) -> float:
        """Seconds within which a dead process is noticed."""
        return 2 if self.url is None else 5

    def is_clean(self) -> bool:
        """Whether nothing is left of the work."""
        if self.url is None:
            return list((self.folder / "uploading").iterdir()) == []
        keys = self.link().client.keys("poe2openai:once:tests:*")
        return all(
            b":" in key.removeprefix(b"poe2openai:once:tests:") for key in keys
        )  # outcomes, which expire
