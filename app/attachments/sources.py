"""Sources: what an attachment's part holds, checked before anything is sent anywhere.

A data: URL (RFC 2397) or bare base64 holds the bytes themselves; any other URL is Poe's to fetch.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, unquote_to_bytes, urlsplit

from msgspec import Struct
from pybase64 import b64decode

from app import media
from app.conversation import AttachmentPart, HostedPart
from app.errors import ApiError, invalid_request
from app.poe import cdn

URL_LIMIT = 8192  # bytes
_HEADER_LIMIT = 2048  # characters before a data: URL's comma
# A multiple of four: three bytes are four characters of base64.
_SLICE = 256 * 1024
_PERCENT_SLICE = 16 * 1024

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_HOST = re.compile(r"[^\s/?#@\\<>^`{|}\x00-\x20\x7f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME_PARAMETER = re.compile(r";\s*(?:file)?name=\"?([^;\"]+)", re.IGNORECASE)
_BASE64 = re.compile(r";\s*base64\s*(?:;|$)", re.IGNORECASE)
_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64 = "is not valid base64"
_SHOWN = ("image", "video")
_NOTHING_SHOWN = "is neither an http(s) URL nor a data: URL nor base64 of one"


class Content(Struct, frozen=True):
    """Bytes contained in the request. They are decoded piece by piece, whenever they are needed.

    ``digest`` is the SHA-256 of all of them.
    """

    kind: str
    name: str
    content_type: str | None
    size: int
    digest: str
    pieces: Callable[[], Iterator[bytes]]


class Remote(Struct, frozen=True):
    """A file elsewhere. ``given_name`` is the client's name for it."""

    kind: str
    name: str
    content_type: str | None
    url: str
    given_name: str | None

    @property
    def digest(self) -> str:
        """The SHA-256 of the URL."""
        return hashlib.sha256(b"url\0" + self.url.encode("utf-8", "surrogatepass")).hexdigest()


Source: TypeAlias = Content | Remote | HostedPart


def read(part: AttachmentPart, give_turn: Callable[[], None]) -> Source:
    """The source of ``part``. ``give_turn`` is called between pieces of work.

    Raises ``ApiError`` (400) with the part's path if it cannot be uploaded.
    """
    try:
        return _read(part, give_turn)
    except ValueError as error:
        raise _refused(part, str(error)) from None


def _read(part: AttachmentPart, give_turn: Callable[[], None]) -> Source:
    source = part.source.strip()
    if not source:
        raise ValueError("is empty")
    scheme = _SCHEME.match(source[:64])
    if scheme is None:
        return _bare(part, source, give_turn)
    if scheme[0].lower() == "data":
        return _data_url(part, source, give_turn)
    if scheme[0].lower() in ("http", "https"):
        return _remote(part, source)
    raise ValueError(f"has a URL with the scheme {scheme[0][:20]!r}; allowed are http, https and data")


def _bare(part: AttachmentPart, source: str, give_turn: Callable[[], None]) -> Content:
    """Bare base64. An image or video must look like one: a file's name may be base64, too."""
    pieces = partial(_base64_decoded, partial(_plain, source, 0))
    if part.kind not in _SHOWN:
        return _content(part, None, part.name, pieces, give_turn)
    try:
        content = _content(part, None, part.name, pieces, give_turn)
    except ValueError:
        raise ValueError(_NOTHING_SHOWN) from None
    if not (content.content_type or "").startswith(f"{part.kind}/"):
        raise ValueError(_NOTHING_SHOWN)
    return content


def _data_url(part: AttachmentPart, source: str, give_turn: Callable[[], None]) -> Content:
    comma = source.find(",", 0, _HEADER_LIMIT)
    if comma < 0:
        raise ValueError("has a data: URL without a comma")
    if "\0" in source:
        raise ValueError("has a data: URL with a NUL character")
    header = source[len("data:") : comma]
    name = _NAME_PARAMETER.search(header)
    given_name = part.name or (unquote(name[1]) if name else None)
    decode = _percent_decoded if "%" in source else _plain
    pieces: _Reader = partial(_percent_decoded, source, comma + 1)
    if _BASE64.search(header):
        pieces = partial(_base64_decoded, partial(decode, source, comma + 1))
    return _content(part, media.declared(header), given_name, pieces, give_turn)


