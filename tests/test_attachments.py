"""Images and files, from a client's request to what the bot gets, with a real upload endpoint."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway import KEY, WORDS, Gateway, events_in, eventually, message_of
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import (
    DONE,
    LIMIT,
    Bot,
    Script,
    ScriptedUpstream,
    answer,
    reset,
    respond,
    text,
    until_closed,
)
from tests.upstream.uploads import UploadServer

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
CDN = "https://pfst.cf2.poecdn.net/base/image/"


@pytest.fixture(scope="session")
def upload_server() -> Iterator[UploadServer]:
    server = UploadServer()
    yield server
    server.stop()


@pytest.fixture
def uploads(upload_server: UploadServer) -> Iterator[UploadServer]:
    """The upload endpoint, which has taken nothing yet."""
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
    """A gateway to scripted bots and to the upload endpoint that a test gives to ``takes_uploads``."""
    return start_shared_gateway(
        upstream.url, POE_FILE_UPLOAD_URL=f"{upstream.url}/bot/uploads", HEARTBEAT_SECONDS="0.2"
    )


@pytest.fixture
def bot(upstream: ScriptedUpstream) -> Bot:
    return upstream.bot(answer(text("hi"), DONE))


def takes_uploads(upstream: ScriptedUpstream, *scripts: Script) -> Bot:
    return upstream.bot(*scripts, name="uploads")


def uploaded(name: str) -> Any:
    return respond(200, {"attachment_url": CDN + name, "mime_type": "image/png", "inline_ref": None})


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{encoded(content)}"


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(**fields: str) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def audio(data: str, kind: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


def video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


def showing(content: bytes) -> list[dict[str, Any]]:
    """A conversation that shows an image."""
    return [{"role": "user", "content": [image(data_url(content))]}]


def random_image(size: int = 1000) -> bytes:
    return PNG + os.urandom(size)


def received(gateway: Gateway, *messages: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """The messages that the bot got."""
    response = gateway.ask("Echo", messages=list(messages), **fields)
    query = json.loads(message_of(response)["content"])
    return list(query["query"])


def attached(gateway: Gateway, *parts: dict[str, Any]) -> list[dict[str, Any]]:
    """The attachments of the message that the bot got for a user's message of ``parts``."""
    (message,) = received(gateway, {"role": "user", "content": list(parts)})
    return list(message.get("attachments", []))


