"""Slots on Redis: reserved in one round trip, on its clock."""

from __future__ import annotations

import threading
from contextlib import suppress

from app.coordination.redis.link import Link, Unavailable
from app.coordination.slots import ABSURD_INTERVALS, ABSURD_SECONDS, HOLES, Slot

_MICROSECONDS = 1_000_000

# KEYS: the start of the next free slot; the slots given back before it, in order. Both in microseconds on
# Redis' clock, which may be set back: a start absurdly far ahead does not count.
_BEGIN = """
local interval, horizon = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local free = tonumber(redis.call('GET', KEYS[1])) or 0
if free > now + horizon then
    free = 0
    redis.call('DEL', KEYS[2])
end
local function keep(start)
    local lifetime = math.ceil((math.max(start, now) - now + interval) / 1000) + 1000
    redis.call('SET', KEYS[1], string.format('%.0f', start), 'PX', lifetime)
    redis.call('PEXPIRE', KEYS[2], lifetime)
end
"""
_RESERVE = f"""{_BEGIN}
local start = math.max(now, free)
keep(start + interval)
return {{string.format('%.0f', start - now), string.format('%.0f', start)}}
"""
_GIVE_BACK = f"""{_BEGIN}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -tonumber(ARGV[4]) - 1)
while redis.call('ZREM', KEYS[2], string.format('%.0f', free - interval)) == 1 do
    free = free - interval
end
keep(free)
"""


class RedisSlots:
    """Slots ``interval`` seconds apart for all who share a Redis. Raises ``Unavailable``."""

    def __init__(self, link: Link, interval: float) -> None:
        self._link = link
        self._keys = ["poe2openai:slots:next", "poe2openai:slots:given-back"]
        span = round(interval * _MICROSECONDS)
        self._numbers = [span, max(span * ABSURD_INTERVALS, ABSURD_SECONDS * _MICROSECONDS)]
        self._reserve = link.client.register_script(_RESERVE)
        self._give_back = link.client.register_script(_GIVE_BACK)

    def reserve(self) -> Slot:
        away, start = self._link.run(lambda: self._reserve(self._keys, self._numbers))
        return Slot(int(away) / _MICROSECONDS, int(start))

    def give_back(self, slot: Slot) -> None:
        """Give it back in a thread: the caller is being killed, perhaps twice."""
        leaving = threading.Thread(target=self._leave, args=(slot.start,), name="slot", daemon=True)
        leaving.start()
        leaving.join()

    def _leave(self, start: int) -> None:
        with suppress(Unavailable):  # then it passes unused
            self._link.run(lambda: self._give_back(self._keys, [*self._numbers, start, HOLES]))
