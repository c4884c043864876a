"""Once on Redis: a lease that its holder renews while it works."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from app.coordination.redis.link import Link, Unavailable

LEASE_SECONDS = 3.0  # how long a dead holder keeps the others waiting
_RENEWALS = 3  # in that time
_FIRST_LOOK_SECONDS = 0.005
_LONGEST_LOOK_SECONDS = 0.05
_OUTCOME_SECONDS = 10.0  # those who wait look far more often

# All: KEYS[1] is the lease, which holds its holder's name.
# KEYS[2]: the outcome of the holder that is waited for.
_JOIN = """
local outcome = redis.call('GET', KEYS[2])
if outcome then return {'outcome', outcome} end
local holder = redis.call('GET', KEYS[1])
if holder then return {'wait', holder} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'work', ARGV[1]}
"""
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
"""
_LEAVE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
if ARGV[2] then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
"""


class RedisOnce:
    """Once for all who share a Redis and use this ``name``.

    Raises ``Unavailable`` only before it has begun the work.

    Those who wait, wait for one holder: the outcome is stored under its name, so that later work under the
    same key has its own. A holder that is gone without an outcome leaves no lease.
    """

    def __init__(self, link: Link, name: str, lease_seconds: float = LEASE_SECONDS) -> None:
        self._link = link
        self._prefix = f"poe2openai:once:{name}:"
        self._lease_seconds = lease_seconds
        self._lease = round(lease_seconds * 1000)
        register = link.client.register_script
        self._join, self._renew, self._leave = register(_JOIN), register(_RENEW), register(_LEAVE)

    def share(self, key: str, work: Callable[[], bytes]) -> bytes:
        own, awaited, pause = secrets.token_hex(16), "", _FIRST_LOOK_SECONDS
        while True:
            answer, value = self._link.run(partial(self._join, self._keys(key, awaited), [own, self._lease]))
            if answer == b"outcome":
                return bytes(value)
            if answer == b"work":
                return self._work(key, own, work)
            awaited = value.decode()
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)

    def _work(self, key: str, own: str, work: Callable[[], bytes]) -> bytes:
        """Work while a thread renews the lease. The thread also gives it up: this may be killed anywhere."""
        over = threading.Event()
        try:
            threading.Thread(target=self._keep, args=(key, own, over), name="lease", daemon=True).start()
            outcome = work()
            with suppress(Unavailable):  # then who waits does it again
                self._link.run(
                    lambda: self._leave(self._keys(key, own), [own, outcome, round(_OUTCOME_SECONDS * 1000)])
                )
            return outcome
        finally:
            over.set()

    def _keep(self, key: str, own: str, over: threading.Event) -> None:
        while not over.wait(self._lease_seconds / _RENEWALS):
            with suppress(Unavailable):
                self._link.run(lambda: self._renew(self._keys(key, own), [own, self._lease]))
        with suppress(Unavailable):
            self._link.run(lambda: self._leave(self._keys(key, own), [own]))

    def _keys(self, key: str, holder: str) -> list[str]:
        return [f"{self._prefix}{key}", f"{self._prefix}{key}:{holder}"]
