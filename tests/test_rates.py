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
