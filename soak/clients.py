"""Clients: each asks again and again for something by chance, and says what came of it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KEY = "sk-5b1e9c0d7f3a4286a1d4c7e08b92f635"
_PATIENCE = 30.0
_PAUSE = 0.15
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
        },
    }
]


@dataclass(frozen=True)
class Kind:
    """A kind of request: its share in a thousand, and how a correct answer is recognised."""

    weight: int
    request: Callable[[random.Random], bytes]
    expected: bytes
    leaves: bool = False


@dataclass
class Tally:
    """The outcomes of all requests: correct ones by kind, others by kind and fault."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.right.total() + self.wrong.total()


def _post(bot: str, content: object = "Say something.", **fields: object) -> bytes:
    messages = [{"role": "user", "content": content}]
    return _request("/v1/chat/completions", {"model": bot, "messages": messages, **fields})


def _message(bot: str, **fields: object) -> bytes:
    messages = [{"role": "user", "content": "Say something."}]
    return _request("/v1/messages", {"model": bot, "messages": messages, "max_tokens": 9999, **fields})


def _response(bot: str, **fields: object) -> bytes:
    return _request("/v1/responses", {"model": bot, "input": "Say something.", **fields})


def _request(path: str, fields: Mapping[str, object]) -> bytes:
    body = json.dumps(fields).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _picture(chance: random.Random) -> bytes:
    """A new picture every second time, else a known one."""
    seed = chance.randrange(1_000_000) if chance.random() < 0.5 else chance.randrange(10)
    data = base64.b64encode(random.Random(seed).randbytes(chance.randrange(1000, 60_000))).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    return _post("events-5", [{"type": "text", "text": "What is this?"}, part])


def _fault(bot: str, *more: Callable[..., bytes]) -> Callable[[random.Random], bytes]:
    """Through OpenAI's APIs, and ``more``: Anthropic's has other words for some errors."""
    return lambda chance: chance.choice((_post, _response, *more))(bot, stream=chance.random() < 0.5)


KINDS: Mapping[str, Kind] = {
    "whole": Kind(330, lambda _: _post("events-20"), b"word19"),
    "stream": Kind(300, lambda _: _post("events-20", stream=True), b"[DONE]"),
    "message": Kind(50, lambda _: _message("events-20"), b"word19"),
    "message stream": Kind(100, lambda _: _message("events-20", stream=True), b"message_stop"),
    "response": Kind(50, lambda _: _response("events-20"), b"word19"),
    "response stream": Kind(100, lambda _: _response("events-20", stream=True), b"response.completed"),
    "slow stream": Kind(150, lambda _: _post("paced-20-50", stream=True), b"[DONE]"),
    "attachment": Kind(70, _picture, b"word4"),
    "tools": Kind(70, lambda chance: _post("call", tools=_TOOLS, stream=chance.random() < 0.5), b"look_up"),
    "models": Kind(30, lambda _: b"GET /v1/models HTTP/1.1\r\nhost: soak\r\n\r\n", b"events-20"),
    "fault: 429": Kind(5, _fault("fault-429", _message), b"rate_limit_error"),
    "fault: 500": Kind(5, _fault("fault-500"), b"upstream_error"),
    "fault: garbage": Kind(5, _fault("fault-garbage"), b"upstream_error"),
    "fault: reset": Kind(5, _fault("fault-reset"), b"upstream_error"),
    "fault: cut": Kind(5, _fault("fault-cut"), b"upstream_error"),
    "fault: stall": Kind(5, _fault("fault-stall", _message), b"timeout_error"),
    "fault: broken request": Kind(5, lambda _: _post("events-20", temperature="hot"), b"temperature"),
    "fault: client leaves": Kind(10, lambda _: _post("paced-100-50", stream=True), b"", leaves=True),
    "fault: half a request": Kind(5, lambda _: _post("events-20")[:-10], b"", leaves=True),
}


class Client:
    """One of many. Keeps its connection between requests as long as the gateway does."""

    def __init__(self, port: int, tally: Tally, seed: int) -> None:
        self._port = port
        self._tally = tally
        self._chance = random.Random(seed)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, until: float) -> None:
        """Ask until then, on the monotonic clock."""
        names, weights = list(KINDS), [kind.weight for kind in KINDS.values()]
        while time.monotonic() < until:
            (name,) = self._chance.choices(names, weights)
            try:
                async with asyncio.timeout(_PATIENCE):
                    wrong = await self._ask(KINDS[name])
            except (OSError, EOFError, ValueError) as error:
                wrong = type(error).__name__
            if wrong:
                self._tally.wrong[f"{name}: {wrong}"] += 1
                await self._leave()
            else:
                self._tally.right[name] += 1
            await asyncio.sleep(self._chance.random() * 2 * _PAUSE)
        await self._leave()

    async def _ask(self, kind: Kind) -> str | None:
        """What was wrong."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        reader, writer = self._streams
        writer.write(kind.request(self._chance))
        await writer.drain()
        if kind.leaves:
            await asyncio.sleep(self._chance.random())
            await self._leave()
            return None
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await _body(reader, head)
        if b"\r\nconnection: close" in head:
            await self._leave()
        status = head.split(b" ", 2)[1].decode()
        return None if kind.expected in body else f"{status} {body[-100:].decode(errors='replace')}"

    async def _leave(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
            self._streams = None


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    _, found, rest = head.partition(b"\r\ncontent-length: ")
    if found:
        return await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body
