from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import Finish, Reasoning, Usage
from app.answer.deltas import Text as Delta
from app.answer.native import NativeCalls
from app.answer.pipeline import Pipeline
from app.dialects.chat_answer import ChatCompletion, ChatStream
from app.poe.events import Event, EventReader, File, Replace, Text, ToolCallPiece
from app.poe.sse import EventStreamDecoder
from app.tokenizer import o200k

from .strategies import batched, cut, fragments, merged, pieces, plain, whole

CAT = File("https://cdn/cat", "image/png", "cat.png", "ab")


def answer(
    batches: Iterable[Sequence[Event]], stop: Sequence[str] = (), max_tokens: int | None = None
) -> tuple[list[Any], str | None, Usage]:
    """The answer to ``batches``, up to the one that ends it."""
    pipeline = Pipeline(o200k(), stop, max_tokens)
    deltas: list[Any] = []
    for batch in batches:
        deltas += pipeline.feed(batch)
        if pipeline.finish_reason:
            break
    else:
        deltas += pipeline.finish()
    return merged(deltas), pipeline.finish_reason, pipeline.usage(0)


def one_by_one(*events: Event) -> list[list[Event]]:
    return [[event] for event in events]


def test_an_answer_with_everything_in_it():
    said = "*Thinking...*\n\n> A cat.\n\n![A cat][ab]\n\nMeow. END of it"
    deltas, reason, usage = answer(one_by_one(*map(Text, pieces(said, 3)), CAT), stop=["END"])
    assert deltas == [Reasoning("A cat."), Delta("![A cat](https://cdn/cat)\n\nMeow. ")]
    assert reason == "stop"
    assert usage.reasoning_tokens == o200k().count("A cat.")
    assert usage.completion_tokens == usage.reasoning_tokens + o200k().count(deltas[1].text)


def test_an_empty_answer():
    assert answer([]) == ([], "stop", Usage(0, 0, 0))


def test_progress_and_then_thinking():
    events = [
        Text("*Thinking...*"),
        Replace("*Thinking... (1s elapsed)*"),
        Replace("*Thinking... (2s elapsed)*\n\n> Well."),
        Text("\n\nYes."),
    ]
    assert answer(one_by_one(*events))[0] == [Reasoning("Well."), Delta("Yes.")]


def test_text_that_waits_for_its_word_to_end_is_shown_before_a_stop_string():
    assert answer(one_by_one(Text("hello wor"), Text("ldEND")), ["END"], 4)[:2] == (
        [Delta("hello world")],
        "stop",
    )


def test_the_reason_is_length_if_the_bound_comes_before_the_stop_string():
    events = [Text("one two three"), Text(" END")]
    expected = ([Delta("one two")], "length")
    assert answer([events], ["END"], 2)[:2] == answer(one_by_one(*events), ["END"], 2)[:2] == expected


def test_what_a_replacement_voids_is_not_counted():
    events = [Text("one two three"), Replace("four")]
    assert answer(one_by_one(*events))[2] == Usage(0, 1, 0)


_EVENT = st.one_of(fragments(8).map(Text), fragments(4).map(Text), fragments(4).map(Replace), st.just(CAT))
_STOP = st.lists(st.sampled_from(["END", "\n\n", "word", "*", "Thinking"]), max_size=2)
_MAX_TOKENS = st.none() | st.integers(1, 60)


@given(st.data(), _STOP, _MAX_TOKENS)
def test_batches_change_nothing(data: st.DataObject, stop: list[str], max_tokens: int | None):
    events = data.draw(st.lists(_EVENT, max_size=10))
    expected = answer(one_by_one(*events), stop, max_tokens)
    assert answer([events], stop, max_tokens) == expected
    assert answer(data.draw(batched(events)), stop, max_tokens) == expected


@given(st.data(), _STOP, _MAX_TOKENS)
def test_cuts_of_text_change_nothing(data: st.DataObject, stop: list[str], max_tokens: int | None):
    text = "The " + data.draw(fragments(20))  # no progress line, which is told by its event
    parts = [Text(part) for part in data.draw(cut(text))]
    expected = answer([[CAT, Text(text)]], stop, max_tokens)
    assert answer(one_by_one(CAT, *parts), stop, max_tokens) == expected
    assert answer([[CAT, *parts]], stop, max_tokens) == expected


