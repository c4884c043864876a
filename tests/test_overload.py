"""More requests than a worker runs at once: they wait in order, and further ones are refused at once."""

from __future__ import annotations

import contextlib
import errno
import sys
import threading
from contextlib import ExitStack
from typing import NoReturn

import pytest

from app.greenlets.concurrency import time_limit
from app.greenlets.sockets import ReadWaiter
from app.poe.connections import Connections
from app.poe.exchange import QueryFailed
from app.poe.upstream import Upstream
from tests.apis import APIS
from tests.gateway import COMMAND, Client, Gateway, content_of, events_in, eventually, message_of
from tests.test_errors import told
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, begin, text, until_closed


@pytest.fixture
def narrow_gateway(upstream: ScriptedUpstream, start_gateway) -> Gateway:
    """A gateway that has two requests under way and two that wait."""
    settings = {"MAX_CONCURRENT": "2", "MAX_QUEUE": "2", "WEB_CONCURRENCY": "1", "HEARTBEAT_SECONDS": "0.2"}
    gateway: Gateway = start_gateway(upstream.url, **settings)
    return gateway


def gated(upstream: ScriptedUpstream) -> tuple[Bot, threading.Event]:
    gate = threading.Event()
    return upstream.bot([gate, *answer(text("done"), DONE)]), gate


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_who_waits_is_served_in_order_and_who_comes_beyond_is_told_at_once(
    narrow_gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    bots, gates = zip(*(gated(upstream) for _ in range(4)), strict=True)
    with contextlib.ExitStack() as stack:
        clients: list[Client] = []
        for bot in bots[:2]:
            clients.append(stack.enter_context(narrow_gateway.connect()).post(bot.name, stream=stream))
            bot.wait_for_query()
        for bot in bots[2:]:
            clients.append(stack.enter_context(narrow_gateway.connect()).post(bot.name, stream=True))
            assert clients[-1].read_head().status == 200
            assert clients[-1].read_chunk() == b": ping\n\n"
        for api in APIS:
            refused = api.ask(narrow_gateway, bots[0].name, stream=stream)
            assert api.told(refused, 503, "gateway_overloaded")["type"] == "overloaded_error"
            assert int(refused.headers["retry-after"]) > 0
        assert narrow_gateway.http.get("/healthz").status_code == 200
        assert narrow_gateway.http.get("/readyz").status_code == 200
        assert narrow_gateway.http.get("/v1/models").status_code == 200
        assert bots[2].queries == bots[3].queries == []
        gates[1].set()
        bots[2].wait_for_query()
        assert bots[3].stays_at(0, 0.5)
        gates[2].set()
        bots[3].wait_for_query()
        for gate in gates:
            gate.set()
        for client in clients[2:]:
            assert content_of(events_in(client.read_rest())) == "done"
        for client in clients[:2]:
            assert client.response().status == 200


def test_who_leaves_leaves_the_queue(narrow_gateway: Gateway, upstream: ScriptedUpstream) -> None:
    running = [upstream.bot(begin(text("word"), until_closed)) for _ in range(2)]
    waiting = [upstream.bot(answer(text("never"), DONE)) for _ in range(2)]
    last = upstream.bot(answer(text("at last"), DONE))
    clients = [narrow_gateway.connect().post(bot.name, stream=True) for bot in running]
    for bot in running:
        bot.wait_for_query()
    queue = [narrow_gateway.connect().post(bot.name, stream=True) for bot in waiting]
    for client in queue:
        client.read_head()
    told(narrow_gateway.ask(last.name), 503, "gateway_overloaded")
    for client in queue:
        client.close()

    def let_in() -> Client | None:
        client = narrow_gateway.connect().post(last.name, stream=True)
        return client if client.read_head().status == 200 else None

    with eventually(let_in) as client:
        clients[0].close()
        assert content_of(events_in(client.read_rest())) == "at last"
    clients[1].close()
    assert waiting[0].queries == waiting[1].queries == []


def test_whatever_becomes_of_requests_their_places_are_free_again(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(
        upstream.url, MAX_CONCURRENT="1", MAX_QUEUE="0", WEB_CONCURRENCY="1", BODY_TIMEOUT_SECONDS="0.2"
    )
    fine = upstream.bot(answer(text("fine"), DONE))
    stays = upstream.bot(begin(text("word"), until_closed))

    def is_free() -> bool:
        return gateway.ask(fine.name).status_code == 200

    assert gateway.http.post("/v1/chat/completions", json={}).status_code == 401
    assert is_free()
    assert gateway.ask("x", temperature="hot").status_code == 400
    assert is_free()
    assert gateway.ask("nobody").status_code == 404
    assert is_free()
    assert gateway.ask(upstream.bot([until_closed]).name, stop=["x"] * 65).status_code == 400
    assert is_free()
    for leave in (Client.close, Client.reset):
        client = gateway.connect().post(stays.name, stream=True)
        assert client.read_head().status == 200
        assert gateway.ask(fine.name).status_code == 503
        leave(client)
        eventually(is_free)
    with gateway.connect() as client:
        client.request("POST", "/v1/chat/completions", b"{", {"Content-Length": "100"})
        assert client.response().status == 408
    eventually(is_free)
    assert message_of(gateway.ask(fine.name))["content"] == "fine"


LIMIT_AND_START = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def test_without_descriptors_clients_wait_outside_and_the_log_says_why(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(
        upstream.url, command=(sys.executable, "-c", LIMIT_AND_START, *COMMAND), WEB_CONCURRENCY="1"
    )
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(gateway.connect())
        said = "no more connections can be accepted for now: Too many open files"
        eventually(lambda: said in gateway.log.read_text())
        assert gateway.log.read_text().count(said) == 1  # the list of models may find no descriptor either
    bot = upstream.bot(answer(text("fine"), DONE))
    assert message_of(gateway.ask(bot.name))["content"] == "fine"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_without_a_descriptor_for_poe_it_is_a_503(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def take(_: Connections) -> NoReturn:
        raise OSError(number, "Too many open files")

    monkeypatch.setattr(Connections, "take", take)
    upstream = Upstream(Connections("http://127.0.0.1:1", 1.0, ReadWaiter, time_limit))
    with pytest.raises(QueryFailed) as failed:
        upstream.open(1.0, 1.0)
    assert (failed.value.error.status, failed.value.error.code) == (503, "gateway_overloaded")
    assert failed.value.error.headers["Retry-After"]
