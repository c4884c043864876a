from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.poe.events import Done, Error, Event, EventReader, File, Replace, Text, ToolCallPiece
from app.poe.sse import EventStreamDecoder

NAMES = (
    "text",
    "replace_response",
    "file",
    "json",
    "error",
    "done",
    "meta",
    "suggested_reply",
    "data",
    "ping",
    "new",
)


def read(name: str, data: bytes | str) -> list[Event]:
    return EventReader().read([(name.encode(), [data if isinstance(data, bytes) else data.encode()])])


@pytest.mark.parametrize(
    ("name", "data", "event"),
    [
        ("text", '{"text": "Hello \\u4f60\\u597d \\ud83d\\ude00"}', Text("Hello 你好 😀")),
        ("text", '{"text": "你好", "other": [1]}', Text("你好")),
        ("text", '{"text": ""}', Text("")),
        ("text", '{"text": "a", "index": 0}', Text("a")),
        ("text", '{"text": "a", "index": null}', Text("a")),
        ("text", '{"text": "a", "index": "1"}', Text("a")),
        ("replace_response", '{"text": "a"}', Replace("a")),
        (
            "error",
            '{"allow_retry": false, "text": "no", "error_type": "x"}',
            Error("no", "x", allow_retry=False),
        ),
        ("error", "{}", Error()),
        ("error", '{"text": null, "error_type": 1, "allow_retry": null}', Error()),
        ("error", "broken", Error()),
        ("error", "[" * 50_000, Error()),
        ("done", "{}", Done()),
        ("done", "", Done()),
        ("done", "null", Done()),
        (
            "file",
            '{"url": "https://a", "content_type": "image/png", "name": "a.png", "inline_ref": "ab"}',
            File("https://a", "image/png", "a.png", "ab"),
        ),
        ("file", '{"url": "https://a", "inline_ref": null, "name": null, "more": 1}', File("https://a")),
        ("json", '{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}]}', Text("a")),
        ("json", '{"choices": [{"delta": {"content": "a"}}]}', Text("a")),
        (
            "json",
            '{"choices": [{"delta": {"tool_calls": [{"index": 2, "id": "c", "type": "function",'
            ' "function": {"name": "f", "arguments": "{\\"a"}}]}}]}',
            ToolCallPiece(2, "c", "f", '{"a'),
        ),
        (
            "json",
            '{"choices": [{"delta": {"tool_calls": [{"index": "x", "id": "c"}]}}]}',
            ToolCallPiece(id="c"),
        ),
    ],
)
def test_an_event_is_decoded(name: str, data: str, event: Event):
    assert read(name, data) == [event]


def test_text_and_calls_of_one_event_come_in_order():
    calls = [{"index": index, "function": {"arguments": "{}"}} for index in (0, 1)]
    chunk = {"choices": [{"index": 0, "delta": {"content": "a", "tool_calls": calls}}]}
    pieces = [ToolCallPiece(index, arguments="{}") for index in (0, 1)]
    assert read("json", json.dumps(chunk)) == [Text("a"), *pieces]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"error": {"message": "No.", "code": 1}}, "No."),
        ({"error": "No."}, "No."),
        ({"error": {"code": 1}}, None),
    ],
)
def test_a_failure_in_the_place_of_a_chunk_is_one(fields: dict[str, Any], text: str | None):
    data = msgspec.json.encode(fields)
    pairs = [(b"json", [data, data]), (b"text", [b'{"text": "a"}'])]
    assert EventReader().read(pairs) == [Error(text)]


def test_what_has_no_error_is_none():
    assert read("json", '{"error": null}') == read("json", '{"error": null, "choices": []}') == []


@pytest.mark.parametrize("name", ["text", "replace_response", "file", "error"])
@pytest.mark.parametrize("index", [1, -1, 10**30])
def test_another_answer_is_left_out(name: str, index: int):
    assert read(name, f'{{"text": "a", "url": "https://a", "index": {index}}}') == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("meta", '{"content_type": "text/markdown"}'),
        ("suggested_reply", '{"text": "more?"}'),
        ("data", '{"metadata": "m"}'),
        ("ping", "{}"),
        ("", '{"text": "a"}'),
        ("new", '{"text": "a"}'),
        ("json", '{"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "id": "call_1"}]}}]}'),
        ("json", '{"choices": [{"index": 0, "delta": {"tool_calls": [1, null, {}, {"index": 0}]}}]}'),
        ("json", '{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}'),
        ("json", '{"choices": [{"index": 1, "delta": {"content": "a"}}]}'),
        ("json", '{"choices": [], "usage": {}}'),
        ("json", '{"choices": [1, {}, {"delta": null}, {"delta": {"content": 1}}]}'),
        ("json", "{}"),
    ],
)
def test_what_says_nothing_about_the_answer_is_left_out_silently(name: str, data: str):
    reader = EventReader()
    assert (reader.read([(name.encode(), [data.encode()])]), reader.broken) == ([], 0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *(
            (name, data)
            for name in ("text", "replace_response", "file")
            for data in ("", "{", "[]", "null", "{}", "NaN")
        ),
        ("text", '{"text": null}'),
        ("text", '{"text": 1}'),
        ("text", '{"text": "a", "index": NaN}'),
        ("text", '{"text": "a", "index": %s}' % ("9" * 5000)),
        ("text", '{{"text": "a", "index": {}1{}}}'.format("[" * 500_000, "]" * 500_000)),
        ("file", '{"url": 1}'),
        ("json", "[1]"),
        ("json", "[" * 50_000),
    ],
)
def test_a_broken_event_is_left_out_and_counted(name: str, data: str):
    reader = EventReader()
    runs = [(name.encode(), [data.encode()]), (b"text", [b'{"text": "b"}'])]
    assert (reader.read(runs), reader.broken, reader.seen) == ([Text("b")], 1, 2)


