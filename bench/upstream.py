"""An upstream that costs next to nothing: canned answers over raw asyncio.

The model's name says what is answered: ``events-20`` sends twenty text events at once, ``paced-20-50`` one
every 50 ms. ``POST /bot/NAME`` answers as Poe does, ``POST /v1/chat/completions`` as OpenAI does, for peers
that do not speak Poe's protocol; ``POST /upload`` takes attachments. Each event is an HTTP chunk of its
own, as bots write it, and holds ``word`` once, by which the load client counts; a paced one also tells when
it left.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sys
import time
from dataclasses import dataclass

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
_UPLOADED = b'{"attachment_url":"https://pfst.cf2.poecdn.net/base/image/bench","mime_type":"image/png"}'
_MODELS = b'{"object":"list","data":[{"id":"events-20","object":"model","created":1,"owned_by":"bench"}]}'


@dataclass(frozen=True)
class Form:
    """How a protocol encodes one event of text, and the end."""

    before: bytes
    after: bytes
    end: bytes

    def event(self, text: str) -> bytes:
        """One event of text."""
        return _chunk(self.before + text.encode() + self.after)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _openai_chunk(delta: bytes, reason: bytes) -> bytes:
    return (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"bench",'
        b'"choices":[{"index":0,"delta":%b,"finish_reason":%b}]}\n\n' % (delta, reason)
    )


def _openai_form() -> Form:
    before, _, after = _openai_chunk(b'{"content":"@"}', b"null").partition(b"@")
    end = _chunk(_openai_chunk(b"{}", b'"stop"')) + _chunk(b"data: [DONE]\n\n")
    return Form(before, after, end + b"0\r\n\r\n")


# As fastapi_poe writes it.
POE = Form(
    b'event: text\r\ndata: {"text": "',
    b'"}\r\n\r\n',
    _chunk(b"event: done\r\ndata: {}\r\n\r\n") + b"0\r\n\r\n",
)
OPENAI = _openai_form()


def _json_answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


@functools.cache
def streamed(form: Form, count: int) -> bytes:
    """A streamed answer of ``count`` events."""
    events = b"".join(form.event(f"word{number} ") for number in range(count))
    return _STREAM_HEAD + events + form.end


@functools.cache
def whole(count: int) -> bytes:
    """The same text as one whole answer of OpenAI's."""
    message = {"role": "assistant", "content": "".join(f"word{number} " for number in range(count))}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": count, "total_tokens": count + 1},
    }
    return _json_answer(json.dumps(answer).encode())


class Upstream(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.left = 0  # bytes of an upload that are yet to come

    def data_received(self, data: bytes) -> None:
        if self.left > 0:
            self._skip(data)
            return
        self.buffer += data
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            path = head.split(b" ", 2)[1].decode()
            if path == "/upload":
                self.buffer, self.left = b"", size
                self._skip(rest)
                return
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            self._answer(path, rest[:size])

    def _skip(self, data: bytes) -> None:
        """Skip more of an upload, of which nothing is kept."""
        self.left -= len(data)
        if self.left <= 0:
            self.transport.write(_json_answer(_UPLOADED))

    def _answer(self, path: str, body: bytes) -> None:
        form, name, is_streamed = POE, path.rpartition("/")[2], True
        if path.endswith("/chat/completions"):
            request = json.loads(body)
            form, name, is_streamed = OPENAI, request["model"], request.get("stream", False)
        kind, *numbers = name.split("-")
        if kind == "events":
            count = int(numbers[0])
            self.transport.write(streamed(form, count) if is_streamed else whole(count))
        elif kind == "paced":
            self.transport.write(_STREAM_HEAD)
            self._pace(form, int(numbers[0]), int(numbers[1]) / 1000, time.monotonic())
        else:
            self.transport.write(_json_answer(_MODELS))

    def _pace(self, form: Form, left: int, interval: float, due: float) -> None:
        """Send an event with the time at which it is sent, and schedule the next."""
        if self.transport.is_closing():
            return
        if left == 0:
            self.transport.write(form.end)
            return
        self.transport.write(form.event(f"word {time.monotonic():.6f} "))
        due += interval
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, due - time.monotonic()), self._pace, form, left - 1, interval, due)


async def serve(port: int) -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
