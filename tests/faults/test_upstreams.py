"""Whatever the upstream does: a clear end, and nothing left behind."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.faults import census
from tests.faults.upstreams import FAULTS, GOOD
from tests.gateway import Gateway, content_of, events_in, message_of
from tests.test_errors import told
from tests.test_timeouts import stalling
from tests.upstream.scripted import ScriptedUpstream

_STATUSES = {"upstream_error": 502, "first_byte_timeout": 504, "idle_timeout": 504}
STREAMS = [False, pytest.param(True, marks=pytest.mark.long)]


@pytest.fixture(scope="module")
def patient_gateway(upstream: ScriptedUpstream, start_shared_gateway) -> Iterator[Gateway]:
    """A gateway that must be in the end as it was at the beginning."""
    yield from watched(upstream, start_shared_gateway(upstream.url, command=census.COMMAND))


@pytest.fixture(scope="module")
def hurried_gateway(upstream: ScriptedUpstream, start_shared_gateway) -> Iterator[Gateway]:
    """One that gives up soon."""
    timeouts = {"FIRST_BYTE_TIMEOUT_SECONDS": "0.5", "IDLE_TIMEOUT_SECONDS": "0.5"}
    yield from watched(upstream, start_shared_gateway(upstream.url, command=census.COMMAND, **timeouts))


def watched(upstream: ScriptedUpstream, gateway: Gateway) -> Iterator[Gateway]:
    for stream in [False, True] * 10:
        assert gateway.ask(upstream.bot(GOOD).name, stream=stream).status_code == 200
    before = census.calm(gateway)
    yield gateway
    census.same_as(before, gateway)


def end_of(response: httpx.Response, stream: bool) -> str:
    """``FINE`` or the error's code; anything else is no clear end."""
    if response.status_code != 200:
        code: str = response.json()["error"]["code"]
        told(response, _STATUSES[code], code)
        return code
    if not stream:
        return str(message_of(response)["content"])
    *events, done = events_in(response.content)
    assert done == "[DONE]"
    if "error" in events[-1]:
        assert events[-1].keys() == {"error"}
        return str(events[-1]["error"]["code"])
    assert events[-1]["choices"][0]["finish_reason"] == "stop"
    return content_of(events)


def check(gateway: Gateway, upstream: ScriptedUpstream, name: str, stream: bool) -> None:
    """The fault has its end."""
    bot = upstream.bot(FAULTS[name].script)
    assert end_of(gateway.ask(bot.name, stream=stream), stream) == FAULTS[name].end


STALLS = [name for name, fault in FAULTS.items() if _STATUSES.get(fault.end) == 504]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in STALLS])
def test_a_fault_ends_clearly(
    patient_gateway: Gateway, upstream: ScriptedUpstream, name: str, stream: bool
) -> None:
    check(patient_gateway, upstream, name, stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", STALLS)
def test_a_stall_is_a_504(
    hurried_gateway: Gateway, upstream: ScriptedUpstream, name: str, stream: bool
) -> None:
    check(hurried_gateway, upstream, name, stream)


def says_garbage(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(bytes(range(256)) * 8)


def sends_an_alert(client: socket.socket) -> None:
    """TLS's "handshake failure"."""
    client.recv(65536)
    client.sendall(b"\x15\x03\x03\x00\x02\x02\x28")


def resets(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def closes_at_the_hello(client: socket.socket) -> None:
    client.recv(65536)


def speaks_an_old_version(client: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    with context.wrap_socket(client, server_side=True):
        pass


@pytest.mark.parametrize("stream", STREAMS, ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "behave",
    [says_garbage, sends_an_alert, resets, closes_at_the_hello, speaks_an_old_version],
    ids=lambda each: each.__name__,
)
def test_a_handshake_that_fails_is_a_502(
    start_gateway, stream: bool, behave: Callable[[socket.socket], None]
) -> None:
    with stalling(behave) as port:
        gateway: Gateway = start_gateway(
            f"https://127.0.0.1:{port}", command=census.COMMAND, WEB_CONCURRENCY="1"
        )
        told(gateway.ask("anyone", stream=stream), 502, "upstream_error")
        before = census.calm(gateway)
        with ThreadPoolExecutor(5) as pool:
            for answer in pool.map(lambda _: gateway.ask("anyone", stream=stream), range(5)):
                told(answer, 502, "upstream_error")
        census.same_as(before, gateway)


@pytest.mark.parametrize("stream", STREAMS, ids=["whole", "streamed"])
def test_nobody_there_is_a_502(start_gateway, stream: bool, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    gateway: Gateway = start_gateway(f"http://127.0.0.1:{port}", command=census.COMMAND, WEB_CONCURRENCY="1")
    told(gateway.ask("anyone", stream=stream), 502, "upstream_error")
    before = census.calm(gateway)
    with ThreadPoolExecutor(5) as pool:
        for answer in pool.map(lambda _: gateway.ask("anyone", stream=stream), range(5)):
            told(answer, 502, "upstream_error")
    census.same_as(before, gateway)
