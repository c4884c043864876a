"""Clients that send slowly or do not read: they cost little, and are disconnected."""

from __future__ import annotations

import base64
import json
import select
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gateway import LIMIT, Client, Gateway, authorization, eventually, message_of, workers_of
from tests.test_leaving import Flood
from tests.upstream.scripted import DONE, HEAD, ScriptedUpstream, answer, text, until_closed

FIELDS = "".join(f"{name}: {value}\r\n" for name, value in authorization().items())
POST = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{FIELDS}"
PASSWORD = base64.b64encode(b"admin:secret").decode()
FRAMINGS = {
    "length": ("Content-Length: 100000", b"%b"),
    "chunks": ("Transfer-Encoding: chunked", b"1\r\n%b\r\n"),
}


@pytest.fixture(scope="module")
def strict_gateway(upstream: ScriptedUpstream, start_shared_gateway) -> Gateway:
    """A gateway that waits for its clients for at most a second."""
    timeouts = {"HEAD_TIMEOUT_SECONDS": "3", "BODY_TIMEOUT_SECONDS": "1", "SEND_TIMEOUT_SECONDS": "1"}
    gateway: Gateway = start_shared_gateway(upstream.url, **timeouts)
    return gateway


def read_all(client: Client) -> None:
    while client.socket.recv(65536):
        pass


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("sent", [0, 1, 5000])
def test_a_body_that_stops_is_a_408_and_the_end(strict_gateway: Gateway, framing: str, sent: int) -> None:
    field, piece = FRAMINGS[framing]
    with strict_gateway.connect() as client:
        client.send(f"{POST}{field}\r\n\r\n".encode() + b"".join([piece % b" "] * sent))
        response = client.response()
        assert (response.status, response.error["code"]) == (408, "request_timeout")
        assert response.headers["connection"] == "close"
        assert client.read_to_the_end() == b""


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_body_that_drips_is_a_408(strict_gateway: Gateway, framing: str) -> None:
    """Each byte arrives in time, but the whole would take hours."""
    field, piece = FRAMINGS[framing]
    with strict_gateway.connect() as client:
        client.send(f"{POST}{field}\r\n\r\n".encode())
        drip_until_answered(client, piece % b" ")
        assert client.response().status == 408


PANEL = {
    "config": "POST /api/admin/config",
    "import": "POST /api/admin/import",
    "restore": "POST /api/admin/history/1/restore",
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", PANEL)
def test_a_body_for_the_panel_that_drips_is_a_408(strict_gateway: Gateway, name: str, framing: str) -> None:
    field, piece = FRAMINGS[framing]
    fields = f"Host: x\r\nAuthorization: Basic {PASSWORD}\r\nContent-Type: application/json\r\n{field}\r\n"
    with strict_gateway.connect() as client:
        client.send(f"{PANEL[name]} HTTP/1.1\r\n{fields}\r\n".encode())
        drip_until_answered(client, piece % b" ")
        response = client.response()
        assert (response.status, response.error["code"]) == (408, "request_timeout")
        assert response.headers["connection"] == "close"
        assert client.read_to_the_end() == b""


def drip_until_answered(client: Client, data: bytes) -> None:
    began = time.monotonic()
    while not select.select([client.socket], [], [], 0.1)[0]:
        assert time.monotonic() - began < LIMIT, "nobody minds"
        client.send(data)


@pytest.mark.parametrize("begun", [b"G", POST.encode(), b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_head_that_drips_is_a_408(strict_gateway: Gateway, begun: bytes) -> None:
    with strict_gateway.connect() as client:
        client.send(begun)
        drip_until_answered(client, b"y")
        response = client.response()
        assert (response.status, response.error["code"]) == (408, "request_timeout")
        assert response.headers["connection"] == "close"
        assert client.read_to_the_end() == b""


def test_the_beginning_of_a_second_head_is_one_too(strict_gateway: Gateway) -> None:
    with strict_gateway.connect() as client:
        client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /he")
        assert [client.response().status, client.response().status] == [200, 408]
        assert client.read_to_the_end() == b""


@pytest.mark.parametrize("requests", [0, 1])
def test_a_connection_without_a_request_is_closed_without_a_word(
    strict_gateway: Gateway, requests: int
) -> None:
    with strict_gateway.connect() as client:
        for _ in range(requests):
            client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.response().status == 200
        assert client.read_to_the_end() == b""


def test_a_body_may_take_long_if_it_is_long(strict_gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("fine"), DONE))
    body = json.dumps({"model": bot.name, "messages": [{"role": "user", "content": "x" * 100_000}]}).encode()
    with strict_gateway.connect() as client:
        client.send(f"{POST}Content-Length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body), 10_000):
            client.send(body[at : at + 10_000])
            time.sleep(0.2)
        assert client.response().status == 200


def test_after_a_body_the_next_request_may_take_its_time(
    strict_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(text("fine"), DONE))
    with strict_gateway.connect() as client:
        assert client.post(bot.name).response().status == 200
        time.sleep(1.5)
        assert client.post(bot.name).response().status == 200


def test_a_client_that_does_not_read_is_let_go_with_its_query(
    strict_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    flood = Flood()
    bot = upstream.bot([HEAD, flood, until_closed])
    with strict_gateway.connect(receive_buffer=4096) as client:
        client.post(bot.name, stream=True)
        bot.wait_for_query().wait_closed()
        with pytest.raises(ConnectionResetError):
            read_all(client)
    eventually(lambda: "read nothing" in strict_gateway.log.read_text())


def test_a_client_that_does_not_read_a_whole_answer_is_let_go(
    strict_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(*[text("x" * 100_000)] * 100, DONE))
    with strict_gateway.connect(receive_buffer=4096) as client:
        client.post(bot.name)
        eventually(lambda: select.select([client.socket], [], [], 0)[0])
        time.sleep(1.5)
        with pytest.raises(ConnectionResetError):
            read_all(client)


def test_a_client_that_reads_slowly_gets_all_of_it(
    strict_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    """A send takes longer than the time-out, but always makes progress."""
    bot = upstream.bot(answer(*[text("x" * 100_000)] * 60, DONE))
    with strict_gateway.connect(receive_buffer=65536) as client:
        client.post(bot.name)
        head = client.read_head()
        left = int(head.headers["content-length"])
        began = time.monotonic()
        while left:
            left -= len(client._reader.read(min(left, 400_000)))
            time.sleep(0.2)
        assert time.monotonic() - began > 2


def resident(gateway: Gateway) -> int:
    """The workers' resident bytes."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in workers_of(gateway)]
    return sum(pages) * 4096


def test_eight_clients_that_do_not_read_cost_little(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url)
    eventually(lambda: len(workers_of(gateway)) == gateway.workers)
    small = upstream.bot(answer(text("small"), DONE))
    for _ in range(20):
        assert message_of(gateway.ask(small.name))["content"] == "small"
    before = resident(gateway)
    floods = [Flood() for _ in range(8)]
    bots = [upstream.bot([HEAD, flood, until_closed]) for flood in floods]
    with ExitStack() as stack:
        clients: list[Client] = [
            stack.enter_context(gateway.connect(receive_buffer=4096)).post(bot.name, stream=True)
            for bot in bots
        ]
        for flood in floods:
            assert flood.is_stalled.wait(60)
        assert resident(gateway) - before < 60 * 1024 * 1024
        assert message_of(gateway.ask(small.name))["content"] == "small"
        for client in clients:
            client.socket.shutdown(socket.SHUT_RDWR)
    for bot in bots:
        bot.query.wait_closed()
