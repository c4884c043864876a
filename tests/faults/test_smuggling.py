"""A request within a request: what two programs could read differently is refused, and the connection ends.

The cases are those of RFC 9112 (sections 2.2, 5, 6.3, 7.1 and 11.2).
"""

from __future__ import annotations

import pytest

from tests.faults.clients import FIELDS, request
from tests.faults.upstreams import GOOD
from tests.gateway import Gateway
from tests.upstream.scripted import ScriptedUpstream

INNER = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


def length(size: int = 6) -> bytes:
    return b"Content-Length: %d" % size


def post(*fields: bytes, body: bytes = LAST, version: bytes = b"1.1") -> bytes:
    head = [b"POST /v1/chat/completions HTTP/" + version, b"Host: x", FIELDS.strip().encode(), *fields]
    return b"\r\n".join([*head, b"", body])


def chunks(body: bytes) -> bytes:
    return post(CHUNKED, body=body)


REFUSED: dict[str, bytes] = {
    "a length and chunks": post(length(), CHUNKED),
    "chunks and a length": post(CHUNKED, length()),
    "two lengths": post(length(5), length(6)),
    "the same length twice": post(length(5), length(5)),
    "a list of lengths": post(b"Content-Length: 5, 5"),
    "a length with a sign": post(b"Content-Length: +5"),
    "a negative length": post(b"Content-Length: -5"),
    "a hexadecimal length": post(b"Content-Length: 0x5"),
    "a length in parts": post(b"Content-Length: 5 0"),
    "a length with an underscore": post(b"Content-Length: 5_0"),
    "a length in other digits": post("Content-Length: ٥".encode()),
    "an empty length": post(b"Content-Length: "),
    "an unknown coding": post(b"Transfer-Encoding: xchunked"),
    "chunked and identity": post(b"Transfer-Encoding: chunked, identity"),
    "identity alone": post(b"Transfer-Encoding: identity"),
    "identity and a length": post(b"Transfer-Encoding: identity", length()),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked"),
    "chunked in two fields": post(CHUNKED, CHUNKED),
    "two codings in two fields": post(CHUNKED, b"Transfer-Encoding: identity"),
    "gzip behind chunked": post(b"Transfer-Encoding: chunked, gzip"),
    "gzip alone": post(b"Transfer-Encoding: gzip"),
    "gzip before chunked": post(b"Transfer-Encoding: gzip, chunked"),
    "gzip before chunked in a field of its own": post(b"Transfer-Encoding: gzip", CHUNKED),
    "chunked and a parameter": post(b"Transfer-Encoding: chunked;q=1"),
    "a coding behind a control character": post(b"Transfer-Encoding: \x0bchunked"),
    "a coding in quotes": post(b'Transfer-Encoding: "chunked"'),
    "an empty coding": post(b"Transfer-Encoding: "),
    "chunks in HTTP/1.0": post(CHUNKED, version=b"1.0"),
    "a space before the colon": post(b"Transfer-Encoding : chunked", length()),
    "a tab before the colon": post(b"Content-Length\t: 5"),
    "a space before the name": post(b" Transfer-Encoding: chunked", length()),
    "a folded field": post(b"Transfer-Encoding:\r\n chunked"),
    "a folded length": post(b"Content-Length:\r\n\t5"),
    "no colon": post(b"Transfer-Encoding chunked"),
    "a bare line feed in the head": post(b"X: y\nTransfer-Encoding: chunked", length()),
    "a bare carriage return in the head": post(b"X: y\rTransfer-Encoding: chunked", length()),
    "a zero byte in the head": post(b"X: y\0", length()),
    "line feeds alone": post(length()).replace(b"\r\n", b"\n"),
    "a host twice": post(b"Host: y", length()),
    "no host": post(length()).replace(b"Host: x\r\n", b""),
    "two hosts in one": post(length()).replace(b"Host: x", b"Host: x, y z"),
    "a host with a user": post(length()).replace(b"Host: x", b"Host: user@x"),
    "a host with a path": post(length()).replace(b"Host: x", b"Host: x/y"),
    "a host that is no text": post(length()).replace(b"Host: x", b"Host: \xff"),
    "a chunk size that is none": chunks(b"xyz\r\n" + LAST),
    "a chunk size with a sign": chunks(b"+5\r\nhello\r\n" + LAST),
    "a negative chunk size": chunks(b"-5\r\nhello\r\n" + LAST),
    "a chunk size with a prefix": chunks(b"0x5\r\nhello\r\n" + LAST),
    "a chunk size with an underscore": chunks(b"0_5\r\nhello\r\n" + LAST),
    "a chunk size with a space": chunks(b"5 \r\nhello\r\n" + LAST),
    "a space before a chunk size": chunks(b" 5\r\nhello\r\n" + LAST),
    "an empty chunk size": chunks(b"\r\nhello\r\n" + LAST),
    "a bare line feed behind a chunk size": chunks(b"5\nhello\r\n" + LAST),
    "a bare line feed behind a chunk": chunks(b"5\r\nhello\n" + LAST),
    "a chunk that is longer than it says": chunks(b"5\r\nhello, world\r\n" + LAST),
    "a line feed in a chunk's extension": chunks(b"5;a\n=b\r\nhello\r\n" + LAST),
    "a carriage return in a chunk's extension": chunks(b"5;a\rb\r\nhello\r\n" + LAST),
    "an extension that is none": chunks(b"5;\x01\r\nhello\r\n" + LAST),
    "an endless extension": chunks(b"5;" + b"a" * 100_000),
    "a length for a trailer": chunks(b"0\r\nContent-Length: 5\r\n\r\n"),
    "a coding for a trailer": chunks(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a trailer that is none": chunks(b"0\r\nno colon\r\n\r\n"),
    "a bare line feed in the trailers": chunks(b"0\r\nX: y\n\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_and_ends_the_connection(gateway: Gateway, name: str) -> None:
    with gateway.connect() as client:
        client.send(REFUSED[name] + INNER)
        response = client.response()
        assert response.status in (400, 431, 501), response
        assert response.headers["content-type"] == "application/json"
        assert response.error.keys() == {"message", "type", "param", "code"}
        assert response.headers["connection"] == "close"
        assert client.read_to_the_end() == b""
    assert "/smuggled" not in gateway.log.read_text()


@pytest.mark.parametrize(
    "body",
    [b"%x\r\n%b\r\n0\r\n\r\n", b"%X;name=value\r\n%b\r\n0\r\n\r\n", b"00%x\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n"],
    ids=["plain", "with an extension", "with a trailer"],
)
def test_chunks_by_the_book_are_read_and_what_follows_is_another_request(
    gateway: Gateway, upstream: ScriptedUpstream, body: bytes
) -> None:
    bot = upstream.bot(GOOD)
    content = request(bot.name, stream=False).partition(b"\r\n\r\n")[2]
    with gateway.connect() as client:
        client.send(chunks(body % (len(content), content)) + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        first, second = client.response(), client.response()
    assert (first.status, b"fine" in first.body) == (200, True)
    assert (second.status, second.body) == (200, b'{"status":"ok"}')
