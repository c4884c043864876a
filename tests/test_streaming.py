"""The timing of a stream: its status, its first token, its heartbeats."""

from __future__ import annotations

import gc
import socket
import threading
import time
import weakref
from collections.abc import Iterator

import gevent
import gevent.socket
import pytest

from app.answer.thinking import Thinking
from app.answer.toolcalls import ToolCalls
from app.greenlets.producers import Producers
from app.greenlets.pump import ClientGone, Pump
from app.greenlets.sockets import ReadWaiter
from tests.gateway import LIMIT, Gateway, content_of, deltas_in, events_in
from tests.upstream.scripted import (
    DONE,
    END,
    HEAD,
    ScriptedUpstream,
    answer,
    at_once,
    begin,
    chunk,
    error,
    event,
    replace,
    text,
)


def test_each_text_leaves_as_soon_as_it_comes(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    """The bot says its next word only when the client has the one before."""
    words = [f"word{number} " for number in range(20)]
    gates = {word: threading.Event() for word in words}
    parts = [part for word in words for part in (text(word), gates[word])]
    bot = upstream.bot([*begin(*parts, DONE), END])
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        assert client.read_head().status == 200
        for word in words:
            chunks = events_in(client.read_until(word.encode()))
            assert [delta["content"] for delta in deltas_in(chunks)] == [word]
            gates[word].set()
        assert client.read_rest().endswith(b"data: [DONE]\n\n")


def test_reasoning_leaves_as_soon_as_it_comes(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    gate = threading.Event()
    bot = upstream.bot(answer(text("<think>Hm, "), gate, text("yes.</think>\n\nYes."), DONE))
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        client.read_head()
        client.read_until(b'"reasoning_content":"Hm,')
        gate.set()
        assert content_of(events_in(client.read_rest())) == "Yes."


def test_the_final_answer_of_a_bot_that_replaces_ends_the_stream(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(replace("a"), replace("b"), text("c"), DONE))
    assert content_of(gateway.stream(bot.name)) == "bc"


def test_what_one_read_brought_leaves_in_one_write_a_chunk_each(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    words = ["one ", "two ", "three "]
    bot = upstream.bot(at_once(*map(text, words), DONE))
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        client.read_head()
        events = events_in(client.read_chunk())
        assert [delta["content"] for delta in deltas_in(events)] == words
        assert events[-1] == "[DONE]"
        assert client.read_rest() == b""


def test_the_status_waits_for_the_first_event(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    """However long the bot is silent, within one heartbeat, its error is the status."""
    gate = threading.Event()
    bot = upstream.bot(
        [HEAD, chunk(b": ping\n\n"), chunk(event("meta", {})), gate, chunk(error("rate limit")), END]
    )
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        query = bot.wait_for_query()
        assert not query.connection.closed.wait(0.5)
        gate.set()
        assert client.response().status == 429


def test_the_status_waits_no_longer_than_a_heartbeat(
    beating_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    """A status that was sent without an event carries a comment at once."""
    gate = threading.Event()
    bot = upstream.bot([gate, *answer(text("late"), DONE)])
    with beating_gateway.connect() as client:
        client.post(bot.name, stream=True)
        assert client.read_head().status == 200
        assert client.read_chunk().startswith(b":")
        gate.set()
        events = events_in(client.read_rest())
    assert content_of(events) == "late"
    chunks = [each for each in events if isinstance(each, dict)]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_an_error_after_a_heartbeat_is_an_event(beating_gateway: Gateway, upstream: ScriptedUpstream) -> None:
    gate = threading.Event()
    bot = upstream.bot([gate, *answer(error("rate limit"), DONE)])
    with beating_gateway.connect() as client:
        client.post(bot.name, stream=True)
        assert client.read_head().status == 200
        client.read_chunk()
        gate.set()
        *_, failed, done = events_in(client.read_rest())
    assert failed["error"]["code"] == "rate_limit_exceeded"
    assert done == "[DONE]"


@pytest.mark.parametrize(
    "before",
    [
        [],
        [HEAD],
        begin(event("meta", {})),
        begin(replace("Working (1s)")),
        begin(text("word ")),
    ],
    ids=["nothing", "a head", "meta", "progress", "text"],
)
def test_a_silent_stream_carries_comments_and_nothing_else(
    beating_gateway: Gateway, upstream: ScriptedUpstream, before: list[bytes]
) -> None:
    gate = threading.Event()
    head = [] if before else [HEAD]
    bot = upstream.bot([*before, gate, *head, chunk(replace("all")), chunk(DONE), END])
    with beating_gateway.connect() as client:
        client.post(bot.name, stream=True)
        client.read_head()
        beats = 0
        while beats < 3:
            for each in events_in(client.read_chunk()):
                beats += isinstance(each, str)
                assert not isinstance(each, str) or each.startswith(":")
        gate.set()
        assert content_of(events_in(client.read_rest())).endswith("all")


def test_a_stream_that_flows_carries_no_comments(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, HEARTBEAT_SECONDS="1", WEB_CONCURRENCY="1")
    rests = [lambda connection: connection.closed.wait(0.1)] * 25
    bot = upstream.bot(answer(*(part for rest in rests for part in (text("word "), rest)), DONE))
    events = gateway.stream(bot.name)
    assert content_of(events) == "word " * 25
    assert not [each for each in events if isinstance(each, str) and each != "[DONE]"]


def test_poes_own_keep_alives_are_not_handed_on(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(b": ping - 2026-11-23\r\n\r\n", text("a"), b": ping\r\n\r\n", DONE))
    assert b"ping" not in gateway.ask(bot.name, stream=True).content


def test_no_heartbeats_at_all_if_they_are_off(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, HEARTBEAT_SECONDS="0", WEB_CONCURRENCY="1")
    gate = threading.Event()
    bot = upstream.bot([HEAD, gate, *[chunk(text("late")), chunk(DONE)], END])
    with gateway.connect() as client:
        client.post(bot.name, stream=True)
        assert not bot.wait_for_query().connection.closed.wait(0.5)
        gate.set()
        client.read_head()
        assert client.read_rest()[:1] != b":"


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_usage_is_the_same_whole_and_streamed_however_it_is_cut(
    gateway: Gateway, upstream: ScriptedUpstream, pieces: int
) -> None:
    said = (
        "*Thinking...*\n\n> Some thoughts here.\n\nAn answer of several words, 四五六, and numbers 1234567."
    )
    size = -(-len(said) // pieces)
    bot = upstream.bot(answer(*(text(said[at : at + size]) for at in range(0, len(said), size)), DONE))
    whole = gateway.ask(bot.name).json()["usage"]
    streamed = gateway.stream(bot.name, stream_options={"include_usage": True})[-2]["usage"]
    reference = gateway.ask(upstream.bot(answer(text(said), DONE)).name).json()["usage"]
    assert whole == streamed == reference
    assert whole["completion_tokens_details"]["reasoning_tokens"] == 4


def test_an_http_1_0_client_gets_a_stream_that_ends_with_its_connection(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(text("old"), DONE))
    body = (
        b'{"model": "%b", "stream": true, "messages": [{"role": "user", "content": "x"}]}' % bot.name.encode()
    )
    with gateway.connect() as client:
        head = b"POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer k\r\nContent-Length: %d\r\n\r\n"
        client.send(head % len(body) + body)
        response = client.read_head()
        assert "transfer-encoding" not in response.headers
        assert content_of(events_in(client.read_to_the_end())) == "old"


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_what_has_ended_goes_without_the_collector() -> None:
    """The collector would stop all streams while it runs."""
    client, _peer = socket.socketpair()
    pump = Pump((each for each in "ab"), Producers(), client, patience=LIMIT)
    thinking, calls = Thinking(), ToolCalls([], str)
    assert [pump.take(), pump.take()] == ["a", "b"]
    pump.release()
    pump.close()
    gone = [weakref.ref(each) for each in (pump, thinking, calls)]
    del pump, thinking, calls
    gevent.sleep(0.01)  # the producer tidies up
    assert [each() for each in gone] == [None, None, None]


def test_who_leaves_while_others_have_their_turn_is_seen() -> None:
    """An interruption during the pause for a producer that never waits must not be waited for."""
    pump = Pump((each for each in "ab"), Producers(), None)
    assert pump.take() == "a"
    gevent.get_hub().loop.run_callback(pump.interrupt, ClientGone())
    with gevent.Timeout(LIMIT), pytest.raises(ClientGone):
        pump.take()
    pump.close()


def test_a_read_is_not_late_because_the_loop_is() -> None:
    """Time spent elsewhere is not silence of the other side, whose bytes have arrived meanwhile."""
    ours, theirs = gevent.socket.socketpair()
    waiter = ReadWaiter(ours)

    def hold_everything_up() -> None:
        theirs.sendall(b"in time")
        time.sleep(0.3)

    def read() -> bytes:
        waiter.wait(0.1)
        return ours.recv(100)

    gevent.spawn(hold_everything_up)
    assert read() == b"in time"
    with pytest.raises(TimeoutError):
        read()
    waiter.close()
    ours.close()
    theirs.close()


def test_a_client_that_leaves_leaves_nothing_to_the_collector() -> None:
    """Its part of the answer may be large, and a few large strings do not trigger the collector."""

    class Kept:
        pass

    def source() -> Iterator[int]:
        gevent.sleep(LIMIT)
        yield 0

    def serve(client: socket.socket) -> weakref.ref[Kept]:
        kept = Kept()
        reference = weakref.ref(kept)
        pump = Pump(source(), Producers(), client)
        try:
            pump.take()
        except ClientGone:
            return reference
        finally:
            pump.close()
        raise AssertionError(kept)

    ours, theirs = gevent.socket.socketpair()
    gc.disable()
    try:
        serving = gevent.spawn(serve, ours)
        gevent.sleep(0.05)
        theirs.close()
        reference = serving.get(timeout=LIMIT)
        gevent.sleep(0.05)
        assert reference() is None
    finally:
        gc.enable()
        ours.close()
