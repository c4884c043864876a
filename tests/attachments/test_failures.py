"""Uploads that fail, and attachments that cannot be uploaded."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.attachments.parts import (
    CDN,
    PNG,
    attached,
    audio,
    data_url,
    file,
    image,
    random_image,
    takes_uploads,
    told,
    uploaded,
)
from tests.conftest import StartGateway
from tests.gateway import WORDS, Gateway
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import LIMIT, Bot, ScriptedUpstream, reset, respond, until_closed
from tests.upstream.uploads import UploadServer


@pytest.mark.parametrize(
    ("status", "ours", "code"),
    [
        (400, 502, "file_upload_failed"),
        (401, 401, "invalid_api_key"),
        (402, 402, "insufficient_quota"),
        (403, 502, "file_upload_failed"),
        (413, 413, "file_too_large"),
        (429, 429, "rate_limit_exceeded"),
        (500, 502, "file_upload_failed"),
    ],
)
def test_an_upload_that_poe_refuses_is_told_with_its_reason(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot, status: int, ours: int, code: str
) -> None:
    refusal = respond(status, {"error": "the moon is full"}, retry_after="7")
    takes_uploads(upstream, *[refusal] * (2 if status == 500 else 1), uploaded("1"))
    part = image(data_url(random_image()))
    response = scripted.ask(bot.name, [{"type": "text", "text": WORDS}, part])
    error = told(response, ours, code)
    assert error["param"] == "messages[0].content[1]"
    assert "the moon is full" in error["message"]
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)
    assert bot.queries == []
    assert scripted.ask(bot.name, [part]).status_code == 200, "a failure is not remembered"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"null", b"[]", b"<html>", b'{"attachment_url": "https://x"}'),
        b'{"attachment_url": 1, "mime_type": "a/b"}',
        b'{"attachment_url": "javascript:1", "mime_type": "a/b"}',
        b'{"attachment_url": "https://", "mime_type": "a/b"}',
        b'{"attachment_url": "https://x/a\\nb", "mime_type": "a/b"}',
        b'{"attachment_url": "https://x/a b", "mime_type": "a/b"}',
        b'{"attachment_url": "https://x/\\u0000", "mime_type": "a/b"}',
    ],
)
def test_an_upload_that_brings_no_url_has_failed(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot, body: bytes
) -> None:
    takes_uploads(upstream, respond(200, body))
    told(scripted.ask(bot.name, [image(data_url(PNG))]), 502, "file_upload_failed")
    assert bot.queries == []


@pytest.mark.parametrize("said", ["", "no type", "a/b\r\nX: y"])
def test_a_type_that_is_none_says_nothing(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot, said: str
) -> None:
    takes_uploads(upstream, respond(200, {"attachment_url": f"{CDN}1", "mime_type": said}))
    url = f"https://example.com/{os.urandom(8).hex()}"
    assert scripted.ask(bot.name, [file(file_url=url)]).status_code == 200
    (attachment,) = bot.query.json["query"][0]["attachments"]
    assert attachment["content_type"] == "application/octet-stream"


def test_redirects_are_not_followed(upstream: ScriptedUpstream, scripted: Gateway, bot: Bot) -> None:
    other = upstream.bot(uploaded("1"))
    takes_uploads(upstream, respond(307, b"", location=f"{upstream.url}/bot/{other.name}"))
    error = told(scripted.ask(bot.name, [image(data_url(PNG))]), 502, "file_upload_failed")
    assert "307" in error["message"]
    assert other.queries == []


def test_an_upload_is_tried_twice(upstream: ScriptedUpstream, scripted: Gateway, bot: Bot) -> None:
    endpoint = takes_uploads(upstream, [reset], uploaded("1"))
    content = random_image()
    assert scripted.ask(bot.name, [image(data_url(content))]).status_code == 200
    first, second = endpoint.queries
    assert len(first.body) == len(second.body)
    assert content in second.body


def test_all_who_wait_for_an_upload_get_its_error(
    upstream: ScriptedUpstream, scripted: Gateway, bot: Bot
) -> None:
    gate = threading.Event()
    endpoint = takes_uploads(upstream, [gate, *respond(400, {"error": "the moon is full"})])
    part = image(data_url(random_image()))
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(scripted.ask, bot.name, [part]) for _ in range(8)]
        endpoint.wait_for_query()
        assert endpoint.stays_at(1)
        gate.set()
        for each in waiting:
            assert "the moon is full" in told(each.result(LIMIT), 502, "file_upload_failed")["message"]
    assert len(endpoint.queries) == 1
    assert bot.queries == []


def test_an_upload_that_takes_too_long_is_a_504(
    upstream: ScriptedUpstream, start_gateway: StartGateway, bot: Bot
) -> None:
    takes_uploads(upstream, [until_closed])
    url = f"{upstream.url}/bot/uploads"
    gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=url, UPLOAD_TIMEOUT_SECONDS="0.5")
    error = told(gateway.ask(bot.name, [image(data_url(PNG))]), 504, "upload_timeout")
    assert "within 0.5 s (upload time-out)" in error["message"]


def test_a_refusal_is_heard_before_all_is_sent(
    upstream: ScriptedUpstream, start_gateway: StartGateway, bot: Bot
) -> None:
    """A server need not read what it does not want."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/upload"
        gateway = start_gateway(upstream.url, POE_FILE_UPLOAD_URL=url)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(gateway.ask, bot.name, [image(data_url(random_image(20_000_000)))])
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 413 No\r\ncontent-length: 7\r\n\r\ntoo big")
                assert "too big" in told(asked.result(LIMIT), 413, "file_too_large")["message"]


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (image("data:image/png;base64,%%%"), "base64"),
        (image("data:image/png;base64,iVBO=RK5"), "base64"),
        (image("data:image/png;base64"), "comma"),
        (image("data:image/png;base64,"), "empty"),
        (image(""), "empty"),
        (image("ftp://example.com/a.png"), "'ftp'"),
        (image("file:///etc/passwd"), "'file'"),
        (image("https://user:secret@example.com/a.png"), "user or password"),
        (image("https://example.com/a\0.png"), "control"),
        (image("https:///a.png"), "host"),
        (image("https://example.com/" + "a" * 8192), "8192 bytes"),
        (image("a.png"), "neither"),
        (file(file_data="not base64!"), "base64"),
        (file(filename="a.pdf"), "file_data"),
        (audio("?", "wav"), "base64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_uploaded_is_refused_before_anything_is_sent(
    gateway: Gateway, bot: Bot, part: dict[str, Any], reason: str
) -> None:
    response = gateway.ask(bot.name, [image("https://example.com/fine.png"), part])
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"].startswith("messages[0].content[1]")
    assert reason in error["message"]
    assert "secret" not in error["message"]
    assert bot.queries == []


def test_a_stream_is_refused_with_a_status(gateway: Gateway, bot: Bot) -> None:
    told(gateway.ask(bot.name, [image("ftp://example.com")], stream=True), 400, "invalid_attachment")


def test_there_is_a_bound_on_attachments(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, MAX_ATTACHMENTS="3")
    parts = [image(f"{CDN}{number}.png") for number in range(4)]
    assert len(attached(gateway, *parts[:3])) == 3
    told(gateway.ask("Echo", parts), 400, "too_many_attachments")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["..", "x" * 256])
def test_nothing_is_uploaded_for_a_name_that_no_bot_can_have(
    hosting: Gateway, uploads: UploadServer, name: str, stream: bool
) -> None:
    response = hosting.ask(name, [image(data_url(PNG))], stream=stream)
    assert response.status_code in (400, 404)
    assert response.json()["error"]["param"] == "model"
    assert uploads.uploads == []