@given(st.data())
def test_text_without_markers_passes_unchanged(data: st.DataObject):
    text = data.draw(plain())
    parts = [Text(part) for part in data.draw(cut(text))]
    deltas, reason, usage = answer(one_by_one(*parts))
    assert (whole(deltas), reason) == ((text, ""), "stop")
    assert usage == Usage(0, o200k().count(text), 0)


@given(st.data(), st.integers(1, 20))
def test_an_answer_has_no_more_tokens_than_asked_for(data: st.DataObject, limit: int):
    events = data.draw(st.lists(_EVENT, max_size=6))
    _, reason, usage = answer(one_by_one(*events), max_tokens=limit)
    assert usage.completion_tokens <= limit
    assert reason in ("stop", "length")


@pytest.mark.parametrize("width", range(1, 10))
def test_a_stream_shows_its_first_words_at_once(width: int):
    pipeline = Pipeline(o200k(), ["END"], 1000)
    said = "A plain answer"
    for piece in pieces(said, width):
        assert pipeline.feed([Text(piece)]) == [Delta(piece)]


def completed(
    parts: Iterable[bytes], stop: Sequence[str], max_tokens: int | None
) -> tuple[list[Event], str, dict[str, Any]]:
    """The events in ``parts``, the text that a stream shows of them, and the whole message."""
    decoder, reader = EventStreamDecoder(), EventReader()
    pipeline = Pipeline(o200k(), stop, max_tokens)
    stream = ChatStream("id", 0, "bot", include_usage=True)
    body = ChatCompletion("id", 0, "bot")
    events: list[Event] = []
    written = b""
    for runs in chain(map(decoder.feed, parts), map(EventStreamDecoder.finish, [decoder])):
        batch = reader.read(runs)
        events += batch
        if not pipeline.finish_reason:
            deltas = pipeline.feed(batch)
            written += stream.render(deltas)
            body.add(deltas)
    deltas = [] if pipeline.finish_reason else pipeline.finish()
    deltas = [*deltas, Finish(pipeline.finish_reason or "stop", pipeline.usage(0))]
    written += stream.render(deltas)
    body.add(deltas)
    chunks = [msgspec.json.decode(each.removeprefix(b"data: ")) for each in written.split(b"\n\n")[:-2]]
    shown = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    return events, shown, msgspec.json.decode(body.render())


@given(st.data(), _STOP, _MAX_TOKENS, st.sampled_from(["\n", "\r\n", "\r"]))
def test_cuts_of_the_bytes_change_nothing_streamed_or_whole(
    data: st.DataObject, stop: list[str], max_tokens: int | None, line_end: str
):
    said = data.draw(st.lists(st.tuples(st.sampled_from(["text", "text", "replace_response"]), fragments(6))))
    lines = [
        line
        for name, text in said
        for line in (f"event: {name}", f"data: {msgspec.json.encode({'text': text}).decode()}", "")
    ]
    stream = "".join(line + line_end for line in lines).encode()
    width = data.draw(st.integers(1, 64))
    expected = completed([stream], stop, max_tokens)
    assert (
        completed((stream[start : start + width] for start in range(0, len(stream), width)), stop, max_tokens)
        == expected
    )
    _, shown, body = expected
    content = body["choices"][0]["message"]["content"]
    assert shown.endswith(content)
    if not any(name == "replace_response" for name, _ in said):
        assert shown == content


LONG = "The long answer, word by word. " * 20_000


@pytest.mark.parametrize(
    "feed",
    [
        lambda pipeline: pipeline.feed([Text(LONG)]),
        lambda pipeline: [*pipeline.feed([Text("Begun, "), Replace(LONG)]), *pipeline.finish()],
        lambda pipeline: pipeline.feed([ToolCallPiece(0, "a", "f", LONG)]),
    ],
    ids=["a text", "a replacement", "a call"],
)
def test_what_is_long_passes_in_pieces(feed: Callable[[Pipeline], Sequence[Any]]) -> None:
    turns = count()
    native = NativeCalls(lambda: "id")
    pipeline = Pipeline(o200k(), ["no such words"], None, None, native, lambda: next(turns))
    deltas = feed(pipeline)
    said = "".join(getattr(each, "text", "") + getattr(each, "arguments", "") for each in deltas)
    assert said.endswith(LONG)
    assert pipeline.usage(0).completion_tokens >= o200k().count(LONG)
    assert next(turns) > len(LONG) / 20_000


def test_a_limit_in_a_long_text_ends_it() -> None:
    end = LONG * 2 + "END" + LONG
    assert answer([[Text(end)]], ["END"])[:2] == ([Delta(LONG * 2)], "stop")