def _content(
    part: AttachmentPart,
    declared: str | None,
    given_name: str | None,
    pieces: _Reader,
    give_turn: Callable[[], None],
) -> Content:
    digest, size, head = hashlib.sha256(), 0, b""
    for piece in pieces():
        digest.update(piece)
        size += len(piece)
        head = head or piece[: media.SIGNATURE_SIZE]
        give_turn()
    if not size:
        raise ValueError("is empty")
    name = media.clean_name(given_name)
    content_type = (
        media.of_format(part.kind, part.format) or declared or media.of_name(name) or media.of_bytes(head)
    )
    return Content(
        part.kind,
        name or media.name_for(part.kind, content_type),
        content_type,
        size,
        digest.hexdigest(),
        pieces,
    )


def _remote(part: AttachmentPart, source: str) -> Remote | HostedPart:
    if len(source.encode("utf-8", "surrogatepass")) > URL_LIMIT:
        raise ValueError(f"has a URL of more than {URL_LIMIT} bytes")
    if _CONTROL.search(source):
        raise ValueError("has a URL with control characters")
    url = _split(source)
    if not _HOST.fullmatch(url.hostname or ""):
        raise ValueError("has a URL without a valid host")
    if url.username is not None:
        raise ValueError("has a URL with a user or password, which would be passed on")
    given_name = media.clean_name(part.name)
    content_type = media.of_format(part.kind, part.format)
    if cdn.holds(url):
        return cdn.hosted(source, url, part.kind, given_name, content_type)
    name = given_name or media.clean_name(unquote(url.path))
    content_type = content_type or media.of_name(name)
    return Remote(
        part.kind, name or media.name_for(part.kind, content_type), content_type, source, given_name
    )


def _split(source: str) -> SplitResult:
    try:
        url = urlsplit(source)
        _ = url.port
        source.encode()
    except ValueError:  # also an encoding error: half a surrogate pair
        raise ValueError("has a URL that is not valid") from None
    return url


def _refused(part: AttachmentPart, reason: str) -> ApiError:
    return invalid_request(f"{part.param}: the {part.kind} {reason}.", part.param, "invalid_attachment")


# A reader gives the bytes that text stands for, piece by piece, as often as it is called.
_Reader: TypeAlias = Callable[[], Iterator[bytes]]


def _plain(text: str, start: int) -> Iterator[bytes]:
    for index in range(start, len(text), _SLICE):
        yield text[index : index + _SLICE].encode("ascii", "replace")


def _percent_decoded(text: str, start: int) -> Iterator[bytes]:
    index = start
    while index < len(text):
        end = index + _PERCENT_SLICE
        escape = text.find("%", max(index, end - 2), end)  # that the cut would go through
        end = escape if escape > index else end
        yield unquote_to_bytes(text[index:end])
        index = end


def _base64_decoded(read: _Reader) -> Iterator[bytes]:
    """Decode what ``read`` returns. Raises ``ValueError`` if it is not base64.

    White space, the alphabet for URLs and missing padding are fine (RFC 4648 sections 3.2 and 5).
    """
    rest, is_padded = b"", False
    for text in read():
        data = rest + text
        try:
            piece, rest = b64decode(data, validate=True), b""
        except binascii.Error:
            data = data.translate(_FROM_URLSAFE, b" \t\r\n\f\v")
            whole = len(data) // 4 * 4
            data, rest = data[:whole], data[whole:]
            piece = _decoded(data)
        if data and is_padded:
            raise ValueError(_NOT_BASE64)
        is_padded = is_padded or data.endswith(b"=")
        if piece:
            yield piece
    if rest:
        if is_padded:
            raise ValueError(_NOT_BASE64)
        yield _decoded(rest + b"=" * (-len(rest) % 4))


def _decoded(data: bytes) -> bytes:
    try:
        return b64decode(data, validate=True)
    except binascii.Error:
        raise ValueError(_NOT_BASE64) from None
