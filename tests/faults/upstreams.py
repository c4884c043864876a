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
    error,
    event,
    replace,
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

    @property
    def failure(self) -> str | None:
        return None if self.end == FINE else self.end


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


def pieces(body: bytes) -> list[bytes]:
    head, _, end = packed(body)
    return [head, *(chunk(body[at : at + 1]) for at in range(len(body))), end]


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
    "gzip in pieces": Fault(pieces(gzip.compress(_BODY)), FINE),
    "a chunk with an extension": Fault([HEAD, b"%x;a=b\r\n%b\r\n" % (len(_BODY), _BODY), END], FINE),
    "trailers": Fault([HEAD, chunk(_BODY), b"0\r\nx-sum: 1\r\n\r\n"], FINE),
    "a length for a trailer": Fault([HEAD + chunk(_BODY) + b"0\r\ncontent-length: 3\r\n\r\n"], FINE),
    "garbage behind done": Fault([HEAD + chunk(_BODY) + b"garbage"], FINE),
    "no reason": Fault([HEAD.replace(b"200 OK", b"200 "), *GOOD[1:]], FINE),
    "HTTP/1.0": Fault([b"HTTP/1.0 200 OK\r\n\r\n" + _BODY, close], FINE),
    "no type": Fault([b"HTTP/1.1 200 OK\r\n" + _LENGTH + b"\r\n\r\n" + _BODY], FINE),
    "its type in other words": Fault(
        [HEAD.replace(b"text/event-stream", b"Text/Event-Stream; Charset=UTF-8"), *GOOD[1:]], FINE
    ),
    "JSON instead of events": Fault(respond(200, {"text": FINE}), BROKEN),
    "no done": Fault(answer(text(FINE)), FINE),
    "done twice": Fault(answer(text(FINE), DONE, DONE), FINE),
    "text behind done": Fault(at_once(text(FINE), DONE, text("more"), error("Oh.")), FINE),
    "an error behind the text": Fault(answer(text("Half"), error("Oh.", allow_retry=True)), BROKEN),
    "an error that is none": Fault(answer(text("Half"), event("error", b"[1]")), BROKEN),
    "nothing but comments": Fault(answer(b": ping\n\n" * 3), BROKEN),
    "a replacement that goes on": Fault(
        answer(text(FINE[:2]), event("replace_response", {"text": FINE}), DONE), FINE
    ),
    "what says nothing": Fault(
        answer(
            *(
                b"\xef\xbb\xbf: a comment \xff\0\n",
                event("meta", {"suggested_replies": True}),
                event("new", b"\xff"),
            ),
            *(event("json", b"{broken"), event("ping", {}), event("suggested_reply", {"text": "And?"})),
            *(text(FINE), event("data", {"metadata": "x"}), event("text", b'{"text": 5}'), DONE),
        ),
        FINE,
    ),
    "an event behind its data": Fault(answer(b'data: {"text": "fine"}\nevent: text\n\n', DONE), FINE),
    "data in many lines": Fault(answer(b'event: text\ndata: {"text":\ndata: "fine"\ndata: }\n\n'), FINE),
    "ids and times": Fault(answer(b"retry: 10\nid: 7\n" + text(FINE) + b"retry: x\nid\n\n", DONE), FINE),
    "done without data": Fault([*begin(text(FINE), b"event: done\n\n"), *_STALL], FINE),
    "an error without data": Fault([*begin(text("Half"), b"event: error\n\n"), *_STALL], BROKEN),
    "an error that is no JSON": Fault(answer(event("error", b"Something broke.")), BROKEN),
    "an error in the form of OpenAI's": Fault(answer(event("json", {"error": {"message": "Oh."}})), BROKEN),
    "ten thousand replacements": Fault(
        answer(event("replace_response", {"text": "Working on it"}) * 10_000, replace(FINE), DONE), FINE
    ),
    "lines that end with carriage returns": Fault(answer(_BODY.replace(b"\r\n", b"\r")), FINE),
    "lines that end in all ways": Fault(
        answer(b'event: text\ndata: {\r\ndata:"text": "fine"}\r\n\n' + DONE), FINE
    ),
    "an error page of 10 MB": Fault(respond(500, b"x" * 10_000_000), BROKEN),
    "an error in no known form": Fault(respond(500, [{"error": [1]}]), BROKEN),
    "an error in many layers": Fault(respond(500, b"[" * 60_000), BROKEN),
    "a web page": Fault(respond(200, b"<html>sign in</html>", Content_Type="text/html"), BROKEN),
    "an error page that is cut": Fault(
        [b"HTTP/1.1 500 Oops\r\ncontent-length: 1000\r\n\r\nhalf", close], BROKEN
    ),
}
