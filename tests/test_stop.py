"""How the gateway stops: in steps, and without cutting anybody off silently."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

import httpx

from tests.gateway import LIMIT, Gateway, content_of, events_in, eventually, message_of, workers_of
from tests.upstream.scripted import DONE, END, ScriptedUpstream, answer, begin, text, until_closed


def is_closed(gateway: Gateway) -> bool:
    """Whether no connection is accepted any more."""
    with contextlib.suppress(httpx.TransportError):
        gateway.http.get("/healthz")
        return False
    return True


def test_what_comes_while_it_drains_is_still_served(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, DRAIN_SECONDS="4", GRACEFUL_TIMEOUT="0")
    bot = upstream.bot(answer(text("fine"), DONE))
    assert gateway.http.get("/readyz").status_code == 200
    gateway.process.send_signal(signal.SIGTERM)
    refused = eventually(lambda: (ready := gateway.http.get("/readyz")).status_code == 503 and ready)
    assert refused.json()["error"].keys() == {"message", "type", "param", "code"}
    assert gateway.http.get("/healthz").status_code == 200
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    assert gateway.process.wait(LIMIT) == 0


def test_what_runs_may_come_to_its_end(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, DRAIN_SECONDS="0")
    gate = threading.Event()
    bots = [upstream.bot(answer(text("still "), gate, text("here"), DONE)) for _ in range(2)]
    with gateway.connect() as streamed, gateway.connect() as whole:
        streamed.post(bots[0].name, stream=True)
        whole.post(bots[1].name)
        streamed.read_head()
        streamed.read_until(b"still ")
        bots[1].wait_for_query()
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: is_closed(gateway))
        gate.set()
        events = events_in(streamed.read_rest())
        assert (content_of(events), events[-1]) == ("here", "[DONE]")
        assert b"still here" in whole.response().body
    assert gateway.process.wait(LIMIT) == 0


def test_what_runs_for_too_long_ends_with_an_error(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, DRAIN_SECONDS="0", GRACEFUL_TIMEOUT="1")
    bots = [upstream.bot(begin(text("Half an "), until_closed)) for _ in range(2)]
    with gateway.connect() as streamed, gateway.connect() as whole:
        streamed.post(bots[0].name, stream=True)
        whole.post(bots[1].name)
        streamed.read_head()
        streamed.read_until(b"Half an ")
        bots[1].wait_for_query()
        gateway.process.send_signal(signal.SIGTERM)
        *_, failed, done = events_in(streamed.read_rest())
        assert failed["error"]["message"]
        assert done == "[DONE]"
        response = whole.response()
        assert response.status == 503
        assert response.error["code"] == failed["error"]["code"]
    for bot in bots:
        bot.query.wait_closed()
    assert gateway.process.wait(LIMIT) == 0


def test_idle_connections_hold_up_nothing(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, DRAIN_SECONDS="0", GRACEFUL_TIMEOUT="60")
    with gateway.connect() as kept, gateway.connect() as silent:
        assert kept.request("GET", "/healthz").response().status == 200
        silent.send(b"GET /heal")
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(LIMIT) == 0


def test_who_has_come_before_the_door_closes_is_served(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, DRAIN_SECONDS="0", GRACEFUL_TIMEOUT="60")
    bot = upstream.bot(answer(text("fine"), DONE))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(gateway.connect()) for _ in range(10)]
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: is_closed(gateway))
        for client in clients:
            client.post(bot.name)
        responses = [client.response() for client in clients]
    assert [response.status for response in responses] == [200] * 10
    assert all(response.headers["connection"] == "close" for response in responses)
    assert gateway.process.wait(LIMIT) == 0


def test_twenty_streams_outlive_the_stop(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, DRAIN_SECONDS="0.5")
    gate = threading.Event()
    bots = [upstream.bot(answer(text("to be "), gate, text("or not"), DONE)) for _ in range(20)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(gateway.connect()) for _ in bots]
        for client, bot in zip(clients, bots, strict=True):
            client.post(bot.name, stream=True)
        for client in clients:
            client.read_head()
            client.read_until(b"to be ")
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: is_closed(gateway))
        gate.set()
        for client in clients:
            events = events_in(client.read_rest())
            assert (content_of(events), events[-1]) == ("or not", "[DONE]")
    assert gateway.process.wait(LIMIT) == 0


def test_a_killed_worker_is_replaced_and_leaves_nothing_locked(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(upstream.url, RATE_LIMIT_MS="50")
    bot = upstream.bot(answer(text("fine"), DONE))
    before = eventually(lambda: len(found := workers_of(gateway)) == 2 and found)
    os.kill(before[0], signal.SIGKILL)
    after = eventually(lambda: len(found := workers_of(gateway)) == 2 and found != before and found)
    assert before[1] in after
    for _ in range(6):
        assert message_of(gateway.ask(bot.name))["content"] == "fine"


def test_a_connection_whose_answer_has_ended_is_not_waited_for(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    """It was told that it may go on; that was before the stop."""
    gate = threading.Event()
    bot = upstream.bot([*begin(text("fine"), gate, DONE), END])
    long = {"GRACEFUL_TIMEOUT": str(3 * LIMIT), "HEAD_TIMEOUT_SECONDS": str(3 * LIMIT)}
    gateway: Gateway = start_gateway(upstream.url, WEB_CONCURRENCY="1", DRAIN_SECONDS="0", **long)
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        client.read_head()
        client.read_until(b"fine")
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: is_closed(gateway))
        gate.set()
        client.read_rest()
        assert client.read_to_the_end() == b""
    assert gateway.process.wait(LIMIT) == 0
