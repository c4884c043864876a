"""A resolver that does not answer: nobody waits longer than for a connection, and nobody else minds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.upstreams import GOOD
from tests.gateway import GUNICORN, Gateway, message_of
from tests.test_errors import told
from tests.upstream.scripted import DONE, END, Bot, ScriptedUpstream, begin, close, respond, text

COMMAND = (GUNICORN, "-c", "tests/faults/slow_names.conf.py", "wsgi:app")
MANY = 30


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """One to which there is no connection yet but the one for the list, which it ends."""
    upstream = ScriptedUpstream()
    upstream.models = Bot("the list of models", [[*respond(200, {"data": []}), close]])
    yield upstream
    upstream.stop()


@pytest.fixture
def gateway(upstream: ScriptedUpstream, start_gateway) -> Gateway:
    """A gateway with one worker, to whose upstream there is a name."""
    gateway: Gateway = start_gateway(
        f"http://poe.example:{upstream.port}",
        command=COMMAND,
        WEB_CONCURRENCY="1",
        CONNECT_TIMEOUT_SECONDS="0.5",
    )
    return gateway


def mute(gateway: Gateway) -> Path:
    file = gateway.log.parent / "mute"
    file.touch()
    return file


def test_many_who_wait_for_a_name_cost_the_others_nothing(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    running = upstream.bot([*begin(text("just "), gate, text("fine"), DONE), END])
    with gateway.connect() as client:
        client.post(running.name, stream=True)
        client.read_head()
        client.read_until(b"just")
        file = mute(gateway)
        with ThreadPoolExecutor(MANY) as pool:
            asked = [pool.submit(gateway.ask, "anyone", stream=number % 2 == 0) for number in range(MANY)]
            for each in asked:
                assert "0.5 s" in told(each.result(), 504, "connect_timeout")["message"]
        # What else needs one of the process's few threads.
        assert gateway.http.get("/metrics", auth=("admin", "secret")).status_code == 200
        gate.set()
        assert b"fine" in client.read_rest()
    file.unlink()
    assert message_of(gateway.ask(upstream.bot(GOOD).name))["content"] == "fine"
