"""What clients can do wrong: each function behaves badly on one connection, and leaves."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from tests.gateway import WORDS, Client, Gateway, authorization
from tests.upstream.scripted import ScriptedUpstream, begin, text, until_closed

FIELDS = "".join(f"{name}: {value}\r\n" for name, value in authorization().items())


def request(bot: str, *, stream: bool = True, length: int | None = None) -> bytes:
    """A whole request for a completion; its ``length`` may be a lie."""
    body = json.dumps({"model": bot, "stream": stream, "messages": [{"role": "user", "content": WORDS}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{FIELDS}"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n{body}".encode()


Leave = Callable[[Client], object]
Misbehave = Callable[[Client, str, Leave], None]


def says_nothing(client: Client, bot: str, leave: Leave) -> None:
    leave(client)


def _sends(cut: Callable[[bytes], int]) -> Misbehave:
    def misbehave(client: Client, bot: str, leave: Leave) -> None:
        data = request(bot)
        client.send(data[: cut(data)])
        leave(client)

    return misbehave


def asks_and_leaves(client: Client, bot: str, leave: Leave) -> None:
    client.send(request(bot, stream=False))
    leave(client)


def leaves_after_the_head(client: Client, bot: str, leave: Leave) -> None:
    client.send(request(bot))
    client.read_head()
    leave(client)


def leaves_in_the_middle(client: Client, bot: str, leave: Leave) -> None:
    client.send(request(bot))
    client.read_head()
    client.read_until(b"word")
    leave(client)


def shuts_its_side(client: Client, bot: str, leave: Leave) -> None:
    client.send(request(bot))
    client.socket.shutdown(socket.SHUT_WR)
    client.read_to_the_end()
    leave(client)


def pipelines_and_leaves(client: Client, bot: str, leave: Leave) -> None:
    client.send(request(bot) * 5)
    client.read_head()
    leave(client)


def promises_more(client: Client, bot: str, leave: Leave) -> None:
    client.send(request(bot, length=100_000))
    leave(client)


def sends_more(client: Client, bot: str, leave: Leave) -> None:
    client.send(request("nobody", length=10))
    client.response()
    leave(client)


def speaks_tls(client: Client, bot: str, leave: Leave) -> None:
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    leave(client)


def sends_garbage(client: Client, bot: str, leave: Leave) -> None:
    client.send(bytes(range(256)) * 100)
    leave(client)


MISBEHAVIOURS: dict[str, Misbehave] = {
    "says nothing": says_nothing,
    "sends half a line": _sends(lambda _: 10),
    "sends half a head": _sends(lambda data: data.index(b"\r\n\r\n") - 5),
    "sends a head": _sends(lambda data: data.index(b"\r\n\r\n") + 4),
    "sends half a body": _sends(lambda data: len(data) - 20),
    "asks and leaves": asks_and_leaves,
    "leaves after the head": leaves_after_the_head,
    "leaves in the middle": leaves_in_the_middle,
    "shuts its side": shuts_its_side,
    "pipelines and leaves": pipelines_and_leaves,
    "promises more than it sends": promises_more,
    "sends more than it promised": sends_more,
    "speaks TLS": speaks_tls,
    "sends garbage": sends_garbage,
}


def misbehave(gateway: Gateway, upstream: ScriptedUpstream, name: str, leave: Leave) -> None:
    """Behave badly, with a bot that begins to answer and never ends."""
    bot = upstream.bot(begin(text("word "), until_closed))
    client = gateway.connect()
    try:
        MISBEHAVIOURS[name](client, bot.name, leave)
    finally:
        client.close()
    for query in bot.queries:
        query.wait_closed()
