"""A scripted upstream: it answers each query with the bytes that a test has written for the bot.

A script is a list of steps: bytes are sent at once, a ``threading.Event`` is waited for, and a
function is called with the connection (``close``, ``reset``, ``until_closed``, or a test's own).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

LIMIT = 20.0  # seconds that anything may take before a test fails

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Connection:
    """The gateway's connection to us. ``closed`` is set as soon as the gateway has ended it."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.closed = threading.Event()
        self.closed_at = 0.0
        self._received = bytearray()
        self._news = threading.Condition()
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def reset(self) -> None:
        """End the connection as a crash does, with RST instead of FIN; a wait for it would delay that."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)
        self.closed.wait(LIMIT)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; ``EOFError`` if the connection ends before."""
        with self._news:
            self._news.wait_for(lambda: len(self._received) >= count or self.closed.is_set())
            if len(self._received) < count:
                raise EOFError
            taken = bytes(self._received[:count])
            del self._received[:count]
            return taken

    def take_head(self) -> bytes:
        with self._news:
            self._news.wait_for(lambda: b"\r\n\r\n" in self._received or self.closed.is_set())
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                raise EOFError
            head = bytes(self._received[:end])
            del self._received[: end + 4]
            return head

    def _receive(self) -> None:
        while True:
            try:
                # A socket that we close ourselves does not wake up a recv: look now and then.
                if not select.select([self.socket], [], [], 0.5)[0]:
                    continue
                data = self.socket.recv(1 << 16)
            except (OSError, ValueError):
                data = b""
            with self._news:
                self._received += data
                if not data:
                    self.closed_at = time.monotonic()
                    self.closed.set()
                self._news.notify_all()
            if not data:
                return


Step = bytes | threading.Event | Callable[[Connection], Any]
Script = Sequence[Step]


@dataclass
class Query:
    """A request: its ``path`` as it was on the wire, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: Connection
    answered: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def wait_closed(self) -> float:
        """When the gateway ended this query's connection, on the monotonic clock."""
        assert self.connection.closed.wait(LIMIT), "the gateway never closed its query"
        return self.connection.closed_at


class Bot:
    """A bot's name, its scripts (one per query, the last one repeats) and its queries."""

    def __init__(self, name: str, scripts: Sequence[Script]) -> None:
        self.name = name
        self.queries: list[Query] = []
        self._scripts = scripts
        self._news = threading.Condition()

    def next_script(self, query: Query) -> Script:
        with self._news:
            self.queries.append(query)
            self._news.notify_all()
            return self._scripts[min(len(self.queries), len(self._scripts)) - 1]

    def wait_for_query(self, count: int = 1) -> Query:
        """The ``count``-th query, once it has arrived."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.queries) >= count, LIMIT), "no query came"
            return self.queries[count - 1]

    def stays_at(self, count: int, seconds: float = 1.0) -> bool:
        """Whether no more than ``count`` queries come for a while."""
        with self._news:
            return not self._news.wait_for(lambda: len(self.queries) > count, seconds)

    @property
    def query(self) -> Query:
        """The only query."""
        (query,) = self.queries
        return query


class ScriptedUpstream:
    """Listens on a free port of the loopback and plays the scripts of its bots."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.models: Bot = Bot("the list of models", [respond(200, {"object": "list", "data": []})])
        self.anyone = Bot("whoever is not registered", [respond(404, {"error": "Bot does not exist"})])
        self._bots: dict[str, Bot] = {}
        self._numbers = itertools.count(1)
        threading.Thread(target=self._accept, daemon=True).start()

    def bot(self, *scripts: Script, name: str | None = None) -> Bot:
        """Register a bot, under a name of its own if none is given."""
        bot = Bot(name or f"bot{next(self._numbers)}", scripts)
        self._bots[bot.name] = bot
        return bot

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Connection(sock),), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                query = _read_query(connection)
                for step in self._script_for(query):
                    _play(step, connection)
                query.answered.set()

    def _script_for(self, query: Query) -> Script:
        if query.path == "/v1/models":
            return self.models.next_script(query)
        bot = self._bots.get(unquote(query.path.partition("/bot/")[2]), self.anyone)
        return bot.next_script(query)


def _read_query(connection: Connection) -> Query:
    lines = connection.take_head().decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = connection.take(int(headers.get("content-length", 0)))
    return Query(method, path, headers, body, connection)


def _play(step: Step, connection: Connection) -> None:
    if isinstance(step, bytes):
        connection.send(step)
    elif isinstance(step, threading.Event):
        while not step.wait(0.02):
            if connection.closed.is_set():
                raise EOFError
    else:
        step(connection)


# Steps.


def close(connection: Connection) -> None:
    connection.close()
    raise EOFError


def reset(connection: Connection) -> None:
    connection.reset()
    raise EOFError


def until_closed(connection: Connection) -> None:
    """Say nothing until the gateway gives up."""
    connection.closed.wait(60)
    raise EOFError


# Scripts and what they are made of.


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(name: str, data: object) -> bytes:
    """A server-sent event; ``data`` other than bytes is encoded as JSON."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return b"event: %b\r\ndata: %b\r\n\r\n" % (name.encode(), raw)


def text(content: str) -> bytes:
    return event("text", {"text": content})


def replace(content: str) -> bytes:
    return event("replace_response", {"text": content})


def error(content: str | None = None, **fields: object) -> bytes:
    return event("error", {"text": content, **fields} if content is not None else fields)


DONE = event("done", {})


def begin(*parts: Step) -> list[Step]:
    """The head of a successful answer and its first parts; each bytes object becomes one chunk."""
    return [HEAD, *(chunk(part) if isinstance(part, bytes) else part for part in parts)]


def answer(*parts: Step) -> list[Step]:
    """A complete successful answer; each bytes object becomes one chunk."""
    return [*begin(*parts), END]


def at_once(*parts: bytes) -> list[Step]:
    """A complete successful answer, sent with one write."""
    return [b"".join([HEAD, *(chunk(part) for part in parts), END])]


def respond(status: int, body: object = b"", **headers: str) -> list[Step]:
    """A complete response of another kind; a ``body`` other than bytes is encoded as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/plain" if isinstance(body, bytes) else "application/json"
    fields = {"content-type": kind, "content-length": str(len(raw))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return [b"HTTP/1.1 %d Status\r\n%b\r\n%b" % (status, head.encode(), raw)]
