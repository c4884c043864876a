"""Hosting: has the attachments of a conversation on Poe's CDN, each content uploaded once.

What the cache does not know is uploaded, all of a request's at the same time; what another request
is uploading already is waited for.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace as with_fields

from app import media
from app.attachments import sources
from app.attachments.cache import Entry, UploadCache
from app.attachments.counters import Counters
from app.attachments.sources import Content, Remote, Source
from app.conversation import AttachmentPart, Conversation, HostedPart
from app.coordination.once import Once
from app.errors import ApiError, invalid_request
from app.logs import logger
from app.poe.uploads import Uploads
from app.turns import Turns

T = TypeVar("T")


class RunTogether(Protocol):
    """Runs ``jobs``, at most ``limit`` of them at a time, and returns what they return, in order.

    The first exception that one of them raises is raised here, and ends the others; so does killing
    the caller.
    """

    def __call__(self, jobs: Sequence[Callable[[], T]], limit: int) -> list[T]: ...


class _Outcome(Struct):
    """How an upload ended, for those who waited for it: an entry, or an ``ApiError``'s fields."""

    entry: Entry | None = None
    status: int = 0
    message: str = ""
    type: str = ""
    code: str | None = None
    headers: Mapping[str, str] = {}


class Hosting:
    """Hosts attachments for one worker: ``limit`` a request, ``concurrency`` of its uploads at a time.

    ``semaphore`` bounds the uploads that the whole worker has under way.
    """

    def __init__(
        self,
        uploads: Uploads,
        cache: UploadCache,
        once: Once,
        run_together: RunTogether,
        counters: Counters,
        *,
        semaphore: AbstractContextManager[object],
        limit: int,
        concurrency: int,
    ) -> None:
        self._uploads = uploads
        self._cache = cache
        self._once = once
        self._run_together = run_together
        self._counters = counters
        self._limit = limit
        self._concurrency = concurrency
        self._semaphore = semaphore

    def host(self, conversation: Conversation, key: str) -> Conversation:
        """The conversation with its attachments on Poe's CDN, for the subscriber of ``key``.

        Raises ``ApiError``: 400 if one cannot be used, before any is uploaded, and what
        ``Uploads`` raises.
        """
        parts = [part for message in conversation.messages for part in message.parts]
        attachments = [part for part in parts if isinstance(part, AttachmentPart)]
        if not attachments:
            return conversation
        if len(attachments) > self._limit:
            message = f"There are {len(attachments)} attachments; at most {self._limit} are allowed."
            raise invalid_request(message, attachments[self._limit].param, "too_many_attachments")
        turns = Turns()
        hosted = self._hosted([(part, sources.read(part, turns.give)) for part in attachments], key)
        messages = [
            with_fields(message, parts=[hosted.get(id(part), part) for part in message.parts])
            for message in conversation.messages
        ]
        return with_fields(conversation, messages=messages)

    def _hosted(self, read: Sequence[tuple[AttachmentPart, Source]], key: str) -> dict[int, HostedPart]:
        """The parts on Poe's CDN, by the ``id`` of those they take the place of."""
        hosted = {id(part): source for part, source in read if isinstance(source, HostedPart)}
        wanted = [
            (part, source, _scoped(source.digest, key))
            for part, source in read
            if not isinstance(source, HostedPart)
        ]
        entries = self._remembered(name for _, _, name in wanted)
        jobs: dict[str, Callable[[], Entry]] = {}
        for part, source, name in wanted:
            if name not in entries:
                jobs.setdefault(name, partial(self._upload_once, name, part, source, key))
        done = self._run_together(list(jobs.values()), self._concurrency)
        entries.update(zip(jobs, done, strict=True))
        return hosted | {id(part): _part(source, entries[name]) for part, source, name in wanted}

    def _remembered(self, names: Iterable[str]) -> dict[str, Entry]:
        """The entries that the cache knows."""
        turns = Turns()
        entries: dict[str, Entry] = {}
        for name in dict.fromkeys(names):
            entry = self._cache.get(name)
            if entry is None:
                self._counters.misses += 1
            else:
                self._counters.hits += 1
                entries[name] = entry
            turns.give()
        return entries

    def _upload_once(self, name: str, part: AttachmentPart, source: Content | Remote, key: str) -> Entry:
        outcome = msgspec.json.decode(
            self._once.share(name, partial(self._upload, name, source, key)), type=_Outcome
        )
        if outcome.entry is not None:
            return outcome.entry
        message = f"{part.param}: the {part.kind} could not be uploaded to Poe. {outcome.message}"
        raise ApiError(outcome.status, message, outcome.type, outcome.code, part.param, outcome.headers)

    def _upload(self, name: str, source: Content | Remote, key: str) -> bytes:
        """Upload and remember, unless somebody has done so meanwhile; return the outcome."""
        entry = self._cache.get(name)
        if entry is None:
            try:
                with self._semaphore:
                    entry = self._send(source, key)
            except ApiError as error:
                self._counters.failures += 1
                fields = (error.status, error.message, error.type, error.code, error.headers)
                return msgspec.json.encode(_Outcome(None, *fields))
            self._cache.set(name, entry)
        return msgspec.json.encode(_Outcome(entry))

    def _send(self, source: Content | Remote, key: str) -> Entry:
        began = time.monotonic()
        if isinstance(source, Remote):
            uploaded = self._uploads.fetch(source.url, source.given_name, key)
            what = f"host={urlsplit(source.url).hostname}"
        else:
            content_type = source.content_type or media.UNKNOWN
            uploaded = self._uploads.send(source.name, content_type, source.size, source.pieces, key)
            self._counters.bytes += source.size
            what = f"bytes={source.size}"
        self._counters.uploads += 1
        logger.info("uploaded kind=%s %s ms=%d", source.kind, what, (time.monotonic() - began) * 1000)
        return Entry(uploaded.url, uploaded.content_type, source.name)


def _scoped(digest: str, key: str) -> str:
    """The name under which a content is remembered: each subscriber has uploads of their own."""
    owner = hashlib.sha256(key.encode()).hexdigest()
    return hashlib.sha256(f"{owner} {digest}".encode()).hexdigest()


def _part(source: Content | Remote, entry: Entry) -> HostedPart:
    """The part to send. The client's description of its file counts more than Poe's."""
    return HostedPart(entry.url, source.content_type or entry.content_type, source.name)
