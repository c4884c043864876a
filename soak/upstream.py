"""The bench's upstream, which can also call tools and fail: bots ``call``, ``fault-reset`` and so on."""

from __future__ import annotations

import asyncio
import json
import sys

from bench.upstream import POE, Upstream, streamed

CALL = '<tool_call>{"name": "look_up", "arguments": {"word": "soak"}}</tool_call>'
_HALF = streamed(POE, 20)[:600]


def _response(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Status\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


def _calling() -> bytes:
    head = streamed(POE, 0)[: -len(POE.end)]
    return head + POE.event(json.dumps(f"One moment. {CALL}")[1:-1]) + POE.end


_SAID = {
    "call": _calling(),
    "fault-429": _response(429, b"rate limit"),
    "fault-500": _response(500, b"internal error"),
    "fault-garbage": b"SSH-2.0-OpenSSH_9.6\r\n",
    "fault-reset": b"",
    "fault-cut": _HALF,
    "fault-stall": _HALF,
}


class SoakUpstream(Upstream):
    """One connection."""

    def _answer(self, path: str, body: bytes) -> None:
        name = path.rpartition("/")[2]
        if name not in _SAID:
            super()._answer(path, body)
            return
        self.transport.write(_SAID[name])
        if name in ("fault-cut", "fault-garbage"):
            self.transport.close()
        elif name == "fault-reset":
            self.transport.abort()  # type: ignore[attr-defined]


async def serve(port: int) -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(SoakUpstream, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
