"""The gateway as a process of its own, and clients that talk to it over raw sockets."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from tests.upstream.scripted import LIMIT

ROOT = Path(__file__).parent.parent
GUNICORN = str(Path(sys.executable).parent / "gunicorn")
COMMAND = (GUNICORN, "-c", "gunicorn.conf.py", "wsgi:app")
KEY = "pb-key-nobody-may-read-0123456789"
_PORTS = range(10_000, 32_768)  # below those that Linux gives to clients
WORDS = "words-that-no-log-may-hold"  # the prompt where a test does not care


def environment(**settings: str | None) -> dict[str, str]:
    """A clean environment with ``settings``; one that is ``None`` is not set at all."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    usual = {"HOST": "127.0.0.1", "LOG_LEVEL": "debug", "ADMIN_PASSWORD": "secret", "RATE_LIMIT_MS": "0"}
    return {name: value for name, value in (kept | usual | settings).items() if value is not None}


def free_port() -> int:
    """A port for a server that starts later.

    The kernel does not choose it: it might give the same port to another test's client meanwhile.
    """
    while True:
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Gateway:
    """``gunicorn -c gunicorn.conf.py wsgi:app`` with two workers and the log in a file."""

    def __init__(
        self, folder: Path, poe_url: str, *, command: Sequence[str] = COMMAND, **settings: str | None
    ) -> None:
        self.port = int(settings.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        own = {
            "PORT": str(self.port),
            "POE_BASE_URL": poe_url,
            "CONFIG_DIR": str(folder),
            "WEB_CONCURRENCY": "2",
        }
        variables = environment(**own | settings)
        self.workers = int(variables["WEB_CONCURRENCY"])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        # A connection each: the workers take turns, as with clients that do not know each other.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=LIMIT, limits=limits)
        try:
            eventually(self.is_up)
        except BaseException:
            self.stop()
            raise

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/healthz").status_code == 200
        return False

    def ask(self, bot: str, content: object = WORDS, **fields: Any) -> httpx.Response:
        """A chat completion with the one message ``content``, whole or as a finished stream."""
        body = {"model": bot, "messages": [{"role": "user", "content": content}], **fields}
        return self.http.post("/v1/chat/completions", json=body, headers=authorization())

    def stream(self, bot: str, **fields: Any) -> list[Any]:
        """A streamed completion's events, see ``events_in``."""
        return events_in(self.ask(bot, stream=True, **fields).content)

    def connect(self, *, receive_buffer: int | None = None) -> Client:
        return Client(self.port, receive_buffer)

    def stop(self) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def workers_of(gateway: Gateway) -> list[int]:
    """The process ids of the workers, oldest first; the dead do not count."""
    pids = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    return sorted(pid for pid in map(int, pids) if _is_alive(pid))


def replace_workers(gateway: Gateway) -> None:
    """Kill all workers and wait for their replacements."""
    before = set(workers_of(gateway))
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(set(workers_of(gateway)) - before) == gateway.workers)
    eventually(gateway.is_up)


def _is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it has just gone, before or while it was looked at
        return False


def authorization() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}


@dataclass
class Response:
    """A response, with header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error


class Client:
    """A client over a raw socket: sends half a request, reads slowly, leaves."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(LIMIT)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, bot: str, **fields: Any) -> Client:
        """Send a whole request for a completion; nothing is read yet."""
        body = {"model": bot, "messages": [{"role": "user", "content": WORDS}], **fields}
        return self.request("POST", "/v1/chat/completions", json.dumps(body).encode())

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        key: str | None = KEY,
    ) -> Client:
        """Send a whole request as it is; ``headers`` may be wrong."""
        fields = {"Host": "gateway", "Content-Type": "application/json", "Content-Length": str(len(body))}
        fields |= {"Authorization": f"Bearer {key}"} if key else {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in (fields | dict(headers or {})).items())
        self.send(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        return self

    def read_head(self) -> Response:
        status = int(self._reader.readline().split(b" ")[1])
        headers = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return Response(status, headers)

    def read_chunk(self) -> bytes:
        """The chunk that one write of the gateway sent; empty at the end of the body."""
        size = int(self._reader.readline(), 16)
        data = self._reader.read(size)
        self._reader.readline()
        return data

    def read_until(self, mark: bytes) -> bytes:
        """Chunks up to the one with ``mark``."""
        found = b""
        while mark not in found:
            data = self.read_chunk()
            assert data, f"{mark!r} never came, but {found!r}"
            found += data
        return found

    def read_rest(self) -> bytes:
        """All chunks up to the end of the body."""
        return b"".join(iter(self.read_chunk, b""))

    def read_to_the_end(self) -> bytes:
        """All bytes until the gateway closes the connection."""
        return self._reader.read()

    def response(self) -> Response:
        """The whole response."""
        response = self.read_head()
        if "content-length" in response.headers:
            response.body = self._reader.read(int(response.headers["content-length"]))
        elif response.headers.get("transfer-encoding") == "chunked":
            response.body = self.read_rest()
        return response

    def close(self) -> float:
        """Leave; return the time on the monotonic clock."""
        self._reader.close()
        self.socket.close()
        return time.monotonic()

    def reset(self) -> float:
        """Leave as a crash does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return self.close()


def eventually(holds: Callable[[], Any]) -> Any:
    """Wait, within bounds, until ``holds`` returns something true, and return that."""
    deadline = time.monotonic() + LIMIT
    while not (value := holds()):
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.05)
    return value


def events_in(body: bytes) -> list[Any]:
    """The events of a stream: decoded JSON, ``"[DONE]"``, and comments as they are."""
    lines = [line for line in body.decode().split("\n") if line]
    return [_event(line) for line in lines]


def _event(line: str) -> Any:
    if line.startswith(":"):
        return line
    assert line.startswith("data: {") or line == "data: [DONE]", f"no client reads {line!r}"
    data = line.removeprefix("data: ")
    return data if data == "[DONE]" else json.loads(data)


def deltas_in(events: list[Any]) -> list[dict[str, Any]]:
    """The non-empty deltas in a stream's events."""
    chunks = [each for each in events if isinstance(each, dict) and each.get("choices")]
    deltas = [each["choices"][0]["delta"] for each in chunks]
    return [each for each in deltas if each.get("content") or each.get("reasoning_content")]


def content_of(events: list[Any]) -> str:
    return "".join(delta.get("content", "") for delta in deltas_in(events))


def message_of(response: httpx.Response) -> dict[str, Any]:
    """The message of a whole completion, which must have succeeded."""
    assert response.status_code == 200, response.text
    message: dict[str, Any] = response.json()["choices"][0]["message"]
    return message
