"""MAX_REQUESTS: workers are replaced after some requests, and nobody notices."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateway import LIMIT, Gateway, content_of, events_in, eventually, message_of, workers_of
from tests.upstream.scripted import DONE, ScriptedUpstream, answer, begin, text, until_closed


@pytest.mark.parametrize("workers", [1, 2])
def test_no_answer_is_cut_and_nobody_is_turned_away(
    upstream: ScriptedUpstream, start_gateway, workers: int
) -> None:
    gateway: Gateway = start_gateway(upstream.url, MAX_REQUESTS="40", WEB_CONCURRENCY=str(workers))
    first = eventually(lambda: len(found := workers_of(gateway)) == workers and found)
    gate = threading.Event()
    long_bots = [upstream.bot(answer(text("to be "), gate, text("or not"), DONE)) for _ in range(6)]
    short_bot = upstream.bot(answer(text("fine"), DONE))

    def ask(_: int) -> str:
        return message_of(gateway.ask(short_bot.name))["content"]

    clients = [gateway.connect().post(bot.name, stream=True) for bot in long_bots]
    for client in clients:
        client.read_head()
        client.read_until(b"to be ")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(300))) == {"fine"}
        eventually(lambda: set(workers_of(gateway)) - set(first))
        assert set(pool.map(ask, range(50))) == {"fine"}
    assert set(first) & set(workers_of(gateway)), "who still answers is still there"
    gate.set()
    for client in clients:
        events = events_in(client.read_rest())
        assert (content_of(events), events[-1]) == ("or not", "[DONE]")
        client.close()
    eventually(lambda: not set(first) & set(workers_of(gateway)))
    eventually(lambda: len(workers_of(gateway)) == workers)


def test_a_stop_ends_workers_that_retire_as_well(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(
        upstream.url, MAX_REQUESTS="10", WEB_CONCURRENCY="1", DRAIN_SECONDS="0", GRACEFUL_TIMEOUT="1"
    )
    bot = upstream.bot(begin(text("Half an "), until_closed))
    (first,) = eventually(lambda: len(found := workers_of(gateway)) == 1 and found)
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        client.read_head()
        client.read_until(b"Half an ")
        eventually(lambda: gateway.http.get("/healthz") and len(workers_of(gateway)) == 2)
        assert first in workers_of(gateway)
        os.kill(gateway.process.pid, signal.SIGTERM)
        *_, failed, done = events_in(client.read_rest())
        assert failed["error"]["code"] == "shutting_down"
        assert done == "[DONE]"
    assert gateway.process.wait(LIMIT) == 0
