"""Whatever the upstream does: a clear end, and nothing left behind."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.apis import APIS, Api
from tests.faults import census
from tests.faults.upstreams import BROKEN, FAULTS, FINE, GOOD, LATE, SILENT
from tests.gateway import Gateway
from tests.test_errors import told
from tests.test_timeouts import stalling
from tests.upstream.scripted import ScriptedUpstream, close, reset

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


def check(gateway: Gateway, upstream: ScriptedUpstream, name: str, stream: bool) -> None:
    """The fault has its end, in every API."""
    fault = FAULTS[name]
    bot = upstream.bot(fault.script)

    def ask(api: Api) -> httpx.Response:
        return api.ask(gateway, bot.name, stream=stream)

    with ThreadPoolExecutor(len(APIS)) as pool:
        for api, response in zip(APIS, pool.map(ask, APIS), strict=True):
            api.check_end(response, FINE, fault.failure)


STALLS = [name for name, fault in FAULTS.items() if fault.end in (LATE, SILENT)]


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


def test_an_answer_that_is_cut_anywhere_ends_clearly(
    patient_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    """At every byte; each API has its turn."""
    data = b"".join(each for each in GOOD if isinstance(each, bytes))
    is_over = data.index(b"event: done") + len(b"event: done\r\ndata: {}\r\n\r")

    def ask(end: int) -> None:
        api, stream = APIS[end % len(APIS)], end % 2 == 1
        bot = upstream.bot([data[:end], close], [data[:end], reset])
        failure = BROKEN if end < is_over else None
        api.check_end(api.ask(patient_gateway, bot.name, stream=stream), FINE, failure)
        assert len(bot.queries) == (2 if end == 0 else 1), end

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(len(data))))


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
