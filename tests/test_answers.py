"""Answers, from the bytes that Poe sends to those that a client gets."""

from __future__ import annotations

import gzip
import json
import threading

import pytest

from tests.gateway import Gateway, content_of, deltas_in, message_of
from tests.upstream.scripted import (
    DONE,
    END,
    HEAD,
    Script,
    ScriptedUpstream,
    answer,
    at_once,
    chunk,
    event,
    replace,
    reset,
    text,
)


@pytest.fixture
def say(gateway: Gateway, upstream: ScriptedUpstream):
    """The message for a script, which must be the same whole and streamed."""

    def say(script: Script, **fields: object) -> dict[str, object]:
        bot = upstream.bot(script)
        message = message_of(gateway.ask(bot.name, **fields))
        *chunks, done = gateway.stream(bot.name, **fields)
        assert done == "[DONE]"
        assert chunks[-1]["choices"][0]["finish_reason"]
        assert content_of(chunks) == message["content"]
        reasoning = "".join(delta.get("reasoning_content", "") for delta in deltas_in(chunks))
        assert reasoning == message.get("reasoning_content", "")
        return message

    return say


def raw(body: bytes, size: int | None = None) -> Script:
    """A body in chunks and writes of ``size`` bytes."""
    size = size or len(body)
    return [HEAD, *(chunk(body[at : at + size]) for at in range(0, len(body), size)), END]


VARIANTS = {
    "LF": b'event: text\ndata: {"text": "h\xc3\xa9 \xe5\x9b\x9b"}\n\nevent: done\ndata: {}\n\n',
    "CRLF": b'event: text\r\ndata: {"text": "h\xc3\xa9 \xe5\x9b\x9b"}\r\n\r\nevent: done\r\ndata: {}\r\n\r\n',
    "CR": b'event: text\rdata: {"text": "h\xc3\xa9 \xe5\x9b\x9b"}\r\revent: done\rdata: {}\r\r',
    "no space": b'event:text\ndata:{"text":"h\xc3\xa9 \xe5\x9b\x9b"}\n\nevent:done\ndata:{}\n\n',
    "data first": b'data: {"text": "h\xc3\xa9 \xe5\x9b\x9b"}\nevent: text\n\ndata: {}\nevent: done\n\n',
    "comments": b': ping\n\n:\nevent: text\n: in between\ndata: {"text": "h\xc3\xa9 \xe5\x9b\x9b"}\n\n'
    b": ping\n\nevent: done\ndata: {}\n\n",
    "BOM": b'\xef\xbb\xbfevent: text\ndata: {"text": "h\xc3\xa9 \xe5\x9b\x9b"}\n\nevent: done\ndata: {}\n\n',
    "several data lines": b'event: text\ndata: {"text":\ndata: "h\xc3\xa9 \xe5\x9b\x9b"\ndata: }\n\n'
    b"event: done\ndata: {}\n\n",
    "other fields": b'id: 7\nretry: 10\nfoo: bar\nevent: text\ndata: {"text": "h\\u00e9 \\u56db"}\n\n'
    b"event: done\ndata: {}\n\n",
    "no blank line at the end": b'event: text\ndata: {"text": "h\xc3\xa9 "}\n\nevent: text\n'
    b'data: {"text": "\xe5\x9b\x9b"}\n',
}


