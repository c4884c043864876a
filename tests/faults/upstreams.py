"""What an upstream can do wrong, as scripts, and what becomes of each: an answer or an error's code."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.upstream.scripted import (
    DONE,
    END,
    HEAD,
    Connection,
    Script,
    answer,
    at_once,
    begin,
    chunk,
    close,
    event,
    reset,
    respond,
    text,
    until_closed,
)

FINE = "fine"
BROKEN = "upstream_error"
LATE = "first_byte_timeout"
SILENT = "idle_timeout"
GOOD = answer(text(FINE), DONE)


@dataclass(frozen=True)
class Fault:
    """A script, and the end: ``FINE`` or an error's code."""

    script: Script
    end: str


def flood(data: bytes, size: int = 64 * 1024 * 1024) -> object:
    """A step that sends ``data`` until nobody takes it."""

    def step(connection: Connection) -> None:
        for _ in range(size // len(data)):
            connection.send(data)
        connection.closed.wait(10)

    return step


def half_close(connection: Connection) -> None:
    """Say that nothing more will come, and listen on."""
    connection.socket.shutdown(socket.SHUT_WR)
    connection.closed.wait(10)
    raise EOFError


def slowly(script: Sequence[bytes], size: int) -> list[object]:
    """The same bytes, ``size`` at a time."""
    data = b"".join(script)

    def step(connection: Connection) -> None:
        for at in range(0, len(data), size):
            connection.send(data[at : at + size])
            time.sleep(0.002)

    return [step]


def packed(body: bytes, coding: str = "gzip") -> list[bytes]:
    head = HEAD.replace(b"text/event-stream", b"text/event-stream\r\ncontent-encoding: " + coding.encode())
    return [head, chunk(body), END]


def whole(*fields: bytes, body: bytes = text(FINE) + DONE) -> list[bytes]:
    lines = [b"HTTP/1.1 200 OK", b"content-type: text/event-stream", *fields, b"", body]
    return [b"\r\n".join(lines)]


_BODY = text(FINE) + DONE
_LENGTH = b"content-length: %d" % len(_BODY)
_HALF = begin(text("Half an "))
_STALL = [until_closed]
_FILE = event("file", {"url": "https://x/y", "name": "y", "content_type": "text/plain"})

FAULTS: dict[str, Fault] = {
    "reset before the head": Fault([reset], BROKEN),
    "closed before the head": Fault([close], BROKEN),
    "half-closed before the head": Fault([half_close], BROKEN),
    "reset inside the head": Fault([b"HTTP/1.1 200 OK\r\ncontent-", reset], BROKEN),
    "closed inside the head": Fault([b"HTTP/1.1 200 OK\r\ncontent-", close], BROKEN),
    "half-closed inside the head": Fault([b"HTTP/1.1 200 OK\r\ncontent-", half_close], BROKEN),
    "reset after the head": Fault([HEAD, reset], BROKEN),
    "reset inside the body": Fault([*_HALF, reset], BROKEN),
    "closed inside the body": Fault([*_HALF, close], BROKEN),
    "half-closed inside the body": Fault([*_HALF, half_close], BROKEN),
    "reset inside a chunk": Fault([HEAD, b"fff\r\nevent: te", reset], BROKEN),
    "closed inside a chunk": Fault([HEAD, b"fff\r\nevent: te", close], BROKEN),
    "closed behind done": Fault([*begin(text(FINE), DONE), close], FINE),
    "reset behind done": Fault([b"".join(begin(text(FINE), DONE)), reset], FINE),  # type: ignore[arg-type]
    "stalls before the head": Fault(_STALL, LATE),
    "stalls inside the head": Fault([b"HTTP/1.1 200 O", *_STALL], LATE),
    "stalls after an interim head": Fault([b"HTTP/1.1 103 Early Hints\r\n\r\n", *_STALL], LATE),
    "stalls after the head": Fault([HEAD, *_STALL], LATE),
    "stalls inside a chunk's size": Fault([*_HALF, b"ff", *_STALL], SILENT),
    "stalls inside a chunk": Fault([*_HALF, b"ff\r\nevent", *_STALL], SILENT),
    "stalls inside the body": Fault([*_HALF, *_STALL], SILENT),
    "stalls behind done": Fault([*begin(text(FINE), DONE), *_STALL], FINE),
    "garbage": Fault([bytes(range(256)) * 16, close], BROKEN),
    "another protocol": Fault([b"SSH-2.0-OpenSSH_9.6\r\n", close], BROKEN),
    "HTTP/0.9": Fault([b"<html>hello</html>", close], BROKEN),
    "garbage for a body": Fault([HEAD, bytes(range(256)) * 16, close], BROKEN),
    "garbage for events": Fault([HEAD, chunk(bytes(range(256)) * 16), END], BROKEN),
    "an endless status line": Fault([b"HTTP/1.1 200 ", flood(b"O" * 65536)], BROKEN),  # type: ignore[list-item]
    "an endless header": Fault([b"HTTP/1.1 200 OK\r\nx: ", flood(b"y" * 65536)], BROKEN),  # type: ignore[list-item]
    "endless headers": Fault([b"HTTP/1.1 200 OK\r\n", flood(b"x: y\r\n" * 10_000)], BROKEN),  # type: ignore[list-item]
    "endless interim heads": Fault([flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)], BROKEN),  # type: ignore[list-item]
    "an endless line": Fault([HEAD, flood(chunk(b"x" * 65536))], BROKEN),  # type: ignore[list-item]
    "an endless chunk size": Fault([HEAD, flood(b"0" * 65536)], BROKEN),  # type: ignore[list-item]
    "endless events": Fault([HEAD, flood(chunk(event("x", "y" * 65536)), 160 * 1024 * 1024)], BROKEN),  # type: ignore[list-item]
    "endless files": Fault([HEAD, flood(chunk(_FILE * 100))], BROKEN),  # type: ignore[list-item]
    "endless trailers": Fault(
        [b"".join(begin(text("Half"))), b"0\r\n", flood(b"x: y\r\n" * 10_000)],  # type: ignore[arg-type, list-item]
        BROKEN,
    ),
    "a length that is too long": Fault([*whole(b"content-length: 9999", body=text("Half")), close], BROKEN),
    "a length that is too short": Fault(whole(b"content-length: 10"), BROKEN),
    "a length that is none": Fault(whole(b"content-length: many"), BROKEN),
    "a negative length": Fault(whole(b"content-length: -1"), BROKEN),
    "two lengths": Fault(whole(_LENGTH, b"content-length: 3"), BROKEN),
    "a length and chunks": Fault(whole(_LENGTH, b"transfer-encoding: chunked"), BROKEN),
    "a chunk size that is none": Fault([*_HALF, b"xyz\r\n", close], BROKEN),
    "a chunk size beyond all numbers": Fault([*_HALF, b"f" * 20 + b"\r\n", close], BROKEN),
    "something behind the end": Fault([*at_once(text(FINE), DONE), b"HTTP/1.1 200 OK\r\n\r\n"], FINE),
    "no length at all": Fault([*whole(), close], FINE),
    "interim heads": Fault(
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n", *GOOD], FINE
    ),
    "101": Fault([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], BROKEN),
    "204": Fault([b"HTTP/1.1 204 No Content\r\n\r\n"], BROKEN),
    "304": Fault([b"HTTP/1.1 304 Not Modified\r\n\r\n"], BROKEN),
    "205 with a body": Fault(respond(205, b"reset"), BROKEN),
    "a redirect": Fault(respond(302, Location="http://127.0.0.1:1/"), BROKEN),
    "gzip that was not asked for": Fault(packed(gzip.compress(_BODY)), FINE),
    "gzip that is none": Fault(packed(_BODY), BROKEN),
    "gzip that is cut": Fault(packed(gzip.compress(_BODY)[:-12]), BROKEN),
    "a bomb": Fault(packed(gzip.compress(b"x" * 64 * 1024 * 1024)), BROKEN),
    "brotli": Fault(packed(b"x", "br"), BROKEN),
    "a byte at a time": Fault(slowly(GOOD, 1), FINE),  # type: ignore[arg-type]
    "a web page": Fault(respond(200, b"<html>sign in</html>", Content_Type="text/html"), BROKEN),
    "an error page that is cut": Fault(
        [b"HTTP/1.1 500 Oops\r\ncontent-length: 1000\r\n\r\nhalf", close], BROKEN
    ),
}
