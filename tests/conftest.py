"""The real parts that end-to-end tests use: upstreams, and gateways in front of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.gateway import KEY, WORDS, Gateway
from tests.redis_server import RedisServer
from tests.upstream.scripted import ScriptedUpstream

if TYPE_CHECKING:
    from tests.upstream.bots import PoeServer

StartGateway = Callable[..., Gateway]


def pytest_configure(config: pytest.Config) -> None:
    """fastapi_poe still uses deprecated parts of pydantic, which we cannot change."""
    config.addinivalue_line("filterwarnings", "ignore::pydantic.PydanticDeprecatedSince20")


# How fast examples are made and tried depends on what else the machine does: that decides no test.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> None:
    """Everything here happens on the loopback."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def start_shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """Start gateways that run until all tests are over."""
    with gateways(tmp_path_factory) as start:
        yield start


@pytest.fixture
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """Start gateways that run for one test."""
    with gateways(tmp_path_factory) as start:
        yield start


@contextmanager
def gateways(folders: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """Gateways that are stopped at the end, when their logs must be clean."""
    started: list[Gateway] = []

    def start(poe_url: str, **settings: Any) -> Gateway:
        gateway = Gateway(folders.mktemp("gateway"), poe_url, **settings)
        started.append(gateway)
        return gateway

    try:
        yield start
    finally:
        for gateway in started:
            gateway.stop()
    for gateway in started:
        check_log(gateway.log)


def check_log(log: Path) -> None:
    """Whatever a test did, there is no traceback, no key and no message text in the log."""
    written = log.read_text()
    for forbidden in ("Traceback", KEY, WORDS):
        before, found, after = written.partition(forbidden)
        assert not found, f"in the log: {before[-500:]}{found}{after[:2500]}"


@pytest.fixture(scope="session")
def poe() -> Iterator[PoeServer]:
    """A real server of Poe's protocol."""
    from tests.upstream.bots import PoeServer

    server = PoeServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def poe_gateway(poe: PoeServer, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway to the real server."""
    return start_shared_gateway(poe.url)


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """An upstream that does what a test tells it to."""
    server = ScriptedUpstream()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def gateway(upstream: ScriptedUpstream, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway to the scripted upstream: 1 MiB a request, heartbeats too rare to be seen."""
    return start_shared_gateway(upstream.url, MAX_REQUEST_SIZE=str(1024 * 1024), HEARTBEAT_SECONDS="30")


@pytest.fixture(scope="session")
def panel(upstream: ScriptedUpstream, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway to whose panel no test sends wrong passwords from 127.0.0.1."""
    return start_shared_gateway(upstream.url)


@pytest.fixture(scope="session")
def beating_gateway(upstream: ScriptedUpstream, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway with a heartbeat five times a second."""
    return start_shared_gateway(upstream.url, HEARTBEAT_SECONDS="0.2")


@pytest.fixture(scope="session")
def impatient_gateway(upstream: ScriptedUpstream, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway that waits for Poe for at most a second."""
    return start_shared_gateway(
        upstream.url, CONNECT_TIMEOUT_SECONDS="1", FIRST_BYTE_TIMEOUT_SECONDS="1", IDLE_TIMEOUT_SECONDS="1"
    )


@pytest.fixture(scope="session")
def redis_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def redis_server(redis_session: RedisServer) -> RedisServer:
    """A Redis with nothing in it."""
    redis_session.client.flushall()
    return redis_session
