"""Cache on Redis: cachelib's RedisCache, with JSON in place of pickles."""

from __future__ import annotations

from typing import Any

import msgspec
from cachelib import RedisCache
from cachelib.serializers import RedisSerializer

from app.attachments.cache import ENTRY_LIMIT, Entry, UploadCache, decoded
from app.coordination.redis.link import Link, Unavailable

_PREFIX = "poe2openai:upload:"


class RedisUploadCache:
    """Entries by key for all who share a Redis, which bounds them: see ``maxmemory`` there.

    An entry is forgotten ``ttl`` seconds after its last use. While Redis cannot be asked, ``local`` takes
    its place; entries remembered there count afterwards, too.
    """

    def __init__(self, link: Link, ttl: int, local: UploadCache) -> None:
        self._link = link
        self._local = local
        self._entries = _Entries(link.client, ttl)

    def get(self, key: str) -> Entry | None:
        try:
            entry = self._link.run(lambda: self._entries.get(key))
        except Unavailable:
            return self._local.get(key)
        return entry or self._shared_now(key)

    def set(self, key: str, entry: Entry) -> None:
        try:
            self._link.run(lambda: self._entries.set(key, entry))
        except Unavailable:
            self._local.set(key, entry)

    def _shared_now(self, key: str) -> Entry | None:
        """An entry that only this machine remembers, shared with all from now on."""
        entry = self._local.get(key)
        if entry is not None:
            self.set(key, entry)
        return entry


class _Json(RedisSerializer):
    """Plain data instead of pickles."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:  # noqa: ARG002 - pickle's
        return msgspec.json.encode(value)

    def loads(self, value: bytes | None) -> Entry | None:
        return None if value is None or len(value) > ENTRY_LIMIT else decoded(value, Entry)


class _Entries(RedisCache):
    """cachelib's, except that a hit renews the entry in the same round trip."""

    serializer = _Json()

    def __init__(self, client: Any, ttl: int) -> None:
        super().__init__(client, default_timeout=ttl, key_prefix=_PREFIX)

    def get(self, key: str) -> Entry | None:
        return self.serializer.loads(self._read_client.getex(_PREFIX + key, ex=self.default_timeout))
