"""Gateways on several machines, which share through a real Redis: here two, each with a folder of its own."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.admin.access import TRIES
from tests.conftest import StartGateway
from tests.gateway import Gateway, eventually, free_port, message_of
from tests.redis_server import RedisServer
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import DONE, ScriptedUpstream, answer, text
from tests.upstream.uploads import UploadServer

pytestmark = pytest.mark.needs("redis-server")
INTERVAL_MS = 200


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that a test may do anything to."""
    server = RedisServer(tmp_path)
    yield server
    server.thaw()
    server.kill()


@pytest.fixture
def uploads() -> Iterator[UploadServer]:
    server = UploadServer()
    yield server
    server.stop()


def picture() -> list[dict[str, object]]:
    """A message with an image that nobody has seen before."""
    content = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(500)).decode()
    return [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{content}"}}]


def ask_all(gateways: list[Gateway], bot: str, count: int, content: object = "hello") -> float:
    """Ask in turn, all at the same time; the seconds that it took."""
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(gateways[n % len(gateways)].ask, bot, content) for n in range(count)]
        assert all(message_of(each.result())["content"] for each in asked)
    return time.monotonic() - began


def test_queries_are_spaced_over_all_machines(
    upstream: ScriptedUpstream, redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    settings = {"REDIS_URL": redis_server.url, "RATE_LIMIT_MS": str(INTERVAL_MS)}
    gateways = [start_gateway(upstream.url, **settings) for _ in range(2)]
    bot = upstream.bot(answer(text("fine"), DONE))
    assert ask_all(gateways, bot.name, 8) >= 7 * INTERVAL_MS / 1000
    assert len(bot.queries) == 8


def test_an_upload_is_made_once_for_all_machines(
    poe: PoeServer, uploads: UploadServer, redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    settings = {"REDIS_URL": redis_server.url, "POE_FILE_UPLOAD_URL": uploads.url}
    gateways = [start_gateway(poe.url, **settings) for _ in range(2)]
    uploads.delay = 0.5
    ask_all(gateways, "Echo", 6, content := picture())
    assert len(uploads.uploads) == 1
    for gateway in gateways:
        assert message_of(gateway.ask("Echo", content))["content"]
    assert len(uploads.uploads) == 1


def test_wrong_passwords_are_counted_on_all_machines(
    upstream: ScriptedUpstream, redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    gateways = [start_gateway(upstream.url, REDIS_URL=redis_server.url) for _ in range(2)]
    tries = [gateways[n % 2].http.get("/admin", auth=("admin", "wrong")).status_code for n in range(TRIES)]
    assert tries == [401] * TRIES
    for gateway in gateways:
        assert gateway.http.get("/admin", auth=("admin", "wrong")).status_code == 429


def test_a_gateway_starts_and_serves_without_its_redis(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway
) -> None:
    gateway: Gateway = start_gateway(
        poe.url,
        REDIS_URL=f"redis://:hidden@127.0.0.1:{free_port()}",
        RATE_LIMIT_MS=str(INTERVAL_MS),
        POE_FILE_UPLOAD_URL=uploads.url,
        WEB_CONCURRENCY="1",
    )
    assert ask_all([gateway], "Echo", 4, picture()) >= 3 * INTERVAL_MS / 1000
    assert len(uploads.uploads) == 1
    log = gateway.log.read_text()
    assert log.count("cannot be used") == 1
    assert "hidden" not in log


def test_a_redis_that_goes_and_comes_back_costs_no_request(
    upstream: ScriptedUpstream, own: RedisServer, start_gateway: StartGateway
) -> None:
    settings = {"REDIS_URL": own.url, "RATE_LIMIT_MS": "10"}
    gateways = [start_gateway(upstream.url, **settings) for _ in range(2)]
    bot = upstream.bot(answer(text("fine"), DONE))
    ask_all(gateways, bot.name, 8)
    own.kill()
    ask_all(gateways, bot.name, 40)
    own.start()
    eventually(lambda: ask_all(gateways, bot.name, 4) and own.client.exists("poe2openai:slots:next"))
    own.freeze()
    assert ask_all(gateways, bot.name, 40) < 10
    own.thaw()
    ask_all(gateways, bot.name, 8)
    assert all("Redis" in gateway.log.read_text() for gateway in gateways)
