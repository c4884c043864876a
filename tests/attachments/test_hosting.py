"""What is uploaded of a conversation, and what is counted."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.attachments.cache import FileUploadCache
from app.attachments.counters import Counters
from app.attachments.hosting import Hosting
from app.conversation import AttachmentPart, Conversation, HostedPart, Message, Role, TextPart
from app.coordination.once import FileOnce
from app.errors import ApiError, file_upload_failed
from app.poe.uploads import Uploaded

KEY = "key"


class Endpoint:
    """Accepts uploads in place of ``Uploads``, or refuses them while ``refusal`` is set."""

    def __init__(self) -> None:
        self.taken: list[bytes | str] = []
        self.refusal: ApiError | None = None

    def send(
        self, name: str, content_type: str, size: int, pieces: Callable[[], Iterable[bytes]], key: str
    ) -> Uploaded:
        return self._take(b"".join(pieces()))

    def fetch(self, url: str, name: str | None, key: str) -> Uploaded:
        return self._take(url)

    def _take(self, what: bytes | str) -> Uploaded:
        if self.refusal:
            raise self.refusal
        self.taken.append(what)
        return Uploaded(f"https://pfst.cf2.poecdn.net/{len(self.taken)}", "image/webp")


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def hosting(endpoint: Any, counters: Counters, tmp_path: Path) -> Hosting:
    def one_after_the_other(jobs: Sequence[Callable[[], Any]], limit: int) -> list[Any]:
        return [job() for job in jobs]

    return Hosting(
        endpoint,
        FileUploadCache(tmp_path / "url_cache", 1 << 20, 100, 1, counters),
        FileOnce(tmp_path / "uploading"),
        one_after_the_other,
        counters,
        semaphore=contextlib.nullcontext(),
        limit=5,
        concurrency=2,
    )


def data_url(content: bytes) -> str:
    return f"data:;base64,{base64.b64encode(content).decode()}"


def conversation(*sources: str) -> Conversation:
    """A text, and an image for each source."""
    images = [AttachmentPart("image", source, f"[{index}]") for index, source in enumerate(sources)]
    return Conversation(model="bot", messages=[Message(Role.USER, [TextPart("look"), *images])])


def counted(counters: Counters) -> dict[str, int]:
    """The counts that are not zero."""
    return {name: total for name, total in counters.totals().items() if total}


def urls_in(hosted: Conversation) -> list[str]:
    """The last segments of the images' URLs."""
    assert hosted.messages[0].text == "look"
    parts = hosted.messages[0].parts[1:]
    return [part.url.rpartition("/")[2] for part in parts if isinstance(part, HostedPart)]


def test_uploads_hits_misses_and_bytes_are_counted(
    hosting: Hosting, endpoint: Endpoint, counters: Counters
) -> None:
    content = os.urandom(1000)
    asked = conversation(data_url(content), "https://example.com/a.png", data_url(content))
    assert urls_in(hosting.host(asked, KEY)) == ["1", "2", "1"]
    assert counted(counters) == {"uploads": 2, "bytes": 1000, "misses": 2}
    assert urls_in(hosting.host(asked, KEY)) == ["1", "2", "1"]
    assert counted(counters) == {"uploads": 2, "bytes": 1000, "misses": 2, "hits": 2}
    assert endpoint.taken == [content, "https://example.com/a.png"]


def test_a_failure_is_counted_and_not_remembered(
    hosting: Hosting, endpoint: Endpoint, counters: Counters
) -> None:
    asked = conversation("https://example.com/a.png")
    endpoint.refusal = file_upload_failed("the moon is full")
    with pytest.raises(ApiError, match="502 file_upload_failed") as failed:
        hosting.host(asked, KEY)
    assert (failed.value.param, "the moon is full" in failed.value.message) == ("[0]", True)
    endpoint.refusal = None
    assert urls_in(hosting.host(asked, KEY)) == ["1"]
    assert counted(counters) == {"uploads": 1, "failures": 1, "misses": 2}


def test_what_poe_takes_a_file_for_counts_where_nobody_says_more(hosting: Hosting) -> None:
    asked = conversation("https://example.com/a", "https://example.com/a.png")
    hosted = hosting.host(asked, KEY).messages[0].parts[1:]
    types = [part.content_type for part in hosted if isinstance(part, HostedPart)]
    assert types == ["image/webp", "image/png"]


def test_nothing_is_uploaded_if_one_cannot_be_used(hosting: Hosting, endpoint: Endpoint) -> None:
    with pytest.raises(ApiError) as refused:
        hosting.host(conversation("https://example.com/a.png", "ftp://example.com"), KEY)
    assert (refused.value.status, refused.value.param) == (400, "[1]")
    with pytest.raises(ApiError) as refused:
        hosting.host(conversation(*["https://example.com/a.png"] * 6), KEY)
    assert (refused.value.status, refused.value.param) == (400, "[5]")
    assert endpoint.taken == []


def test_a_conversation_without_attachments_is_returned_as_it_is(hosting: Hosting) -> None:
    asked = conversation()
    assert hosting.host(asked, KEY) is asked