def told(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code
    return error


# Forms.


@pytest.mark.parametrize(
    ("part", "content", "name", "kind"),
    [
        (image(data_url(PNG)), PNG, "image.png", "image/png"),
        ({"type": "image_url", "image_url": data_url(PNG)}, PNG, "image.png", "image/png"),
        (image("data:;base64," + encoded(PNG)), PNG, "image.png", "image/png"),
        (image(encoded(PNG)), PNG, "image.png", "image/png"),
        (file(file_data="data:text/plain,a%20b%0A", filename="a.txt"), b"a b\n", "a.txt", "text/plain"),
        (file(file_data=data_url(PDF, "application/pdf")), PDF, "file.pdf", "application/pdf"),
        (file(file_data=encoded(PDF)), PDF, "file.pdf", "application/pdf"),
        (file(file_data=encoded(b"a;b"), filename="bücher.csv"), b"a;b", "bücher.csv", "text/csv"),
        (audio(encoded(b"ID3"), "mp3"), b"ID3", "audio.mp3", "audio/mpeg"),
        (video(data_url(b"....", "video/mp4")), b"....", "video.mp4", "video/mp4"),
    ],
)
def test_bytes_are_uploaded_as_they_are(
    hosting: Gateway, uploads: UploadServer, part: dict[str, Any], content: bytes, name: str, kind: str
) -> None:
    (attachment,) = attached(hosting, {"type": "text", "text": "look"}, part)
    (upload,) = uploads.uploads
    assert (upload.digest, upload.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (upload.name, upload.content_type, upload.key) == (name, kind, KEY)
    assert attachment == {"url": upload.answered, "content_type": kind, "name": name}


def test_anthropics_blocks_are_uploaded_too(hosting: Gateway, uploads: UploadServer) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": encoded(PNG)}
    paper = {"type": "base64", "media_type": "application/pdf", "data": encoded(PDF)}
    called = {"type": "tool_use", "id": "t", "name": "Read", "input": {}}
    read = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": picture}]}
    messages = [
        {"role": "user", "content": WORDS},
        {"role": "assistant", "content": [called]},
        {"role": "user", "content": [read, {"type": "document", "title": "t.pdf", "source": paper}]},
    ]
    body = {"model": "Echo", "max_tokens": 9999, "messages": messages}
    response = hosting.http.post("/v1/messages", json=body, headers={"x-api-key": KEY})
    assert response.status_code == 200, response.text
    query = json.loads(response.json()["content"][0]["text"])["query"]
    sent = [each for message in query for each in message.get("attachments", ())]
    assert [each["content_type"] for each in sent] == ["image/png", "application/pdf"]
    assert [each["name"] for each in sent] == ["image.png", "t.pdf"]
    assert {each.size for each in uploads.uploads} == {len(PNG), len(PDF)}


@pytest.mark.parametrize(
    "part",
    [
        image("https://example.com/pictures/a%20cat.webp?token=secret#x"),
        file(file_url="https://example.com/pictures/a%20cat.webp?token=secret#x"),
        file(file_data="https://example.com/pictures/a%20cat.webp?token=secret#x"),
    ],
    ids=["image", "file_url", "file_data"],
)
def test_an_external_url_is_poes_to_fetch(
    hosting: Gateway, uploads: UploadServer, part: dict[str, Any]
) -> None:
    (attachment,) = attached(hosting, part)
    (upload,) = uploads.uploads
    assert upload.url == "https://example.com/pictures/a%20cat.webp?token=secret#x"
    assert attachment == {"url": upload.answered, "content_type": "image/webp", "name": "a cat.webp"}
    log = hosting.log.read_text()
    assert "uploaded kind=" in log
    assert "secret" not in log


def test_nothing_is_fetched_from_an_address_that_a_client_chose(
    hosting: Gateway, uploads: UploadServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        assert attached(hosting, image(url))
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert uploads.uploads[0].url == url


def test_what_is_on_poes_cdn_goes_through_as_it_is(hosting: Gateway, uploads: UploadServer) -> None:
    urls = [f"{CDN}a.webp?w=10", "https://poecdn.net/a.png", "https://POECDN.net/b.png"]
    assert [each["url"] for each in attached(hosting, *map(image, urls))] == urls
    assert uploads.uploads == []


def test_what_only_looks_like_poes_cdn_does_not(hosting: Gateway, uploads: UploadServer) -> None:
    urls = ["https://poecdn.net.evil.example/a", "https://evilpoecdn.net/a", "http://poecdn.net/a"]
    assert [each["url"] for each in attached(hosting, *map(image, urls))] != urls
    assert sorted(str(each.url) for each in uploads.uploads) == sorted(urls)


# Places.


def test_attachments_stay_with_their_message_in_their_order(hosting: Gateway, uploads: UploadServer) -> None:
    urls = [f"https://example.com/{number}.png" for number in range(6)]
    first = {"role": "user", "content": [image(urls[0]), {"type": "text", "text": "and"}, image(urls[1])]}
    second = {"role": "user", "content": [image(url) for url in urls[2:]]}
    messages = received(hosting, first, {"role": "assistant", "content": "ok"}, second)
    answered = {each.url: each.answered for each in uploads.uploads}
    assert [each["url"] for each in messages[0]["attachments"]] == [answered[url] for url in urls[:2]]
    assert "attachments" not in messages[1]
    assert [each["url"] for each in messages[2]["attachments"]] == [answered[url] for url in urls[2:]]


def test_attachments_of_other_roles_go_to_the_users_next_message(hosting: Gateway) -> None:
    messages = received(
        hosting,
        {"role": "system", "content": [image(f"{CDN}system.png")]},
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [image(f"{CDN}assistant.png")]},
        {"role": "tool", "tool_call_id": "1", "content": [image(f"{CDN}tool.png")]},
        {"role": "user", "content": [image(f"{CDN}user.png")]},
    )
    carried = [[each["name"] for each in message.get("attachments", [])] for message in messages]
    assert carried[1] == ["system.png"]
    assert carried[-2:] == [["assistant.png", "tool.png"], ["user.png"]]  # a tool's result is the user's
    assert sum(map(len, carried)) == 4


def test_an_image_that_the_bot_has_shown_can_be_worked_on(hosting: Gateway) -> None:
    shown = f"Here it is: ![a cat]({CDN}cat)"
    messages = received(
        hosting,
        {"role": "user", "content": "paint a cat"},
        {"role": "assistant", "content": f"{shown}\n\n{shown} ![no](https://example.com/x.png)"},
        {"role": "user", "content": "make it red"},
    )
    assert messages[2]["attachments"] == [{"url": f"{CDN}cat", "content_type": "image/png", "name": "cat"}]
    assert messages[1]["content"].startswith(shown)


# Once.


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


# Leavers.


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
    found = subprocess.run(["ss", "-tnpH", f"sport = :{port}"], capture_output=True, text=True, check=False)
    if "pid=" in found.stdout:
        return int(found.stdout.partition("pid=")[2].partition(",")[0])
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


# Failures.


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


# Bad input.


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


# The cache on disk.


def test_what_is_kept_is_for_its_owner_only_and_holds_no_secret(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path / "config"), RATE_LIMIT_MS="10"
    )
    attached(gateway, image(data_url(PNG)), image("https://example.com/a.png?token=hidden"))
    gateway.stop()
    found = [tmp_path / "config", *(tmp_path / "config").rglob("*")]
    assert len([each for each in found if each.is_file()]) >= 3
    for each in found:
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each
        if each.is_file():
            content = each.read_bytes()
            assert KEY.encode() not in content
            assert b"hidden" not in content
            assert b"IHDR" not in content


@pytest.mark.parametrize(
    "damage", [b"", b"\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff{", bytes(range(155, 255))]
)
def test_a_damaged_file_is_a_miss(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path, damage: bytes
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path))
    part = image(data_url(PNG))
    attached(gateway, part)
    (entry,) = (tmp_path / "url_cache").iterdir()
    entry.write_bytes(damage)
    assert attached(gateway, part)[0]["url"] == uploads.uploads[1].answered
    assert attached(gateway, part)[0]["url"] == uploads.uploads[1].answered
    assert len(uploads.uploads) == 2


