"""Whatever clients do: their queries end, others are served, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import census
from tests.faults.clients import MISBEHAVIOURS, misbehave
from tests.faults.upstreams import GOOD
from tests.gateway import Client, Gateway, message_of
from tests.upstream.scripted import ScriptedUpstream, begin, text, until_closed


@pytest.fixture(scope="module")
def watched_gateway(upstream: ScriptedUpstream, start_shared_gateway) -> Iterator[Gateway]:
    """A gateway that must be in the end as it was at the beginning."""
    gateway: Gateway = start_shared_gateway(upstream.url, command=census.COMMAND, BODY_TIMEOUT_SECONDS="1")
    for stream in [False, True] * 10:
        assert gateway.ask(upstream.bot(GOOD).name, stream=stream).status_code == 200
    before = census.calm(gateway)
    yield gateway
    census.same_as(before, gateway)


def test_the_census_sees_what_is_held(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, command=census.COMMAND, WEB_CONCURRENCY="1")
    assert gateway.ask(upstream.bot(GOOD).name).status_code == 200
    before = census.calm(gateway)
    with gateway.connect() as client:
        client.post(upstream.bot(begin(text("word"), until_closed)).name, stream=True)
        client.read_head()
        (held,), (free,) = census.take(gateway).workers.values(), before.workers.values()
        assert held.descriptors == free.descriptors + 2
        assert held.greenlets == free.greenlets + 2
        assert held.clients == 1
    census.same_as(before, gateway)


@pytest.mark.parametrize(
    "leave",
    [pytest.param(Client.close, marks=pytest.mark.long), Client.reset],
    ids=["closing", "resetting"],
)
@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_nobody_else_minds(watched_gateway: Gateway, upstream: ScriptedUpstream, name: str, leave) -> None:
    misbehave(watched_gateway, upstream, name, leave)
    assert message_of(watched_gateway.ask(upstream.bot(GOOD).name))["content"] == "fine"


def test_a_version_that_is_not_ours_is_answered_in_ours(watched_gateway: Gateway) -> None:
    with watched_gateway.connect() as client:
        client.send(b"GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n")
        assert client.socket.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/nowhere"])
def test_what_is_too_much_to_read_away_ends_the_connection_and_says_so(
    watched_gateway: Gateway, path: str
) -> None:
    with watched_gateway.connect() as client:
        client.request("POST", path, headers={"Content-Length": str(2**50)})
        response = client.response()
        assert response.status in (404, 413)
        assert response.headers["connection"] == "close"
        assert client.read_to_the_end() == b""
