from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.poe.wire import HEAD_LIMIT, ResponseParser, WireError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


def parse(parts: Iterable[bytes]) -> tuple[bytes, ResponseParser]:
    parser = ResponseParser()
    body = b"".join([parser.feed(part) for part in parts])
    if parser.failure is not None:
        raise parser.failure
    return body, parser


def cuts(data: bytes, width: int) -> list[bytes]:
    return [data[start : start + width] for start in range(0, len(data), width)]


RESPONSES = {
    "a length": (HEAD + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "an empty body": (HEAD + b"Content-Length: 0\r\n\r\n", b""),
    "chunks": (CHUNKED + chunks(b"hel", b"lo", b"!" * 300), b"hello" + b"!" * 300),
    "a chunk with an extension": (CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    "a trailer": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello"),
    "gzip": (
        HEAD
        + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunks(gzip.compress(b"hello", mtime=0)),
        b"hello",
    ),
    "deflate": (
        HEAD
        + b"Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunks(zlib.compress(b"hello")),
        b"hello",
    ),
    "an interim response": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + CHUNKED + chunks(b"hello"),
        b"hello",
    ),
}


@pytest.mark.parametrize("width", [*range(1, 10), 1000])
@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_is_parsed_whatever_the_cuts(name: str, width: int):
    response, body = RESPONSES[name]
    found, parser = parse(cuts(response, width))
    assert found == body
    assert (parser.status, parser.complete, parser.may_end, parser.reusable) == (200, True, True, True)
    assert parser.headers["content-type"] == "text/event-stream"
    assert not {"x-sum", "link"} & set(parser.headers)


@pytest.mark.parametrize("width", [1, 5, 1000])
def test_a_body_without_a_length_ends_with_its_connection(width: int):
    found, parser = parse(cuts(HEAD + b"\r\nhello", width))
    assert (found, parser.complete, parser.may_end, parser.reusable) == (b"hello", False, True, False)


@pytest.mark.parametrize("response", [CHUNKED + b"5\r\nhel", CHUNKED + b"5\r\nhello\r\n", HEAD, b"", CHUNKED])
def test_a_response_that_is_cut_off_may_not_end(response: bytes):
    _, parser = parse([response])
    assert (parser.complete, parser.may_end, parser.reusable) == (False, False, False)


@pytest.mark.parametrize("name", RESPONSES)
def test_a_connection_with_more_than_the_response_is_not_used_again(name: str):
    _, parser = parse([RESPONSES[name][0] + b"HTTP/1.1 200 OK\r\n"])
    assert parser.complete
    assert not parser.reusable


def test_a_connection_that_is_to_close_is_not_used_again():
    _, parser = parse([HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"])
    assert (parser.complete, parser.reusable) == (True, False)


@pytest.mark.parametrize("width", [1, 7, 1000])
@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"<html>\r\n\r\n",
        CHUNKED + b"zz\r\nhello\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello, world\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"X: y\r\n" * (HEAD_LIMIT // 6 + 1),
    ],
)
def test_what_is_no_response_is_an_error(response: bytes, width: int):
    with pytest.raises(WireError):
        parse(cuts(response, width))


def test_what_was_good_before_the_error_is_not_lost_with_it():
    parser = ResponseParser()
    assert parser.feed(CHUNKED + b"5\r\nhello\r\nzz\r\n") == b"hello"
    assert parser.failure is not None


@given(st.lists(st.binary(max_size=20), max_size=6), st.lists(st.integers(0, 300), max_size=6))
def test_any_body_comes_out_as_it_went_in_whatever_the_cuts(pieces: list[bytes], places: list[int]):
    response = CHUNKED + chunks(*pieces)
    ends = sorted({0, len(response), *(min(place, len(response)) for place in places)})
    found, parser = parse(response[start:end] for start, end in itertools.pairwise(ends))
    assert (found, parser.complete) == (b"".join(pieces), True)


@given(st.binary())
def test_no_bytes_raise_anything_but_a_wire_error(data: bytes):
    for response in (data, HEAD + data, CHUNKED + data):
        try:
            parse([response])
        except WireError:
            continue
