"""Time limits, and what clients are told when they are exceeded."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle

import pytest

from tests.apis import APIS
from tests.gateway import WORDS, Gateway, content_of
from tests.test_errors import told
from tests.upstream.scripted import (
    DONE,
    HEAD,
    Bot,
    Connection,
    ScriptedUpstream,
    answer,
    begin,
    chunk,
    text,
    until_closed,
)

DRIPS_PAUSE = 0.05


def drip(data: bytes) -> Callable[[Connection], None]:
    """A step that sends ``data`` again and again, a piece at a time."""

    def step(connection: Connection) -> None:
        for piece in cycle([data]):
            connection.send(piece)
            if connection.closed.wait(DRIPS_PAUSE):
                return

    return step


@contextmanager
def stalling(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that calls ``behave`` with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=serve, args=[client], daemon=True).start()

    def serve(client: socket.socket) -> None:
        with suppress(OSError), client:
            behave(client)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def say_nothing(client: socket.socket) -> None:
    while client.recv(65536):
        pass


def read_nothing(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    time.sleep(10)


def drip_a_handshake(client: socket.socket) -> None:
    """The head of a TLS record of 16 kB, and then a byte now and then."""
    client.recv(65536)
    client.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        client.sendall(b"\x00")
        time.sleep(DRIPS_PAUSE)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("behave", [say_nothing, drip_a_handshake], ids=lambda each: each.__name__)
def test_a_handshake_that_does_not_end_is_a_504(
    start_gateway, stream: bool, behave: Callable[[socket.socket], None]
) -> None:
    with stalling(behave) as port:
        gateway: Gateway = start_gateway(
            f"https://127.0.0.1:{port}", CONNECT_TIMEOUT_SECONDS="0.5", WEB_CONCURRENCY="1"
        )
        error = told(gateway.ask("anyone", stream=stream), 504, "connect_timeout")
        assert "0.5 s" in error["message"]


def test_a_server_that_takes_no_query_is_a_504(start_gateway) -> None:
    with stalling(read_nothing) as port:
        gateway: Gateway = start_gateway(
            f"http://127.0.0.1:{port}", FIRST_BYTE_TIMEOUT_SECONDS="0.5", WEB_CONCURRENCY="1"
        )
        told(gateway.ask("anyone", "x" * 20_000_000), 504, "first_byte_timeout")


def test_a_name_that_is_none_is_a_502(start_gateway) -> None:
    gateway: Gateway = start_gateway("http://poe.invalid", WEB_CONCURRENCY="1")
    assert "host name" in told(gateway.ask("anyone"), 502, "upstream_error")["message"]


LATE_LISTS = {
    "nothing": [until_closed],
    "a head that drips": [b"HTTP/1.1 200 OK\r\nx: ", drip(b"y")],
    "half a list": [b'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{"data": [', until_closed],
    "a list that drips": [b'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{"data": [', drip(b" ")],
    "an error that drips": [b"HTTP/1.1 500 Oops\r\ncontent-length: 999\r\n\r\n", drip(b" ")],
}


@pytest.mark.parametrize("name", LATE_LISTS)
def test_a_list_of_models_that_does_not_come_is_a_504(start_gateway, name: str) -> None:
    upstream = ScriptedUpstream()
    upstream.models = Bot("the list of models", [LATE_LISTS[name]])
    gateway: Gateway = start_gateway(upstream.url, FIRST_BYTE_TIMEOUT_SECONDS="0.5", STRICT_MODELS="true")
    for response in (gateway.http.get("/v1/models"), gateway.ask("anyone"), gateway.ask("any", stream=True)):
        assert "within 0.5 s" in told(response, 504, "models_timeout")["message"]
    for query in upstream.models.queries:
        query.wait_closed()
    upstream.stop()


def test_a_list_of_models_that_cannot_be_asked_for_is_a_504(start_gateway) -> None:
    with stalling(say_nothing) as port:
        gateway: Gateway = start_gateway(f"https://127.0.0.1:{port}", CONNECT_TIMEOUT_SECONDS="0.5")
        assert "0.5 s" in told(gateway.http.get("/v1/models"), 504, "connect_timeout")["message"]


@pytest.fixture(scope="module")
def hurried_gateway(upstream: ScriptedUpstream, start_shared_gateway) -> Gateway:
    """A gateway whose answers may take a second."""
    gateway: Gateway = start_shared_gateway(
        upstream.url, ANSWER_TIMEOUT_SECONDS="1", FIRST_BYTE_TIMEOUT_SECONDS="30", HEARTBEAT_SECONDS="0.3"
    )
    return gateway


ENDLESS = {
    "nothing": [until_closed],
    "a head that drips": [b"HTTP/1.1 200 OK\r\nx: ", drip(b"y")],
    "comments": [HEAD, drip(chunk(b": ping\n\n"))],
    "text": [HEAD, drip(chunk(text("word ")))],
    "a line that does not end": [HEAD, chunk(b"event: text\ndata: "), drip(chunk(b"x"))],
    "a chunk that drips": [HEAD, b"fffff\r\n", drip(b"x")],
    "an error page that drips": [b"HTTP/1.1 500 Oops\r\ncontent-length: 9999\r\n\r\n", drip(b"x")],
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_that_does_not_end_is_ended(
    hurried_gateway: Gateway, upstream: ScriptedUpstream, name: str, stream: bool
) -> None:
    """In every API, all of which are asked at the same time."""
    bot = upstream.bot(ENDLESS[name])
    with ThreadPoolExecutor(len(APIS)) as pool:
        asked = [pool.submit(api.ask, hurried_gateway, bot.name, stream=stream) for api in APIS]
    for api, response in zip(APIS, (each.result() for each in asked), strict=True):
        if stream:
            assert api.said(response).failure == api.failed("answer_timeout")
        else:
            assert "1 s" in api.told(response, 504, "answer_timeout")["message"]
    for query in bot.queries:
        query.wait_closed()


def test_an_answer_within_its_time_is_left_alone(
    hurried_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    bot = upstream.bot(answer(text("just "), gate, text("in time"), DONE))
    threading.Timer(0.4, gate.set).start()
    assert content_of(hurried_gateway.stream(bot.name)) == "just in time"


def test_time_in_the_queue_counts(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(
        upstream.url, MAX_CONCURRENT="1", WEB_CONCURRENCY="1", ANSWER_TIMEOUT_SECONDS="2"
    )
    first = upstream.bot(begin(text(WORDS), until_closed))
    second = upstream.bot(begin(text(WORDS), until_closed))
    with gateway.connect() as running:
        running.post(first.name)
        first.wait_for_query()
        with gateway.connect() as waiting:
            waiting.post(second.name)
            assert running.response().error["code"] == "answer_timeout"
            assert waiting.response().error["code"] == "answer_timeout"