@pytest.mark.parametrize("size", [None, 1, 3], ids=["at once", "bytes", "threes"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_event_stream_is_read_as_the_standard_says(say, variant: str, size: int | None) -> None:
    assert say(raw(VARIANTS[variant], size))["content"] == "hé 四"


def test_an_answer_without_done_is_an_answer(say) -> None:
    assert say(answer(text("a"), text("b")))["content"] == "ab"


def test_done_alone_is_an_empty_answer(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(DONE))
    completion = gateway.ask(bot.name).json()
    assert completion["choices"][0]["message"]["content"] == ""
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert completion["usage"]["completion_tokens"] == 0
    role, finish, done = gateway.stream(bot.name)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


def test_what_comes_after_done_does_not_count(say) -> None:
    assert say(answer(text("a"), DONE, text("b")))["content"] == "a"


def test_a_connection_that_breaks_after_done_has_done_no_harm(say) -> None:
    assert say([HEAD, chunk(text("a") + DONE), reset])["content"] == "a"


def test_events_that_are_not_the_answer_are_left_out(say) -> None:
    others = [
        event("meta", {"content_type": "text/markdown", "suggested_replies": True}),
        event("suggested_reply", {"text": "more?"}),
        event("data", {"metadata": "m"}),
        event("ping", {}),
        event("invented_later", {"text": "?"}),
        b'data: {"text": "an event without a name"}\n\n',
        event("text", {"text": "another answer", "index": 1}),
        event("replace_response", {"text": "another answer", "index": 2}),
        event("text", {"text": ""}),
    ]
    assert say(answer(text("a"), *others, event("text", {"text": "b", "index": 0}), DONE))["content"] == "ab"


@pytest.mark.parametrize(
    "broken",
    [
        event("text", b"{not json"),
        event("text", b""),
        event("text", b"[]"),
        event("text", b'"text"'),
        event("text", {"text": 5}),
        event("text", {}),
        event("text", b"[" * 50_000),
        event("file", {"name": "without a url"}),
        event("replace_response", b"null"),
        event("json", {"choices": "none"}),
        event("json", {"choices": [None, {"delta": 7}]}),
    ],
    ids=lambda each: each[:40],
)
def test_a_broken_event_is_skipped(say, broken: bytes) -> None:
    assert say(answer(text("a"), broken, text("b"), DONE))["content"] == "ab"


def test_an_answer_may_have_a_length_or_end_with_its_connection(say) -> None:
    body = text("a") + DONE
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    assert say([head + b"Content-Length: %d\r\n\r\n" % len(body) + body])["content"] == "a"
    assert say([head + b"Connection: close\r\n\r\n" + body, lambda each: each.close()])["content"] == "a"


def test_an_answer_that_is_compressed_unasked_is_read(say) -> None:
    head = HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    assert say([head, chunk(gzip.compress(text("a") + DONE)), END])["content"] == "a"


@pytest.mark.parametrize(
    ("events", "content"),
    [
        ([replace("a"), replace("ab"), replace("abc")], "abc"),
        ([replace("Working (1s)"), replace("Working (2s)"), replace("The picture.")], "The picture."),
        ([replace("odd words"), replace("quite others")], "quite others"),
        ([replace("a"), text("b"), replace("c"), text("d")], "cd"),
        (
            [text("*Thinking... (12s elapsed)*"), replace("*Thinking... (13s elapsed)*"), replace("Yes.")],
            "Yes.",
        ),
        ([text("Generating image (3s)\n"), text("Generating image (6s)\n"), replace("Here.")], "Here."),
        ([replace("draft"), replace("")], ""),
    ],
)
def test_what_was_replaced_is_never_shown(say, events: list[bytes], content: str) -> None:
    assert say(answer(*events, DONE))["content"] == content


def test_a_replacement_of_text_that_is_already_shown(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("First words. "), replace("Other words."), text(" More."), DONE))
    assert message_of(gateway.ask(bot.name))["content"] == "Other words. More."
    assert content_of(gateway.stream(bot.name)).endswith("Other words. More.")


def file(ref: str | None = "r1", name: str = "a.png", kind: str = "image/png") -> bytes:
    fields = {"url": "https://cdn.example/f?a=1&b=2", "content_type": kind, "name": name}
    return event("file", fields | ({"inline_ref": ref} if ref else {}))


@pytest.mark.parametrize(
    ("events", "content"),
    [
        ([text("See ![t][r1]!"), file()], "See ![t](https://cdn.example/f?a=1&b=2)!"),
        ([file(), text("See ![t][r1]!")], "See ![t](https://cdn.example/f?a=1&b=2)!"),
        ([text("See ![t][r"), text("1]!"), file()], "See ![t](https://cdn.example/f?a=1&b=2)!"),
        ([file(), text("See [t][r1]")], "See [t](https://cdn.example/f?a=1&b=2)"),
        ([file(), text("See [r1].")], "See [r1](https://cdn.example/f?a=1&b=2)."),
        ([text("Loose."), file(None)], "Loose.\n\n![a.png](https://cdn.example/f?a=1&b=2)"),
        (
            [text("Loose."), file(None, "b.pdf", "application/pdf")],
            "Loose.\n\n[b.pdf](https://cdn.example/f?a=1&b=2)",
        ),
        ([file(None)], "![a.png](https://cdn.example/f?a=1&b=2)"),
        (
            [text("x[0] and [link](http://a) and [note][2] [ ] ![i](u)"), DONE],
            "x[0] and [link](http://a) and [note][2] [ ] ![i](u)",
        ),
    ],
)
def test_files_become_links(say, events: list[bytes], content: str) -> None:
    assert say(answer(*events, DONE))["content"] == content


QUOTED = "*Thinking...*\n\n> **Planning**\n> \n> I should look.\n> > nested\n\nThe answer."


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("content", "reasoning"),
    [
        (QUOTED, "**Planning**\n\nI should look.\n> nested"),
        (
            QUOTED.replace("*", "", 2).replace("Thinking*", "Thinking"),
            "**Planning**\n\nI should look.\n> nested",
        ),
        ("*Thinking... (12s elapsed)*\n\n> Hm.\n\nThe answer.", "Hm."),
        ("*Thinking...*\n> Hm.\n\nThe answer.", "Hm."),
        ("<think>Hm.</think>The answer.", "Hm."),
        ("<think>\nHm.\n</think>\n\nThe answer.", "Hm."),
        ("<thinking>Hm.</thinking>\nThe answer.", "Hm."),
    ],
)
def test_thinking_is_told_apart_for_every_cut(say, content: str, reasoning: str, size: int) -> None:
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    message = say(answer(*map(text, parts), DONE))
    assert message["content"] == "The answer."
    assert message["reasoning_content"] == reasoning


