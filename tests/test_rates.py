"""How often Poe is asked, and what it says about that."""

from __future__ import annotations

import threading
import time

import pytest

from tests.gateway import Gateway, message_of
from tests.upstream.scripted import DONE, END, HEAD, ScriptedUpstream, answer, chunk, text


def test_queries_are_spaced_over_all_workers(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, RATE_LIMIT_MS="200")
    bot = upstream.bot(answer(text("fine"), DONE))

    def ask() -> None:
        assert message_of(gateway.ask(bot.name))["content"] == "fine"

    threads = [threading.Thread(target=ask) for _ in range(8)]
    began_at = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began_at >= 7 * 0.2
    assert len(bot.queries) == len(threads)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_poes_own_limits_are_handed_on(gateway: Gateway, upstream: ScriptedUpstream, stream: bool) -> None:
    limits = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "60",
    }
    fields = "".join(f"{name}: {value}\r\n" for name, value in limits.items())
    head = HEAD.removesuffix(b"\r\n") + f"{fields}set-cookie: private\r\n\r\n".encode()
    bot = upstream.bot([head, chunk(text("fine") + DONE), END])
    headers = gateway.ask(bot.name, stream=stream).headers
    assert {name: headers[name] for name in limits} == limits
    assert "set-cookie" not in headers


def test_who_leaves_the_queue_is_never_asked_for(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, RATE_LIMIT_MS="1000", HEARTBEAT_SECONDS="0.2")
    first, second, third = (upstream.bot(answer(text("fine"), DONE)) for _ in range(3))
    assert message_of(gateway.ask(first.name))["content"] == "fine"
    with gateway.connect() as waiting:
        waiting.post(second.name, stream=True)
        waiting.read_head()  # the status and heartbeats come while it waits
        waiting.read_until(b": ping")
    assert message_of(gateway.ask(third.name))["content"] == "fine"
    assert second.queries == []


def test_what_is_refused_here_takes_no_slot(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, RATE_LIMIT_MS="3600000")
    bot = upstream.bot(answer(text("fine"), DONE))
    assert gateway.ask(bot.name, n=2).status_code == 400
    assert gateway.http.get("/v1/models").status_code in (200, 502)
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
