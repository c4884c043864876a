"""Clients that leave, limits that end an answer early, and clients that read slowly."""

from __future__ import annotations

import json
import select
import threading
import time

import pytest

from tests.apis import Api, every_api
from tests.gateway import WORDS, Client, Gateway, authorization, content_of, events_in, message_of
from tests.upstream.scripted import (
    DONE,
    HEAD,
    LIMIT,
    Connection,
    Script,
    ScriptedUpstream,
    answer,
    begin,
    chunk,
    event,
    replace,
    reset,
    text,
    until_closed,
)

SILENCES = {
    "before the head": [until_closed],
    "before the first event": [HEAD, until_closed],
    "before the first text": begin(event("meta", {}), until_closed),
    "while text is held back": begin(replace("Working (1s)"), until_closed),
    "in mid-answer": begin(text("Half an "), until_closed),
}


def has_arrived(script: Script) -> threading.Event:
    """An event that is set when the script falls silent."""
    arrived = threading.Event()
    script.insert(-1, lambda _: arrived.set())
    return arrived


@pytest.mark.parametrize("leave", [Client.close, Client.reset], ids=["closes", "resets"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("silence", SILENCES)
@every_api
def test_a_client_that_leaves_in_a_silence_takes_its_query_with_it(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, silence: str, stream: bool, leave
) -> None:
    script = list(SILENCES[silence])
    arrived = has_arrived(script)
    bot = upstream.bot(script)
    client = api.send(gateway.connect(), bot.name, stream=stream)
    assert arrived.wait(LIMIT)
    if stream and silence == "in mid-answer":
        client.read_head()
        client.read_until(b"Half an ")
    left_at = leave(client)
    assert bot.query.wait_closed() - left_at < 1
    assert len(bot.queries) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@every_api
def test_a_client_that_leaves_while_text_flows_takes_its_query_with_it(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    flows = threading.Event()

    def flow(connection: Connection) -> None:
        for number in range(3000):
            connection.send(chunk(text(f"{number} ")))
            flows.set()
            connection.closed.wait(0.01)

    bot = upstream.bot([HEAD, flow, until_closed])
    client = api.send(gateway.connect(), bot.name, stream=stream)
    assert flows.wait(LIMIT)
    left_at = client.close()
    assert bot.query.wait_closed() - left_at < 1


def test_no_query_is_tried_again_for_a_client_that_has_left(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot([reset], [until_closed])
    client = gateway.connect().post(bot.name)
    bot.wait_for_query()
    client.close()
    if not bot.stays_at(1):  # it was on its way already
        assert bot.wait_for_query(2).wait_closed()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_pipelined_request_is_no_farewell(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    goes_on = threading.Event()
    bot = upstream.bot(answer(text("still "), goes_on, text("here"), DONE))
    second = upstream.bot(answer(text("next"), DONE))
    with gateway.connect() as client:
        client.post(bot.name, stream=stream).post(second.name)
        bot.wait_for_query()
        assert not bot.query.connection.closed.wait(1.5)
        goes_on.set()
        body = client.response().body
        said = content_of(events_in(body)) if stream else json.loads(body)["choices"][0]["message"]["content"]
        assert said == "still here"
        assert b"next" in client.response().body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("said", "limit", "content", "reason"),
    [
        ("one STOP two", {"stop": "STOP"}, "one ", "stop"),
        ("one two three four five", {"max_tokens": 2}, "one two", "length"),
    ],
)
def test_a_limit_ends_the_query_at_once(
    gateway: Gateway,
    upstream: ScriptedUpstream,
    said: str,
    limit: dict[str, object],
    content: str,
    reason: str,
    stream: bool,
) -> None:
    bot = upstream.bot(begin(text(said), until_closed))
    response = gateway.ask(bot.name, stream=stream, **limit)
    answered_at = time.monotonic()
    if stream:
        *chunks, finish, done = events_in(response.content)
        assert (content_of(chunks), done) == (content, "[DONE]")
    else:
        assert message_of(response)["content"] == content
        finish = response.json()
    assert finish["choices"][0]["finish_reason"] == reason
    assert bot.query.wait_closed() - answered_at < 1


def test_a_bot_that_does_not_close_after_done_is_not_waited_for(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(begin(text("all"), DONE, until_closed))
    assert message_of(gateway.ask(bot.name))["content"] == "all"
    bot.query.wait_closed()


class Flood:
    """A step that sends text until the connection takes no more."""

    LIMIT = 128 * 1024 * 1024
    PIECE = chunk(text("x" * 65_000))

    def __init__(self) -> None:
        self.sent = 0
        self.is_stalled = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, connection: Connection) -> None:
        connection.socket.setblocking(False)
        piece = memoryview(self.PIECE)
        while self.sent < self.LIMIT and not self.may_end.is_set():
            writable = select.select([], [connection.socket], [], 1.5)[1]
            if not writable:
                self.is_stalled.set()
                continue
            done = connection.socket.send(piece)
            self.sent += done
            piece = piece[done:] or memoryview(self.PIECE)
        connection.socket.setblocking(True)
        connection.send(piece.tobytes() if len(piece) < len(self.PIECE) else b"")


def test_a_client_that_does_not_read_holds_up_its_own_query_only(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    flood = Flood()
    slow_bot = upstream.bot([HEAD, flood, chunk(text(" the end") + DONE), b"0\r\n\r\n"])
    quick_bot = upstream.bot(answer(text("quick"), DONE))
    with gateway.connect(receive_buffer=4096) as slow:
        slow.post(slow_bot.name, stream=True)
        assert flood.is_stalled.wait(60), f"{flood.sent} bytes found a place"
        assert flood.sent < 32 * 1024 * 1024
        for _ in range(8):  # more than there are workers
            assert message_of(gateway.ask(quick_bot.name))["content"] == "quick"
        flood.may_end.set()
        assert slow.read_head().status == 200
        said = content_of(events_in(slow.read_rest()))
    assert said.endswith(" the end")
    assert set(said.removesuffix(" the end")) == {"x"}
    assert len(said) >= flood.sent * 0.9


def test_a_client_that_leaves_without_having_read_takes_its_query_with_it(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    flood = Flood()
    bot = upstream.bot([HEAD, flood, until_closed])
    client = gateway.connect(receive_buffer=4096).post(bot.name, stream=True)
    assert flood.is_stalled.wait(60)
    left_at = client.close()
    assert bot.query.wait_closed() - left_at < 1


def test_half_a_request_harms_nobody(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("fine"), DONE))
    body = json.dumps({"model": bot.name, "messages": [{"role": "user", "content": WORDS}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    fields = "".join(f"{name}: {value}\r\n" for name, value in authorization().items())
    whole = f"{head}{fields}\r\n".encode() + body
    for cut in (1, 30, len(head), len(whole) - len(body), len(whole) - 1):
        with gateway.connect() as client:
            client.send(whole[:cut])
    assert bot.queries == []
    with gateway.connect() as client:
        client.send(whole)
        assert client.response().status == 200


def test_many_clients_that_leave_leave_nothing_behind(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bots = [upstream.bot(begin(text("word"), until_closed)) for _ in range(40)]
    clients = [gateway.connect().post(bot.name, stream=True) for bot in bots]
    queries = [bot.wait_for_query() for bot in bots]
    for client in clients:
        client.close()
    for query in queries:
        query.wait_closed()