def test_an_entry_lives_as_long_as_it_is_used(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, URL_CACHE_TTL_SECONDS="3")
    part = image(data_url(PNG))
    for _ in range(6):
        attached(gateway, part)
        time.sleep(0.7)
    assert len(uploads.uploads) == 1
    time.sleep(3.2)
    attached(gateway, part)
    assert len(uploads.uploads) == 2


def bytes_on_disk(folder: Path) -> int:
    """What the files of a folder take, in which others come and go."""
    size = 0
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            size += each.stat().st_blocks * 512
    return size


def test_the_cache_stays_within_its_bound(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    bound = 1024 * 1024
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, URL_CACHE_SIZE_MB="1", CONFIG_DIR=str(tmp_path)
    )
    urls = [f"https://example.com/{number}.png" for number in range(4000)]
    done, sizes = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.002):
            sizes.append(bytes_on_disk(tmp_path / "url_cache"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    with ThreadPoolExecutor(2) as threads:
        batches = [urls[first : first + 250] for first in range(0, len(urls), 250)]
        list(threads.map(lambda batch: attached(gateway, *map(image, batch)), batches))
    done.set()
    watcher.join()
    assert bound / 2 < max(sizes) <= bound * 1.1
    known = len(uploads.uploads)
    attached(gateway, *map(image, urls[-20:]))
    assert len(uploads.uploads) == known, "what came last is still known"


def test_a_disk_that_fails_costs_a_warning_and_not_the_request(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway, tmp_path: Path
) -> None:
    (tmp_path / "url_cache").write_text("no folder")
    gateway = start_gateway(
        poe.url, POE_FILE_UPLOAD_URL=uploads.url, CONFIG_DIR=str(tmp_path), WEB_CONCURRENCY="1"
    )
    for _ in range(3):
        assert attached(gateway, image(data_url(random_image())))
    assert gateway.log.read_text().count("WARNING") - 1 <= 2  # the default password has one, too
    assert gateway.log.read_text().count("uploads are not remembered") == 1


# Size.


def test_a_large_image_costs_no_more_than_four_times_its_size(
    poe: PoeServer, uploads: UploadServer, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url, WEB_CONCURRENCY="1")
    attached(gateway, image(data_url(PNG)))
    size = 20_000_000
    worker = eventually(lambda: children(gateway.process.pid))[0]
    before = memory(worker, "VmRSS")
    attached(gateway, image(data_url(random_image(size))))
    assert memory(worker, "VmHWM") - before <= 4 * size
    assert uploads.uploads[-1].size == size + len(PNG)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory(pid: int, field: str) -> int:
    """Bytes of a process: ``VmRSS`` now, ``VmHWM`` at the highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def test_a_body_over_the_bound_is_a_413(gateway: Gateway, bot: Bot) -> None:
    told(gateway.ask(bot.name, [image(data_url(random_image(1024 * 1024)))]), 413, "payload_too_large")
