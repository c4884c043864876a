"""Gateways in front of upload endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartGateway
from tests.gateway import Gateway
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, text
from tests.upstream.uploads import UploadServer


@pytest.fixture(scope="session")
def upload_server() -> Iterator[UploadServer]:
    server = UploadServer()
    yield server
    server.stop()


@pytest.fixture
def uploads(upload_server: UploadServer) -> Iterator[UploadServer]:
    """The upload endpoint, without any uploads yet."""
    upload_server.uploads.clear()
    upload_server.most_at_once = 0
    yield upload_server
    upload_server.delay = 0.0


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosting")


@pytest.fixture(scope="session")
def shared_hosting(
    poe: PoeServer, upload_server: UploadServer, start_shared_gateway: StartGateway, shared_folder: Path
) -> Gateway:
    return start_shared_gateway(poe.url, POE_FILE_UPLOAD_URL=upload_server.url, CONFIG_DIR=str(shared_folder))


@pytest.fixture
def hosting(shared_hosting: Gateway, uploads: UploadServer, shared_folder: Path) -> Gateway:
    """A gateway in front of real bots and a real upload endpoint, with an empty cache."""
    for entry in (shared_folder / "url_cache").iterdir():
        entry.unlink()
    return shared_hosting


@pytest.fixture(scope="session")
def scripted(upstream: ScriptedUpstream, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway to scripted bots, and to the upload endpoint scripted with ``takes_uploads``."""
    return start_shared_gateway(
        upstream.url, POE_FILE_UPLOAD_URL=f"{upstream.url}/bot/uploads", HEARTBEAT_SECONDS="0.2"
    )


@pytest.fixture
def bot(upstream: ScriptedUpstream) -> Bot:
    return upstream.bot(answer(text("hi"), DONE))