@pytest.mark.parametrize(
    "content",
    [
        "He said: Thinking... and then > no more.",
        "> a quote\n\nand an answer",
        "a <thin",
        "<thin",
        "Use <think> in prose.",
        "Say:\n\n> Thinking...\n\nOK",
    ],
)
def test_what_only_looks_like_thinking_stays_as_it_is(say, content: str) -> None:
    message = say(answer(*map(text, content), DONE))
    assert message["content"] == content
    assert "reasoning_content" not in message


def test_thinking_that_is_never_closed_is_reasoning(say) -> None:
    message = say(answer(text("<think>Hm. "), text("Hm."), DONE))
    assert (message["content"], message["reasoning_content"]) == ("", "Hm. Hm.")


def test_json_events_give_their_text(say) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("from ", "json", None, "")]
    ignored = {"choices": [{"index": 1, "delta": {"content": "another"}}]}
    assert say(answer(*(event("json", each) for each in [*chunks, ignored]), DONE))["content"] == "from json"


@pytest.mark.parametrize(
    ("parts", "stop", "content"),
    [
        (["one STOP two"], "STOP", "one "),
        (["one ST", "OP two"], ["STOP"], "one "),
        (["one S", "T", "O", "P two"], ["nothing", "STOP"], "one "),
        (["one STO", "NE two"], ["STOP"], "one STONE two"),
        (["STOP"], "STOP", ""),
        (["a STOP b END"], ["END", "STOP"], "a "),
    ],
)
def test_stop_strings_end_the_answer_just_before_them(
    say, parts: list[str], stop: str | list[str], content: str
) -> None:
    assert say(answer(*map(text, parts), DONE), stop=stop)["content"] == content


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_bound_on_tokens_ends_the_answer(
    gateway: Gateway, upstream: ScriptedUpstream, field: str
) -> None:
    bot = upstream.bot(answer(*(text(f"word{n} ") for n in range(50)), DONE))
    completion = gateway.ask(bot.name, **{field: 5}).json()
    assert completion["choices"][0]["finish_reason"] == "length"
    assert completion["usage"]["completion_tokens"] == 5
    events = gateway.stream(bot.name, **{field: 5})
    assert content_of(events) == completion["choices"][0]["message"]["content"]
    assert events[-2]["choices"][0]["finish_reason"] == "length"


def test_an_answer_as_long_as_the_bound_is_complete(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("one two three"), DONE))
    choice = gateway.ask(bot.name, max_tokens=3).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two three", "stop")


def test_usage_counts_what_the_bot_saw_and_said(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("*Thinking...*\n\n> hello\n\n"), text("hello world"), DONE))
    usage = gateway.ask(bot.name, "hello world").json()["usage"]
    assert usage == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    *_, last, _ = gateway.stream(bot.name, stream_options={"include_usage": True}, messages=[
        {"role": "user", "content": "hello world"}
    ])  # fmt: skip
    assert last["usage"] == usage


def test_many_events_at_once_all_arrive_in_order(say) -> None:
    words = [f"{n} " for n in range(5000)]
    assert say(at_once(*map(text, words), DONE))["content"] == "".join(words)


def test_a_large_event_arrives_whole(say) -> None:
    content = "四 and more. " * 100_000
    assert say(answer(text(content), DONE))["content"] == content


def test_a_boundless_event_is_an_error_and_not_memory(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    head = chunk(b'event: text\ndata: {"text": "')
    bot = upstream.bot([HEAD, head, *[chunk(b"x" * 1024 * 1024)] * 40, lambda each: each.closed.wait(60)])
    response = gateway.ask(bot.name)
    assert response.status_code == 502
    bot.query.wait_closed()


def test_answers_that_run_side_by_side_stay_apart(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bots = [upstream.bot(answer(*(text(f"{number}-{n} ") for n in range(100)), DONE)) for number in range(40)]
    said: dict[int, str] = {}

    def ask(number: int) -> None:
        said[number] = content_of(gateway.stream(bots[number].name))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(bots))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: "".join(f"{number}-{n} " for n in range(100)) for number in range(len(bots))}


def test_text_survives_to_the_byte(say) -> None:
    odd = 'quotes " \\ / \b\f\n\r\t \u0000 \u2028 \ufeff \U0001f468\u200d\U0001f469 \ud7ff <b>&amp;</b>'
    assert say(answer(event("text", json.dumps({"text": odd}).encode()), DONE))["content"] == odd
