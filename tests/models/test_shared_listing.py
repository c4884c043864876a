"""The list of bots on several machines: fetched by one, shared with the others on a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.coordination.once import FileOnce
from app.coordination.redis.boards import RedisBoard
from app.coordination.redis.fallback import FallbackOnce
from app.coordination.redis.link import Link
from app.coordination.redis.once import RedisOnce
from app.models.listing import Listing
from app.models.model import Model
from tests.gateway import free_port
from tests.models.test_listing import MODELS, Poe, models, settle
from tests.redis_server import RedisServer

pytestmark = pytest.mark.needs("redis-server")


class Machine:
    """One machine, with a folder of its own."""

    def __init__(self, folder: Path, poe: Poe, url: str) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._poe = poe
        self._url = url

    def listing(self) -> Listing:
        link = Link(self._url, threading.BoundedSemaphore(8))
        once = FallbackOnce(RedisOnce(link, "fetching"), FileOnce(self._folder / "fetching"))
        clock = lambda: self._poe.now  # noqa: E731
        return Listing(
            self._folder / "models.json", self._poe.fetch, once, 300, clock, board=RedisBoard(link)
        )


@pytest.fixture
def poe(tmp_path: Path) -> Poe:
    return Poe(tmp_path)


@pytest.fixture
def machines(tmp_path: Path, poe: Poe, redis_server: RedisServer) -> Sequence[Machine]:
    return [Machine(tmp_path / name, poe, redis_server.url) for name in ("one", "two")]


def test_one_fetch_is_enough_for_all_machines(poe: Poe, machines: Sequence[Machine]) -> None:
    assert [models(machine.listing()) for machine in machines] == [MODELS, MODELS]
    assert poe.fetches == 1


def test_machines_that_need_it_at_the_same_time_share_one_fetch(
    poe: Poe, machines: Sequence[Machine]
) -> None:
    poe.answers.clear()
    found: list[Sequence[Model]] = []
    asking = [
        threading.Thread(target=lambda machine=machine: found.append(models(machine.listing())))
        for machine in [*machines, *machines]
    ]
    for thread in asking:
        thread.start()
    poe.answers.set()
    for thread in asking:
        thread.join(10)
    assert found == [MODELS] * 4
    assert poe.fetches == 1


def test_what_one_machine_renews_the_others_take_over(poe: Poe, machines: Sequence[Machine]) -> None:
    one, two = (machine.listing() for machine in machines)
    models(one)
    models(two)
    poe.models = [Model("new")]
    poe.now += 301
    for listing in (one, two):
        models(listing)
        settle()
    assert models(one) == models(two) == [Model("new")]
    assert poe.fetches == 2


def test_a_list_from_another_machine_is_there_after_a_restart_without_redis(
    tmp_path: Path, poe: Poe, machines: Sequence[Machine]
) -> None:
    models(machines[0].listing())
    models(machines[1].listing())
    poe.is_down = True
    restarted = Machine(tmp_path / "two", poe, f"redis://127.0.0.1:{free_port()}")
    assert models(restarted.listing()) == MODELS


def test_without_redis_each_machine_fetches_for_itself(tmp_path: Path, poe: Poe) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    for name in ("one", "two"):
        assert models(Machine(tmp_path / name, poe, url).listing()) == MODELS
    assert poe.fetches == 2


def test_each_token_has_a_list_of_its_own(poe: Poe, machines: Sequence[Machine]) -> None:
    models(machines[0].listing(), "token")
    models(machines[1].listing())
    assert poe.tokens == ["token", None]


@pytest.mark.parametrize("content", [b"", b"abc", b"[]", b'{"models": 1}', b"[" * 50_000])
def test_what_is_no_list_is_not_used(
    poe: Poe, machines: Sequence[Machine], redis_server: RedisServer, content: bytes
) -> None:
    models(machines[0].listing())
    (key,) = redis_server.client.keys("poe2openai:board:*")
    redis_server.client.set(key, content)
    assert models(machines[1].listing()) == MODELS
    assert poe.fetches == 2
    assert redis_server.client.ttl(key) > 0


def test_no_token_is_in_redis(poe: Poe, machines: Sequence[Machine], redis_server: RedisServer) -> None:
    models(machines[0].listing(), "a-secret-token")
    for key in redis_server.client.scan_iter():
        assert b"secret" not in key
        assert b"secret" not in redis_server.client.get(key)
