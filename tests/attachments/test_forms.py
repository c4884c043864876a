"""Each form of an attachment, from a client's request to what the bot gets."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import Any

import pytest

from tests.attachments.parts import (
    CDN,
    PDF,
    PNG,
    attached,
    audio,
    data_url,
    encoded,
    file,
    image,
    received,
    video,
)
from tests.gateway import KEY, WORDS, Gateway
from tests.upstream.uploads import UploadServer


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