def test_bytes_that_are_no_utf8_become_replacement_characters():
    reader = EventReader()
    assert reader.read([(b"text", [b'{"text": "a\xff\xe4\xbd"}'])]) == [Text("a\ufffd\ufffd")]
    assert reader.broken == 0


def test_events_that_poe_knows_are_counted_as_seen():
    reader = EventReader()
    reader.read([(b"meta", [b"{}"]), (b"new", [b"{}"]), (b"", [b"{}"]), (b"text", [b'{"text": "a"}'])])
    assert reader.seen == 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(0),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "index",
                    "url",
                    "name",
                    "inline_ref",
                    "choices",
                    "delta",
                    "content",
                    "tool_calls",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(NAMES), _JSON)
def test_no_json_raises(name: str, value: Any):
    read(name, msgspec.json.encode(value))


@given(st.sampled_from(NAMES), st.binary())
def test_no_bytes_raise(name: str, data: bytes):
    read(name, data)


@given(st.sampled_from(NAMES), st.text())
def test_text_comes_as_it_was_sent(name: str, text: str):
    text = text.encode("utf-8", "replace").decode()
    for data in (msgspec.json.encode({"text": text}), ascii_json(text)):
        assert read("text", data) == [Text(text)]


def ascii_json(text: str) -> bytes:
    """As ``fastapi_poe`` writes it: nothing but ASCII."""
    return json.dumps({"text": text}).encode()


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=5)), max_size=8), st.integers(1, 40))
def test_cuts_of_the_bytes_change_nothing(said: list[tuple[str, str]], width: int):
    stream = b"".join(
        b"event: %b\r\ndata: %b\r\n\r\n" % (name.encode(), msgspec.json.encode({"text": text}))
        for name, text in said
    )

    def events(cut: int) -> list[Event]:
        decoder, reader = EventStreamDecoder(), EventReader()
        parts = [stream[start : start + cut] for start in range(0, len(stream), cut)]
        runs = [run for part in parts for run in decoder.feed(part)] + decoder.finish()
        return reader.read(runs)

    assert events(width) == events(len(stream) + 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (rb'{"text": "half \ud83d"}', "half \ufffd"),
        (rb'{"text": "\ude00 \ud83d\ude00"}', "\ufffd \U0001f600"),
        (rb'{"text": "\ud83d \\ud83d"}', "\ufffd \\ud83d"),
    ],
)
def test_half_a_surrogate_pair_costs_one_character_not_the_text(data: bytes, expected: str) -> None:
    assert EventReader().read([(b"text", [data])]) == [Text(expected)]


@given(
    st.text(st.sampled_from("\ud83d\udbff\ude00\udfff\\ud83") | st.characters(), max_size=12), st.booleans()
)
def test_whole_pairs_stay_and_halves_are_replaced(text: str, in_capitals: bool) -> None:
    data = ascii_json(text)
    if in_capitals:
        data = re.sub(rb"\\\\|\\u....", lambda found: found[0][:2] + found[0][2:].upper(), data)
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert read("text", data) == [Text(whole)]


@pytest.mark.parametrize("name", ["text", "replace_response"])
def test_an_index_of_many_values_is_not_even_decoded(name: str) -> None:
    data = b'{"text": "a", "index": [%b[]]}' % (b"[]," * 500_000)
    tracemalloc.start()
    try:
        assert len(EventReader().read([(name.encode(), [data])])) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data), "a list of its own for each"


def test_a_call_of_many_indexes_is_no_call() -> None:
    call = {"index": [[]] * 500_000, "id": "a", "function": {"name": "f"}}
    reader = EventReader()
    chunk = msgspec.json.encode({"choices": [{"delta": {"tool_calls": [call]}}]})
    assert (reader.read([(b"json", [chunk])]), reader.broken) == ([], 1)


@pytest.mark.parametrize(
    ("name", "events", "broken"),
    [("json", [], 1), ("file", [], 1), ("error", [Error()], 0), ("done", [Done()], 0)],
)
def test_only_text_may_be_long(name: str, events: list[Event], broken: int) -> None:
    values = b"[]," * 400_000
    reader = EventReader()
    assert reader.read([(name.encode(), [b'{"url": "https://x/y", "choices": [%b{}]}' % values])]) == events
    assert reader.broken == broken
    said = "x" * 2_000_000
    assert read("text", ascii_json(said)) == [Text(said)]
    assert read("replace_response", ascii_json(said)) == [Replace(said)]
