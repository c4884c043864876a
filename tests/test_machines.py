"""Gateways on several machines, which share through a real Redis: here two, each with a folder of its own."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from app.admin.access import TRIES
from app.keys import lines
from tests.conftest import StartGateway
from tests.gateway import KEY, WORDS, Gateway, eventually, free_port, message_of
from tests.redis_server import RedisServer
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import DONE, Bot, Connection, ScriptedUpstream, answer, respond, text
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


def commands(monitor: Any) -> Iterator[str]:
    return (str(each["command"]) for each in monitor.listen())


def test_queries_are_spaced_over_all_machines(
    upstream: ScriptedUpstream, redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    settings = {"REDIS_URL": redis_server.url, "RATE_LIMIT_MS": str(INTERVAL_MS)}
    gateways = [start_gateway(upstream.url, **settings) for _ in range(2)]
    came: list[float] = []
    bot = upstream.bot([lambda _: came.append(time.monotonic()), *answer(text("fine"), DONE)])
    ask_all(gateways, bot.name, 8)
    assert len(came) == 8
    # None leaves before its turn; the first alone may have come late.
    interval = INTERVAL_MS / 1000
    assert all(moment - min(came) > (place - 0.5) * interval for place, moment in enumerate(sorted(came)))


def test_the_list_of_bots_is_fetched_once_for_all_machines(
    redis_server: RedisServer, start_gateway: StartGateway
) -> None:
    def pause(_: Connection) -> None:
        time.sleep(1)

    upstream = ScriptedUpstream()
    listed = {"object": "list", "data": [{"id": "Only-Bot", "object": "model"}]}
    upstream.models = Bot("the list of models", [[pause, *respond(200, listed)]])

    def start() -> Gateway:
        return start_gateway(upstream.url, REDIS_URL=redis_server.url)

    with ThreadPoolExecutor(2) as pool:
        gateways = [each.result() for each in [pool.submit(start) for _ in range(2)]]
    gateways.append(start())  # a late one
    for gateway in gateways * 4:
        assert [each["id"] for each in gateway.http.get("/v1/models").json()["data"]] == ["Only-Bot"]
    assert len(upstream.models.queries) == 1
    upstream.stop()


def test_no_key_password_or_text_comes_to_redis(
    upstream: ScriptedUpstream,
    uploads: UploadServer,
    own: RedisServer,
    tmp_path: Path,
    start_gateway: StartGateway,
) -> None:
    secrets = [KEY, "the-key-at-poe-0123456789", "the-word-of-the-panel", "the-token-of-the-list", WORDS]
    seen: list[str] = []
    keys = tmp_path / "keys"
    keys.write_text(lines.line("alice", KEY))
    bot = upstream.bot(answer(text(WORDS), DONE))
    settings = {
        "REDIS_URL": own.url,
        "RATE_LIMIT_MS": "1",
        "POE_FILE_UPLOAD_URL": uploads.url,
        "POE_API_KEY": secrets[1],
        "ACCESS_KEYS": str(keys),
        "ADMIN_PASSWORD": secrets[2],
    }
    with own.client.monitor() as monitor, ThreadPoolExecutor(1) as watching:
        watching.submit(lambda: seen.extend(takewhile(lambda each: each != "ECHO over", commands(monitor))))
        gateway = start_gateway(upstream.url, **settings)
        token = {"api_token": secrets[3]}
        saved = gateway.http.post("/api/admin/config", json=token, auth=("admin", secrets[2]))
        assert saved.status_code == 200, saved.text
        for content in (WORDS, picture()):
            assert message_of(gateway.ask(bot.name, content))["content"] == WORDS
        assert gateway.http.get("/admin", auth=("admin", f"{secrets[2]}?")).status_code == 401
        assert gateway.http.get("/admin", auth=("admin", secrets[2])).status_code == 200
        own.client.echo("over")
    for kind in ("poe2openai:slots:", "poe2openai:upload:", "poe2openai:once:", "poe2openai:counts:"):
        assert any(kind in each for each in seen), kind
    names = [name.decode() for name in own.client.scan_iter()]
    stored = [own.client.dump(name) or b"" for name in names]
    for secret in secrets:
        assert not any(secret in each for each in (*seen, *names))
        assert not any(secret.encode() in each for each in stored)
    assert all(name.startswith("poe2openai:") and own.client.pttl(name) > 0 for name in names)


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
