"""A board on Redis."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from app.coordination.redis.link import Link, Unavailable

_KEPT_SECONDS = 7 * 24 * 3600
_PREFIX = "poe2openai:board:"


class RedisBoard:
    """A board for all who share a Redis. Content that nobody renews for a week is taken down."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def read(self, name: str) -> bytes | None:
        client: Any = self._link.client
        try:
            content: bytes | None = self._link.run(lambda: client.get(_PREFIX + name))
        except Unavailable:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        with suppress(Unavailable):
            self._link.run(lambda: self._link.client.set(_PREFIX + name, content, ex=_KEPT_SECONDS))
