"""Uploads that go wrong: servers that stall or answer early, clients that leave, workers that die."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from app.poe.connections import Connections
from app.poe.uploads import Uploads
from app.poe.upstream import Upstream
from app.settings import Settings
from tests.conftest import StartGateway
from tests.gateway import WORDS, Gateway, authorization, eventually
from tests.upstream.relays import Relay, over_tls
from tests.upstream.scripted import DONE, LIMIT, Bot, ScriptedUpstream, answer, text
from tests.upstream.uploads import UploadServer

TIMEOUT = 2.0


@pytest.fixture
def uploads() -> Iterator[UploadServer]:
    server = UploadServer()
    yield server
    server.stop()


@pytest.fixture
def bot(upstream: ScriptedUpstream) -> Bot:
    return upstream.bot(answer(text("seen"), DONE))


class OddServer:
    """An upload server that does ``behave`` with each connection."""

    def __init__(self, behave: Callable[[socket.socket], Any]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/upload"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=[accepted], daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        with accepted:
            try:
                self._behave(accepted)
            except OSError:
                return


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], Any]], OddServer]]:
    servers: list[OddServer] = []

    def start(behave: Callable[[socket.socket], Any]) -> OddServer:
        servers.append(OddServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def content(size: int) -> bytes:
    return os.urandom(size)


def image(data: bytes) -> dict[str, Any]:
    return {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"},
    }


def message(*parts: object) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": WORDS}, *parts]}]


def upload_count(uploads: UploadServer, data: bytes) -> int:
    digest = hashlib.sha256(data).hexdigest()
    return sum(upload.digest == digest for upload in uploads.uploads)


def until_closed(connection: socket.socket) -> None:
    """Say nothing, and do not give up before the gateway does."""
    connection.settimeout(2 * LIMIT)
    while select.select([connection], [], [], 2 * LIMIT)[0] and connection.recv(1, socket.MSG_PEEK):
        time.sleep(0.01)


def trickle_then_stall(connection: socket.socket) -> None:
    """Read slowly until the time is almost over, and then not at all."""
    ends = time.monotonic() + 0.85 * TIMEOUT
    while time.monotonic() < ends:
        connection.recv(1000)
        time.sleep(0.01)
    until_closed(connection)


def read_all_then_stall(connection: socket.socket) -> None:
    """Take just so long to read everything, and then say nothing."""
    ends = time.monotonic() + 0.85 * TIMEOUT
    connection.settimeout(0.1)
    while time.monotonic() < ends:
        with contextlib.suppress(TimeoutError):
            connection.recv(100_000)
        time.sleep(0.01)
    until_closed(connection)


def trickle(connection: socket.socket) -> None:
    """Go on taking a little."""
    while connection.recv(1000):
        time.sleep(0.01)


def drip_the_answer(connection: socket.socket) -> None:
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(TIMEOUT / 20)


@pytest.mark.parametrize(
    "behave",
    [trickle_then_stall, read_all_then_stall, trickle, drip_the_answer],
    ids=lambda f: f.__name__,
)
def test_an_upload_ends_when_its_time_is_over(
    start_gateway: StartGateway, upstream: ScriptedUpstream, bot: Bot, serve, behave
) -> None:
    """As soon as another one of which nothing is read: its progress does not extend its time."""
    kinds = iter([until_closed, behave])
    server = serve(lambda connection: next(kinds)(connection))
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=server.url, UPLOAD_TIMEOUT_SECONDS=str(TIMEOUT))

    def took(_: int) -> float:
        began = time.monotonic()
        response = gateway.ask(bot.name, message(image(content(8_000_000)))[0]["content"])
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (504, "upload_timeout")
        assert "upload time-out" in error["message"]
        assert error["param"] == "messages[0].content[1]"
        return time.monotonic() - began

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(took, range(2))
    assert min(one, other) > 0.9 * TIMEOUT
    assert abs(one - other) < 0.6 * TIMEOUT  # two times would be 0.85 more
    assert bot.queries == []


def test_there_is_no_second_try_when_its_time_is_over_before(
    start_gateway: StartGateway, upstream: ScriptedUpstream, bot: Bot, serve
) -> None:
    def be_busy_late(connection: socket.socket) -> None:
        connection.recv(65536)
        time.sleep(0.9 * TIMEOUT)
        connection.sendall(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\nbusy today")

    server = serve(be_busy_late)
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=server.url, UPLOAD_TIMEOUT_SECONDS=str(TIMEOUT))
    response = gateway.ask(bot.name, [image(content(10))])
    assert response.status_code == 502
    assert "busy today" in response.json()["error"]["message"]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("delay", "patience"),
    [(0.0, 0.0), (0.0, 1.0), (1.0, 2 * LIMIT)],
    ids=["closes at once", "waits", "answers when nothing more can be sent, and waits"],
)
def test_a_413_before_the_body_was_read_is_heard(
    start_gateway: StartGateway, upstream: ScriptedUpstream, bot: Bot, serve, delay: float, patience: float
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(100)
        time.sleep(delay)
        connection.sendall(b"HTTP/1.1 413 Large\r\ncontent-length: 13\r\n\r\n2 MB at most.")
        time.sleep(patience)

    server = serve(refuse)
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=server.url)
    response = gateway.ask(bot.name, [image(content(20_000_000))])
    assert (response.status_code, response.json()["error"]["code"]) == (413, "file_too_large")
    assert "2 MB at most." in response.json()["error"]["message"]
    assert (server.connections, bot.queries) == (1, [])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_when_the_uploaders_client_leaves_one_who_waits_takes_over(
    start_gateway: StartGateway, upstream: ScriptedUpstream, uploads: UploadServer, bot: Bot, stream: bool
) -> None:
    uploads.delay = 1.0
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=uploads.url)
    data = content(1000)
    leaver = gateway.connect().post(bot.name, messages=message(image(data)), stream=stream)
    eventually(lambda: uploads.most_at_once)
    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(gateway.ask, bot.name, [image(data)]) for _ in range(5)]
        time.sleep(0.3)
        leaver.close()
        assert [each.result().status_code for each in others] == [200] * 5
    # What the leaver sent had come whole, and counts here, too.
    assert upload_count(uploads, data) == 2
    assert len(bot.queries) == 5


def test_clients_that_leave_leave_nothing_behind(
    start_gateway: StartGateway, upstream: ScriptedUpstream, uploads: UploadServer, bot: Bot
) -> None:
    gateway = start_gateway(
        upstream.url, POE_FILE_UPLOAD_URL=uploads.url, UPLOAD_CONCURRENCY="2", WEB_CONCURRENCY="1"
    )
    gateway.ask(bot.name, [image(content(10))])
    before = open_files(gateway)
    uploads.delay = 1.0
    for number in range(20):
        parts = [image(content(1_000_000)), image(content(10)), image(content(10))]
        client = gateway.connect().post(bot.name, messages=message(*parts), stream=bool(number % 2))
        time.sleep(0.05)
        client.close() if number % 3 else client.reset()
    uploads.delay = 0.0
    for _ in range(4):  # no line was lost
        assert gateway.ask(bot.name, [image(content(10)) for _ in range(5)]).status_code == 200
    assert list((gateway.log.parent / ".uploading").iterdir()) == []
    eventually(lambda: open_files(gateway) <= before + 3)  # connections that are kept


def open_files(gateway: Gateway) -> int:
    return sum(len(list(Path(f"/proc/{worker}/fd").iterdir())) for worker in workers(gateway))


def workers(gateway: Gateway) -> list[int]:
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text()
    return [int(each) for each in children.split()]


def test_a_worker_that_is_killed_blocks_nobody(
    start_gateway: StartGateway, upstream: ScriptedUpstream, uploads: UploadServer, bot: Bot
) -> None:
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=uploads.url)
    uploads.delay = 2.0
    data = content(1000)

    def ask() -> int | None:
        try:
            return gateway.ask(bot.name, [image(data)]).status_code
        except httpx.TransportError:
            return None

    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(ask) for _ in range(10)]
        eventually(lambda: uploads.most_at_once)
        time.sleep(0.5)
        for worker in workers(gateway)[:1]:
            os.kill(worker, signal.SIGKILL)
        killed_at = time.monotonic()
        answers = [each.result() for each in asked]
    assert time.monotonic() - killed_at < 6
    assert set(answers) <= {200, None}
    assert gateway.ask(bot.name, [image(data)]).status_code == 200
    assert list((gateway.log.parent / ".uploading").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ('a"; filename="b.exe', "a%22; filename=%22b.exe"),
        ("a.png\r\nContent-Type: text/html\r\n\r\n<p>", "a.pngContent-Type: text/html<p>".rpartition("/")[2]),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("a\x00b.png", "ab.png"),
        ("图片.png", "图片.png"),
        ("n" * 5000 + ".png", "n" * 196 + ".png"),
    ],
)
def test_a_name_cannot_add_to_the_upload(
    shared: tuple[Gateway, UploadServer], bot: Bot, name: str, sent: str
) -> None:
    gateway, uploads = shared
    data = content(100)
    part = {"type": "file", "file": {"file_data": base64.b64encode(data).decode(), "filename": name}}
    assert gateway.ask(bot.name, [part]).status_code == 200
    assert (uploads.uploads[-1].name, uploads.uploads[-1].digest) == (sent, hashlib.sha256(data).hexdigest())


@pytest.fixture(scope="module")
def shared(
    start_shared_gateway: StartGateway, upstream: ScriptedUpstream
) -> Iterator[tuple[Gateway, UploadServer]]:
    uploads = UploadServer()
    yield start_shared_gateway(upstream.url, POE_FILE_UPLOAD_URL=uploads.url), uploads
    uploads.stop()


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"image_url": None}, ".image_url"),
        ({"image_url": 5}, ".image_url"),
        ({"image_url": []}, ".image_url"),
        ({"image_url": {}}, ".image_url.url"),
        ({"image_url": {"url": None}}, ".image_url.url"),
        ({}, ".image_url"),
        ({"image_url": ""}, ""),
        ({"image_url": {"url": "https://example.com/\u0000"}}, ""),
        ({"image_url": {"url": "https://[::1"}}, ""),
    ],
)
def test_odd_parts_are_refused_with_their_path(
    shared: tuple[Gateway, UploadServer], bot: Bot, part: dict[str, Any], param: str
) -> None:
    gateway, uploads = shared
    before = len(uploads.uploads)
    response = gateway.ask(bot.name, [{"type": "image_url"} | part])
    assert response.status_code == 400
    assert response.json()["error"]["param"] == f"messages[0].content[0]{param}"
    assert (len(uploads.uploads), bot.queries) == (before, [])


@pytest.mark.parametrize("url", ['"\\ud800"', '"https://a/\\udc00"', '"data:,\\ud800"'])
def test_half_a_character_is_refused(shared: tuple[Gateway, UploadServer], bot: Bot, url: str) -> None:
    gateway, _ = shared
    body = json.dumps({"model": bot.name, "messages": message({"type": "image_url", "image_url": "URL"})})
    headers = authorization() | {"Content-Type": "application/json"}
    response = gateway.http.post("/v1/chat/completions", content=body.replace('"URL"', url), headers=headers)
    assert response.status_code == 400
    assert bot.queries == []


def test_a_configuration_folder_that_fails_costs_a_warning(
    start_gateway: StartGateway, upstream: ScriptedUpstream, uploads: UploadServer, bot: Bot
) -> None:
    gateway = start_gateway(
        upstream.url, POE_FILE_UPLOAD_URL=uploads.url, WEB_CONCURRENCY="1", RATE_LIMIT_MS="10"
    )
    folder = gateway.log.parent
    assert gateway.ask(bot.name).status_code == 200
    uploads.delay = 1.0
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(gateway.ask, bot.name, [image(content(10))])
        eventually(lambda: uploads.most_at_once)
        for name in ("url_cache", ".uploading"):  # in the middle of an upload
            shutil.rmtree(folder / name)
            (folder / name).write_text("a file in its place")
        (folder / ".next_slot").unlink()
        (folder / ".next_slot").mkdir()
        assert asked.result().status_code == 200
    uploads.delay = 0.0
    for _ in range(5):
        assert gateway.ask(bot.name, [image(content(10))]).status_code == 200
    log = gateway.log.read_text()
    assert log.count("uploads are not remembered") == 1
    assert log.count("workers cannot agree on who does a thing once") == 1
    assert log.count("workers cannot agree on when queries start") == 1


def test_what_a_url_carries_is_not_logged(shared: tuple[Gateway, UploadServer], bot: Bot) -> None:
    gateway, uploads = shared
    url = "https://files.example/a%20b.png?signature=hidden-from-logs#x"
    assert gateway.ask(bot.name, [{"type": "image_url", "image_url": url}]).status_code == 200
    assert uploads.uploads[-1].url == url
    log = gateway.log.read_text()
    assert re.search(r"uploaded kind=image host=files\.example ms=\d+", log)
    assert "hidden-from-logs" not in log


def test_uploads_go_over_tls_and_connections_are_kept(
    start_gateway: StartGateway,
    upstream: ScriptedUpstream,
    uploads: UploadServer,
    bot: Bot,
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    relay = Relay(int(uploads.url.split(":")[2].partition("/")[0]), over_tls(context))
    gateway = start_gateway(
        upstream.url,
        POE_FILE_UPLOAD_URL=f"https://localhost:{relay.port}/upload",
        REQUESTS_CA_BUNDLE=str(tmp_path / "authority.pem"),
        WEB_CONCURRENCY="1",
    )
    for _ in range(3):
        data = content(5_000_000)
        assert gateway.ask(bot.name, [image(data)]).status_code == 200
        assert upload_count(uploads, data) == 1
    assert relay.accepted == 1
    relay.stop()


def test_a_server_that_reads_with_pauses_over_tls_gets_it_whole(
    start_gateway: StartGateway, upstream: ScriptedUpstream, bot: Bot, serve, tmp_path: Path
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    received: list[bytes] = []

    def read_with_pauses(connection: socket.socket) -> None:
        client = context.wrap_socket(connection, server_side=True)
        left, pauses = 8_000_000, 3
        while left > 0:
            received.append(client.recv(100_000))
            left -= len(received[-1])
            if left < pauses * 2_000_000:
                pauses -= 1
                time.sleep(0.7)
        answered = b'{"attachment_url": "https://poecdn.net/1", "mime_type": "image/png"}'
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answered), answered))
        client.recv(1)

    port = serve(read_with_pauses).port
    gateway = start_gateway(
        upstream.url,
        POE_FILE_UPLOAD_URL=f"https://localhost:{port}/upload",
        REQUESTS_CA_BUNDLE=str(tmp_path / "authority.pem"),
    )
    data = content(8_000_000)
    assert gateway.ask(bot.name, [image(data)]).status_code == 200
    assert b"".join(received).partition(b"\r\n\r\n")[2].partition(b"\r\n\r\n")[2].startswith(data[:7_000_000])


class BlockingWaiter:
    """Does not wait: the read itself does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def wait(self, seconds: float) -> None:
        self._connection.settimeout(seconds)

    def wait_for_room(self, seconds: float) -> None:
        select.select([self._connection], [self._connection], [], seconds)

    def close(self) -> None:
        """Do nothing."""


def test_others_have_their_turn_while_a_server_takes_all_at_once(
    uploads: UploadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []
    monkeypatch.setattr("app.poe.uploads.Turns.give", lambda _: turns.append(len(sent)))
    sent: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            sent.append(os.urandom(1000))
            yield sent[-1]

    settings = Settings.load({"POE_FILE_UPLOAD_URL": uploads.url})
    sender = Uploads(
        settings, Upstream(Connections(uploads.url, LIMIT, BlockingWaiter, lambda _: nullcontext()))
    )
    sender.send("a.png", "image/png", 50_000, pieces, "key")
    assert uploads.uploads[0].digest == hashlib.sha256(b"".join(sent)).hexdigest()
    assert set(turns) == set(range(51))  # between any two pieces
