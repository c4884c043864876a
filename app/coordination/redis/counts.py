"""Counts on Redis: of each key the moments that count, on its clock."""

from __future__ import annotations

import hashlib

from app.coordination.redis.link import Link

_MICROSECONDS = 1_000_000

# KEYS: the moments of a key, in microseconds. What is in the future is from before the clock was set back.
_LOOK = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local begin = string.format('(%.0f', now - window)
local counting = redis.call('ZCOUNT', KEYS[1], begin, now)
if counting >= limit then
    local first = redis.call('ZRANGEBYSCORE', KEYS[1], begin, now, 'WITHSCORES', 'LIMIT', counting - limit, 1)
    return string.format('%.0f', first[2] + window - now)
end
"""
_COUNT = f"""{_LOOK}
local moment = string.format('%.0f', now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. moment, '+inf')
redis.call('ZADD', KEYS[1], moment, moment .. ' ' .. counting)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return '0'
"""


class RedisCounts:
    """Counts for all who share a Redis and use this ``name``. Raises ``Unavailable``."""

    def __init__(self, link: Link, name: str, limit: int, window: float) -> None:
        self._link = link
        self._prefix = f"poe2openai:counts:{name}:"
        self._numbers = [limit, round(window * _MICROSECONDS)]
        self._count = link.client.register_script(_COUNT)
        self._look = link.client.register_script(f"{_LOOK}return '0'")

    def count(self, key: str) -> float:
        keys = [self._name(key)]
        return int(self._link.run(lambda: self._count(keys, self._numbers))) / _MICROSECONDS

    def look(self, key: str) -> float:
        keys = [self._name(key)]
        return int(self._link.run(lambda: self._look(keys, self._numbers))) / _MICROSECONDS

    def _name(self, key: str) -> str:
        return self._prefix + hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
