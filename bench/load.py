"""A load client that costs next to nothing: raw asyncio, just enough HTTP to find an answer's end.

It counts the events of every answer: one that is short of any is an error.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from dataclasses import dataclass, field

KEY = "sk-5b1e9c0d7f3a4286a1d4c7e08b92f635"
_STAMP = re.compile(rb"(\d+\.\d{6}) ")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_MARK = b"word"
_END = b"0\r\n\r\n"
_LARGE_SECONDS = 60
# Connections opened at a time, so that no listener's queue overflows.
_OPENED_AT_ONCE = 100


@dataclass(frozen=True)
class Target:
    """Where a query goes: a gateway, or the upstream itself (``poe`` for its Poe form)."""

    port: int
    poe: bool = False

    def request(self, bot: str, *, stream: bool, content: object = "Say something.") -> bytes:
        """The bytes of one query with ``content`` as its message."""
        if self.poe:
            path, body = f"/bot/{bot}", {"query": [{"role": "user", "content": "hi"}]}
        else:
            path = "/v1/chat/completions"
            messages = [{"role": "user", "content": content}]
            body = {"model": bot, "stream": stream, "messages": messages}
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {KEY}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data


@dataclass(frozen=True)
class Job:
    """What to ask, how often, for how long: no query starts after ``seconds``, no run outlives ``limit``."""

    bot: str
    stream: bool = True
    connections: int = 1
    queries: int = 1_000_000
    seconds: float = 1_000_000.0
    limit: float = 60.0

    @property
    def events(self) -> int:
        """The number of events in a complete answer."""
        return int(self.bot.split("-")[1])

    @property
    def has_stamps(self) -> bool:
        """Whether the events carry the time at which they were sent."""
        return self.bot.startswith("paced-")


@dataclass
class Tally:
    """The result of one run. ``last_first``: when the last of the first texts came, from the start."""

    answers: int = 0
    events: int = 0
    errors: int = 0
    seconds: float = 0.0
    last_first: float = 0.0
    first_texts: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)


class _Connection(asyncio.Protocol):
    """Sends one query after another until the run has enough."""

    def __init__(self, run: _Run):
        self.run = run
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        if not self.run.take():
            self._end()
            return
        self.head = b""
        self.is_good = False
        self.left = -1  # bytes of the body yet to come, once known; -1: until the last chunk
        self.tail = b""
        self.pieces: list[bytes] = []
        self.events = 0
        self.asked = time.monotonic()
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        if self.done.done():
            return
        if not self.is_good:
            data = self._read_head(data)
            if not data:
                return
        self.pieces.append(data)
        # The mark may be cut: look at the last three bytes again.
        found = (self.tail[-3:] + data).count(_MARK)
        if found:
            self._count(found, data)
        self.tail = (self.tail + data[-5:])[-5:]
        if self.left < 0:
            if self.tail == _END:
                self._finish()
        else:
            self.left -= len(data)
            if self.left <= 0:
                self._finish()

    def _read_head(self, data: bytes) -> bytes:
        self.head += data
        head, separator, body = self.head.partition(b"\r\n\r\n")
        if not separator:
            return b""
        if not head.startswith(b"HTTP/1.1 200"):
            self._fail()
            return b""
        self.is_good = True
        length = _LENGTH.search(head)
        if length:
            self.left = int(length[1])
        return body

    def _count(self, found: int, data: bytes) -> None:
        now, tally = time.monotonic(), self.run.tally
        if self.events == 0:
            tally.first_texts.append(now - self.asked)
            tally.last_first = now - self.run.started
        self.events += found
        if self.run.job.has_stamps:
            tally.lateness += [now - float(stamp) for stamp in _STAMP.findall(data)]

    def _finish(self) -> None:
        if self.events != self.run.job.events and self.left < 0:
            # Somebody may have cut a mark by the border of a chunk.
            self.events = _unchunked(b"".join(self.pieces)).count(_MARK)
        self.run.tally.answers += 1
        self.run.tally.events += self.events
        self.run.tally.errors += self.events != self.run.job.events
        self._ask()

    def _fail(self) -> None:
        self.run.tally.errors += 1
        self._end()

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self.transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.done.done():
            self._fail()

    def give_up(self) -> None:
        """The run has exceeded its limit: a missing answer counts as an error."""
        self._fail()
        self.transport.abort()


def _unchunked(data: bytes) -> bytes:
    """A body without its chunk framing. Slow, so only used if a body seems incomplete."""
    parts, start = [], 0
    while (end := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:end].partition(b";")[0], 16)
        parts.append(data[end + 2 : end + 2 + size])
        start = end + 2 + size + 2
    return b"".join(parts)


class _Run:
    """One job against one target."""

    def __init__(self, target: Target, job: Job):
        self.job = job
        self.request = target.request(job.bot, stream=job.stream)
        self.left = job.queries
        self.tally = Tally()
        self.started = time.monotonic()

    def take(self) -> bool:
        """Whether another query is to be sent."""
        if self.left <= 0 or time.monotonic() - self.started > self.job.seconds:
            return False
        self.left -= 1
        return True


async def send(target: Target, request: bytes) -> bool:
    """Send one large request and read its whole answer, apart from this loop; whether it is a good one."""
    return await asyncio.to_thread(_send, target, request)


def _send(target: Target, request: bytes) -> bool:
    with socket.create_connection(("127.0.0.1", target.port), timeout=_LARGE_SECONDS) as connection:
        connection.sendall(request)
        answer = connection.recv(65536)
        while not _is_whole(answer):
            data = connection.recv(65536)
            if not data:
                break
            answer += data
    return answer.startswith(b"HTTP/1.1 200") and _is_whole(answer) and _MARK in answer


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(separator) and length is not None and len(body) >= int(length[1])


async def run(target: Target, job: Job) -> Tally:
    """Do the job; what was seen."""
    this, loop = _Run(target, job), asyncio.get_running_loop()
    connections: list[_Connection] = []
    while len(connections) < job.connections:
        count = min(_OPENED_AT_ONCE, job.connections - len(connections))
        opened = [
            loop.create_connection(lambda: _Connection(this), "127.0.0.1", target.port) for _ in range(count)
        ]
        connections += [protocol for _, protocol in await asyncio.gather(*opened)]
    left = max(0.0, job.limit - (time.monotonic() - this.started))
    await asyncio.wait([each.done for each in connections], timeout=left)
    this.tally.seconds = time.monotonic() - this.started
    for each in connections:
        if not each.done.done():
            each.give_up()
    return this.tally
