from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import ApiError
from app.poe.sse import EventStreamDecoder

BOM = b"\xef\xbb\xbf"
PLAIN = b'event: text\r\ndata: {"text": "a"}\r\n\r\n'


def decode(parts: Iterable[bytes], **options: int) -> list[tuple[bytes, bytes]]:
    decoder = EventStreamDecoder(**options)
    runs = [run for part in parts for run in decoder.feed(part)] + decoder.finish()
    return [(name, data) for name, run in runs for data in run]


def by_the_standard(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The rules of event streams, one after the other, for a complete stream."""
    events = []
    name, data = b"", b""
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(BOM))
    for line in [*lines, b""]:  # our leniency: the end is an empty line
        field, colon, value = line.partition(b":")
        if not line:
            if data or name:  # our other leniency: a name is enough
                events.append((name, data.removesuffix(b"\n")))
            name, data = b"", b""
        elif colon and not field:
            continue
        elif field == b"event":
            name = value.removeprefix(b" ")
        elif field == b"data":
            data += value.removeprefix(b" ") + b"\n"
    return events


STREAMS = {
    "LF": (b"event: text\ndata: a\n\ndata: b\n\n", [(b"text", b"a"), (b"", b"b")]),
    "CRLF": (PLAIN * 2, [(b"text", b'{"text": "a"}')] * 2),
    "CR": (b"event: text\rdata: a\r\rdata: b\r\r", [(b"text", b"a"), (b"", b"b")]),
    "mixed line ends": (b"event: x\rdata: a\n\r\ndata: b\r\n\n", [(b"x", b"a"), (b"", b"b")]),
    "a BOM": (BOM + b"data: a\n\n", [(b"", b"a")]),
    "a BOM in the middle": (b"data: a\n\n" + BOM + b"data: b\n\n", [(b"", b"a")]),
    "two BOMs": (BOM + BOM + b"data: a\n\n", []),
    "comments": (b": ping - 2026-11-23\n\n:\nevent: x\n:data: no\ndata: a\n\n", [(b"x", b"a")]),
    "several lines of data": (b"data: a\ndata\ndata:  b\n\n", [(b"", b"a\n\n b")]),
    "no space after the colon": (b"event:x\ndata:a\n\n", [(b"x", b"a")]),
    "data before the event": (b"data: a\nevent: x\n\n", [(b"x", b"a")]),
    "an event said twice": (b"event: x\nevent: y\ndata: a\n\n", [(b"y", b"a")]),
    "an event without data": (b"event: x\n\ndata: a\n\n", [(b"x", b""), (b"", b"a")]),
    "empty data": (b"event: x\ndata:\n\nevent: y\ndata\n\n", [(b"x", b""), (b"y", b"")]),
    "an empty event": (b"event: x\nevent\ndata: a\n\n", [(b"", b"a")]),
    "other fields": (b"id: 1\nretry: 2\nfoo: data\ndata: a\nData: b\n data: c\n\n", [(b"", b"a")]),
    "no last empty line": (b"data: a\n\nevent: x\ndata: b\n", [(b"", b"a"), (b"x", b"b")]),
    "no last line end": (b"event: x\ndata: b", [(b"x", b"b")]),
    "other characters that end lines of text": (
        "data: a\u2028b\x85c\x0bd\x0ce\n\n".encode(),
        [(b"", "a\u2028b\x85c\x0bd\x0ce".encode())],
    ),
    "Poe's events, one with two lines": (
        PLAIN * 2 + b"event: text\r\ndata: a\r\ndata: b\r\n\r\n" + PLAIN,
        [*[(b"text", b'{"text": "a"}')] * 2, (b"text", b"a\nb"), (b"text", b'{"text": "a"}')],
    ),
    "Poe's events, one with a line end of its own": (
        PLAIN * 2 + b"event: text\r\ndata: a\rdata: b\r\n\r\n" + PLAIN,
        [*[(b"text", b'{"text": "a"}')] * 2, (b"text", b"a\nb"), (b"text", b'{"text": "a"}')],
    ),
    "Poe's events, of two names": (
        PLAIN * 2 + b"event: done\r\ndata: {}\r\n\r\n" + PLAIN,
        [*[(b"text", b'{"text": "a"}')] * 2, (b"done", b"{}"), (b"text", b'{"text": "a"}')],
    ),
    "nothing": (b"", []),
    "only line ends": (b"\n\r\n\r\r", []),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_read_by_the_standard_whatever_the_cuts(name: str):
    stream, events = STREAMS[name]
    assert by_the_standard(stream) == events
    for width in (*range(1, 10), 1000):
        assert decode(stream[start : start + width] for start in range(0, len(stream), width)) == events


_FRAGMENTS = st.sampled_from(
    [
        *(
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
            b"\r\n\r\n",
            b":",
            b": ",
            b" ",
            b"data",
            b"event",
            b"data: ",
            b"event: ",
        ),
        *(
            BOM,
            BOM[:1],
            PLAIN,
            PLAIN.replace(b"\r", b""),
            b"event: done\ndata: {}\n\n",
            b"event: x y\ndata: a\n\n",
        ),
        *(
            b"text",
            b"id: 1\n",
            "é".encode(),
            b"\xff",
            b"\x00",
            b": ping\n\n",
            b"data: \n\n",
            b"event: text\n",
        ),
    ]
)
_STREAMS = st.lists(_FRAGMENTS | st.binary(max_size=3), max_size=25).map(b"".join)


@given(_STREAMS, st.lists(st.integers(0, 200), max_size=8))
@example(PLAIN + b"\n", [len(PLAIN) - 1])
@example(b"data: a\r\n\r\n" + PLAIN, [8, 9, 10, 11])
def test_any_stream_is_read_by_the_standard_whatever_the_cuts(stream: bytes, places: list[int]):
    ends = sorted({min(place, len(stream)) for place in places} | {0, len(stream)})
    parts = [stream[start:end] for start, end in itertools.pairwise(ends)]
    assert decode(parts) == by_the_standard(stream)
    assert decode([stream]) == by_the_standard(stream)


def test_an_event_is_given_as_soon_as_it_is_complete():
    decoder = EventStreamDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\ndata: b\r\n\r") == [(b"", [b"a", b"b"])]
    assert decoder.feed(b"\n" + PLAIN[:-1]) == [(b"text", [b'{"text": "a"}'])]


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * 1000,
        b"data: " + b"x" * 1000 + b"\n\n",
        b"event: text\ndata: " + b"x" * 1000 + b"\n\n",
        b":" + b"x" * 1000,
        b"data: 1234567890\n" * 20,
        b"data\n" * 200,
    ],
)
@pytest.mark.parametrize("width", [1, 7, 99])
def test_a_line_or_an_event_beyond_the_bound_is_an_error(stream: bytes, width: int):
    with pytest.raises(ApiError) as raised:
        decode((stream[start : start + width] for start in range(0, len(stream), width)), limit=100)
    assert raised.value.status == 502


@pytest.mark.parametrize("width", [1, 7, 10**6])
def test_a_long_stream_of_small_events_is_no_error(width: int):
    stream = PLAIN * 100 + b": ping\n\n" * 100
    events = decode((stream[start : start + width] for start in range(0, len(stream), width)), limit=100)
    assert len(events) == 100


def test_a_stream_in_single_bytes_is_kept_a_line_at_a_time():
    """What is kept is copied only at the next line end: the cost is linear."""
    decoder = EventStreamDecoder()
    events = 0
    for byte in PLAIN * 500:
        events += len(decoder.feed(bytes([byte])))
        assert len(decoder._line) <= len(PLAIN)
    assert events == 500
