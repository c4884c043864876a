"""Hundreds of requests, half of them faulty on one side or the other: nothing is left behind."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.apis import APIS
from tests.faults import census
from tests.faults.clients import MISBEHAVIOURS, misbehave
from tests.faults.upstreams import FAULTS, FINE, GOOD
from tests.gateway import Client, Gateway
from tests.upstream.scripted import ScriptedUpstream

_LARGE = {
    "a bomb",
    *(name for name in FAULTS if "endless" in name),
}  # they take long, and have tests of their own
_GROWTH = 8 * 1024 * 1024  # bytes of both workers together; their allocators keep some


class Storm:
    """``count`` requests, from many clients at once; every other one is faulty."""

    def __init__(self, gateway: Gateway, upstream: ScriptedUpstream) -> None:
        self._gateway = gateway
        self._upstream = upstream
        self._faults = [name for name in FAULTS if name not in _LARGE]
        self._kinds = itertools.cycle(["good", "upstream", "good", "client"])
        self._chance = random.Random(7)

    def rage(self, count: int) -> None:
        jobs = [(next(self._kinds), self._chance.random()) for _ in range(count)]
        with ThreadPoolExecutor(24) as pool:
            for _ in pool.map(self._do, jobs):
                pass

    def _do(self, job: tuple[str, float]) -> None:
        kind, chance = job
        stream = chance * 1000 % 1 < 0.5
        if kind == "client":
            name = list(MISBEHAVIOURS)[int(chance * len(MISBEHAVIOURS))]
            misbehave(self._gateway, self._upstream, name, Client.reset if stream else Client.close)
            return
        fault = FAULTS[self._faults[int(chance * len(self._faults))]]
        script, failure = (GOOD, None) if kind == "good" else (fault.script, fault.failure)
        api = APIS[int(chance * 997) % len(APIS)]
        api.check_end(api.ask(self._gateway, self._upstream.bot(script).name, stream=stream), FINE, failure)


@pytest.mark.parametrize("count", [160, pytest.param(800, marks=pytest.mark.long)])
def test_nothing_is_left_behind(upstream: ScriptedUpstream, start_gateway, count: int) -> None:
    gateway: Gateway = start_gateway(
        upstream.url,
        command=census.COMMAND,
        FIRST_BYTE_TIMEOUT_SECONDS="4",
        IDLE_TIMEOUT_SECONDS="4",
        BODY_TIMEOUT_SECONDS="1",
        LOG_LEVEL="info",
    )
    storm = Storm(gateway, upstream)
    storm.rage(80)
    before = census.calm(gateway)
    storm.rage(count)
    after = census.same_as(before, gateway)
    assert after.resident - before.resident < _GROWTH
    assert after.kept <= 48
