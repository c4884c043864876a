"""One upload for each content, whoever else wants it or leaves meanwhile."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attachments.parts import (
    CDN,
    PNG,
    attached,
    data_url,
    image,
    random_image,
    showing,
    takes_uploads,
    uploaded,
)
from tests.conftest import StartGateway
from tests.gateway import KEY, Gateway, events_in
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import LIMIT, Bot, ScriptedUpstream, until_closed
from tests.upstream.uploads import UploadServer


def test_each_content_is_uploaded_once(hosting: Gateway, uploads: UploadServer) -> None:
    content = random_image()
    parts = [image(data_url(content)), image("https://example.com/a.png"), image(data_url(content))]
    first = attached(hosting, *parts)
    for _ in range(4):  # both workers get their share
        assert attached(hosting, *parts) == first
    assert first[0] == first[2]
    assert len(uploads.uploads) == 2


def test_files_that_differ_only_in_their_middle_are_two(hosting: Gateway, uploads: UploadServer) -> None:
    ends = os.urandom(5000)
    one, other = (ends + middle + ends for middle in (b"one", b"two"))
    first, second = attached(hosting, image(data_url(one)), image(data_url(other)))
    assert first["url"] != second["url"]
    assert {each.digest for each in uploads.uploads} == {
        hashlib.sha256(each).hexdigest() for each in (one, other)
    }


def test_each_subscriber_has_an_upload_of_its_own(hosting: Gateway, uploads: UploadServer) -> None:
    body = {"model": "Echo", "messages": [{"role": "user", "content": [image(data_url(PNG))]}]}
    for key in (KEY, "another-key-" + KEY, KEY):
        headers = {"Authorization": f"Bearer {key}"}
        assert hosting.http.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
    assert [each.key for each in uploads.uploads] == [KEY, "another-key-" + KEY]


def test_uploads_are_remembered_over_a_restart(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    for _ in range(2):
        gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path))
        assert attached(gateway, image(data_url(PNG)))
        gateway.stop()
    assert len(uploads.uploads) == 1


def test_eight_at_once_are_one_upload(hosting: Gateway, uploads: UploadServer) -> None:
    uploads.delay = 1.0
    part = image(data_url(random_image()))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: attached(hosting, part), range(8)))
    assert len(uploads.uploads) == 1
    assert all(each == answers[0] for each in answers)


def test_without_a_cache_eight_at_once_are_still_one_upload(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, URL_CACHE_SIZE_MB="0", CONFIG_DIR=str(tmp_path)
    )
    uploads.delay = 1.0
    part = image(data_url(random_image()))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: attached(gateway, part), range(8)))
    assert len(uploads.uploads) == 1
    attached(gateway, part)
    assert len(uploads.uploads) == 2
    assert not (tmp_path / "url_cache").exists() or not list((tmp_path / "url_cache").iterdir())


def test_uploads_of_a_request_go_on_side_by_side_within_a_bound(
    hosting: Gateway, uploads: UploadServer
) -> None:
    uploads.delay = 0.05
    parts = [image(f"https://example.com/{number}.png") for number in range(400)]
    began = time.monotonic()
    found = attached(hosting, *parts)
    assert time.monotonic() - began < 60
    answered = {each.url: each.answered for each in uploads.uploads}
    assert [each["url"] for each in found] == [answered[part["image_url"]["url"]] for part in parts]
    assert 2 <= uploads.most_at_once <= 8


@pytest.mark.parametrize("stream", [False, True])
def test_an_upload_ends_when_its_client_leaves(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot, stream: bool
) -> None:
    endpoint = takes_uploads(upstream, [until_closed])
    with scripted.connect() as client:
        client.post(bot.name, stream=stream, messages=showing(random_image()))
        upload = endpoint.wait_for_query()
        left = client.close()
    assert upload.wait_closed() - left < 2
    assert bot.queries == []


def test_when_the_uploader_leaves_a_waiter_takes_over(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot
) -> None:
    endpoint = takes_uploads(upstream, [until_closed], uploaded("2"))
    messages = showing(random_image())
    with scripted.connect() as leaver, ThreadPoolExecutor(4) as threads:
        leaver.post(bot.name, messages=messages)
        endpoint.wait_for_query()
        waiting = [threads.submit(scripted.ask, bot.name, messages=messages) for _ in range(4)]
        assert endpoint.stays_at(1)
        leaver.close()
        assert [each.result(LIMIT).status_code for each in waiting] == [200] * 4
    assert len(endpoint.queries) == 2
    assert {query.json["query"][0]["attachments"][0]["url"] for query in bot.queries} == {f"{CDN}2"}


def test_a_killed_worker_holds_nobody_up(
    upstream: ScriptedUpstream, start_gateway: StartGateway, bot: Bot
) -> None:
    endpoint = takes_uploads(upstream, [until_closed], uploaded("2"))
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=f"{upstream.url}/bot/uploads")
    messages = showing(random_image())
    with gateway.connect() as client:
        client.post(bot.name, messages=messages)
        os.kill(worker_connected_to(endpoint.wait_for_query().connection.socket), signal.SIGKILL)
        began = time.monotonic()
        assert gateway.ask(bot.name, messages=messages).status_code == 200
        assert time.monotonic() - began < 5


def worker_connected_to(sock: socket.socket) -> int:
    """The process at the other end of a connection over the loopback."""
    port = sock.getpeername()[1]
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if int(line.split()[1].partition(":")[2], 16) == port
    }
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in inodes:
            return int(link.parts[2])
    raise AssertionError("nobody has that connection")


def test_a_stream_has_heartbeats_while_its_files_are_uploaded(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot
) -> None:
    gate = threading.Event()
    takes_uploads(upstream, [gate, *uploaded("1")])
    with scripted.connect() as client:
        client.post(bot.name, stream=True, messages=showing(random_image()))
        assert client.read_head().status == 200
        assert client.read_chunk() == b": ping\n\n"
        gate.set()
        events = events_in(client.read_rest())
    assert events[-1] == "[DONE]"
    assert bot.query.json["query"][0]["attachments"][0]["url"] == f"{CDN}1"
