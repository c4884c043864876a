"""Uploads: attachments to Poe's CDN.

Poe's own client sends bytes as multipart and external URLs as a form field, with the bare key
(``fastapi_poe.client.upload_file``).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeGuard
from urllib.parse import urlencode, urlsplit

import msgspec

from app import errors, media
from app.errors import ApiError
from app.poe import faults
from app.poe.exchange import Exchange, QueryFailed
from app.poe.upstream import Upstream
from app.settings import Settings
from app.turns import Turns

_TRIES = 2
_RETRY_DELAY_SECONDS = 0.5
_TIMER_SECONDS = 0.1  # by which a timer may be early: it counts from the loop's last look at the clock
_RETRYABLE = (500, 502, 503, 504)
_BODY_LIMIT = 65536
_HANDED_ON = (401, 402, 429)
_URL = re.compile(r"https?://[^\s/]\S*")


class Uploaded(NamedTuple):
    """An attachment's URL, and its content type according to Poe."""

    url: str
    content_type: str


class _Body(NamedTuple):
    """A request's body, which can be sent more than once."""

    content_type: str
    size: int
    pieces: Callable[[], Iterable[bytes]]


class _Refused(Exception):
    """An upload failed; ``retryable`` if a second try may succeed."""

    def __init__(self, error: ApiError, *, retryable: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.retryable = retryable


class Uploads:
    """Uploads to one endpoint, over kept-alive connections of their own.

    Each has ``UPLOAD_TIMEOUT_SECONDS`` for both of its tries, and ends at once when its greenlet is
    killed. Raises ``ApiError``: Poe's 401, 402, 413 and 429, 504 for a time-out, else 502.
    """

    def __init__(self, settings: Settings, upstream: Upstream) -> None:
        self._upstream = upstream
        self._path = "" if urlsplit(settings.poe_file_upload_url).path else "/"
        self._timeout = settings.upload_timeout_seconds

    def send(
        self, name: str, content_type: str, size: int, pieces: Callable[[], Iterable[bytes]], key: str
    ) -> Uploaded:
        """Upload ``size`` bytes, which ``pieces`` returns each time it is called."""
        boundary = secrets.token_hex(16)
        field = f'form-data; name="file"; filename="{_escaped(name)}"'
        head = (
            f"--{boundary}\r\nContent-Disposition: {field}\r\nContent-Type: {content_type}\r\n\r\n".encode()
        )
        tail = f"\r\n--{boundary}--\r\n".encode()

        def parts() -> Iterator[bytes]:
            yield head
            yield from pieces()
            yield tail

        kind = f"multipart/form-data; boundary={boundary}"
        return self._post(_Body(kind, len(head) + size + len(tail), parts), key)

    def fetch(self, url: str, name: str | None, key: str) -> Uploaded:
        """Have Poe download ``url``; nothing here connects to it."""
        fields = {"download_url": url} | ({"download_filename": name} if name else {})
        form = urlencode(fields, errors="surrogatepass").encode()
        return self._post(_Body("application/x-www-form-urlencoded", len(form), lambda: [form]), key)

    def _post(self, body: _Body, key: str) -> Uploaded:
        deadline = time.monotonic() + self._timeout
        attempt = 1
        while True:
            try:
                return self._try(body, key, deadline)
            except _Refused as refused:
                is_late = time.monotonic() + _RETRY_DELAY_SECONDS >= deadline
                if not refused.retryable or attempt == _TRIES or is_late:
                    raise refused.error from None
            attempt += 1
            time.sleep(_RETRY_DELAY_SECONDS)

    def _try(self, body: _Body, key: str, deadline: float) -> Uploaded:
        fields = {
            "Authorization": key,
            "Content-Type": body.content_type,
            "Content-Length": str(body.size),
            "Accept": "application/json",
        }
        head = self._upstream.head("POST", self._path, fields)
        try:
            with self._upstream.open(self._timeout, self._timeout) as exchange:
                exchange.send(self._until(deadline, exchange, head, body))
                exchange.wait_at_most(deadline - time.monotonic())
                exchange.read_head()
                left = max(0.001, deadline - time.monotonic())
                text = b"".join(exchange.pieces(_BODY_LIMIT, left))
                return _read(exchange.status, exchange.headers, text)
        except QueryFailed as failed:
            raise self._failed(failed.error, deadline) from failed

    def _until(self, deadline: float, exchange: Exchange, head: bytes, body: _Body) -> Iterator[bytes]:
        """The pieces to send, until time is up. A server that takes all at once would never have us wait."""
        turns = Turns()
        for piece in chain([head], body.pieces()):
            turns.give()
            left = deadline - time.monotonic()
            if left <= 0:
                raise QueryFailed(errors.upload_timeout(self._timeout))
            exchange.wait_at_most(left)
            yield piece

    def _failed(self, error: ApiError, deadline: float) -> _Refused:
        """The error if the connection failed: Poe has not got everything, or its answer was lost."""
        if time.monotonic() >= deadline - _TIMER_SECONDS:
            return _Refused(errors.upload_timeout(self._timeout), retryable=False)
        if error.status != 504:
            error = errors.file_upload_failed(error.message)
        return _Refused(error, retryable=True)


def _read(status: int, headers: Mapping[str, str], text: bytes) -> Uploaded:
    """Decode Poe's answer. Raises ``_Refused``."""
    if status != 200:
        raise _Refused(_refusal(status, headers, text), retryable=status in _RETRYABLE)
    try:
        fields = msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fields = {}
    url, content_type = fields.get("attachment_url"), fields.get("mime_type")
    if not _is_url(url) or not isinstance(content_type, str):
        said = faults.words(text)
        message = f"Poe's answer to the upload has no attachment_url and mime_type{said and ': '}{said}"
        raise _Refused(errors.file_upload_failed(message), retryable=False)
    return Uploaded(url, media.declared(content_type) or media.UNKNOWN)


def _is_url(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.isprintable() and _URL.fullmatch(value) is not None


def _refusal(status: int, headers: Mapping[str, str], text: bytes) -> ApiError:
    error = faults.from_response(status, headers, text)
    if error.status in _HANDED_ON:
        return error
    if status == 413:
        return replace(errors.file_too_large(error.message), headers=error.headers)
    return replace(errors.file_upload_failed(error.message), headers=error.headers)


def _escaped(name: str) -> str:
    """A file's name as HTML's multipart encoding writes it (https://html.spec.whatwg.org/#multipart-form-data)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
