"""Bodies: a request's, complete and within a limit, however it was sent; the last piece of an answer's."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container

from flask import Request
from gunicorn.http.errors import ParseException

from app.errors import ApiError, body_too_slow, invalid_request, payload_too_large

_READ_SIZE = 1024 * 1024
_PACKED_SIZE = 16 * 1024  # bytes that are unpacked at a time
_HARMLESS_SIZE = 64 * 1024 * 1024  # of a body once it is unpacked
_RATIO = 100  # to which more may be unpacked; text and images are far below
# JSON, or what careless programs send: nothing, the defaults of curl and fetch, plain bytes.
LENIENT = frozenset(
    {
        *("application/json", "text/json", "", "application/octet-stream"),
        *("application/x-www-form-urlencoded", "text/plain"),
    }
)
STRICT = frozenset({"application/json"})  # a page cannot send this to another site without a preflight
_WBITS = {
    "gzip": 31,
    "x-gzip": 31,
    "deflate": 47,
}  # zlib's: a gzip header, or whichever there is


class LastPiece(bytes):
    """The last piece of a streamed body: the server sends the end of the body along with it."""


def read_body(
    request: Request, limit: int, give_turn: Callable[[], None], types: Container[str] = LENIENT
) -> bytes | bytearray:
    """Read and, if need be, unpack the body: ``limit`` bytes at most, packed and unpacked, and no bomb.

    ``give_turn`` is called between pieces of work. A body whose content type is one of ``types`` is taken
    for JSON.

    Raises ``ApiError``: 413 over the limit, 408 for a body that does not arrive in time, 400
    for one that ends early or is broken, 415 for one that is not JSON or has an unknown content coding.
    """
    _check_type(request, types)
    coding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if coding not in ("identity", "", *_WBITS):
        message = f"The content coding {coding[:40]!r} is not supported: send gzip, deflate or none."
        raise ApiError(415, message, code="unsupported_content_encoding")
    length = request.content_length
    if length is not None and length > limit:
        raise payload_too_large(limit)
    body = _read(request, limit, give_turn)
    if coding not in _WBITS:
        return body
    return _unpack(body, _WBITS[coding], min(limit, max(_HARMLESS_SIZE, _RATIO * len(body))), give_turn)


def _check_type(request: Request, types: Container[str]) -> None:
    kind = request.mimetype
    if kind not in types and not kind.endswith("+json"):
        message = f"The content type {kind[:80]!r} is not supported: send application/json."
        raise ApiError(415, message, code="unsupported_media_type")


def _read(request: Request, limit: int, give_turn: Callable[[], None]) -> bytearray:
    """Read the body as it is on the wire. The server knows where it ends, chunked or not.

    It goes into one growing buffer: joining pieces would need twice the memory, in pages that are new.
    """
    stream, length = request.environ["wsgi.input"], request.content_length
    body = bytearray()
    try:
        while len(body) != length and (data := stream.read(min(_READ_SIZE, limit + 1 - len(body)))):
            body += data
            give_turn()
            if len(body) > limit:
                raise payload_too_large(limit)
    except ParseException as error:
        raise invalid_request("The request body's chunks are not valid HTTP.") from error
    except TimeoutError as error:
        raise body_too_slow() from error
    except OSError as error:
        raise invalid_request("The request body ended before it was complete.") from error
    if length is not None and len(body) < length:
        raise invalid_request("The request body ended before it was complete.")
    return body


def _unpack(body: bytes | bytearray, wbits: int, limit: int, give_turn: Callable[[], None]) -> bytearray:
    """Decompress ``body``, which may consist of several members (RFC 1952 section 2.2).

    Both sides are cut in pieces: a few bytes may unpack to very many, and the rest is copied each time.
    """
    unpacked = bytearray()
    unpacker = zlib.decompressobj(wbits)
    for at in range(0, len(body), _PACKED_SIZE):
        packed = bytes(body[at : at + _PACKED_SIZE])
        while packed:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits)
            try:
                unpacked += unpacker.decompress(packed, min(_READ_SIZE, limit + 1 - len(unpacked)))
            except zlib.error as error:
                raise invalid_request("The request body does not match its Content-Encoding.") from error
            if len(unpacked) > limit:
                raise payload_too_large(limit)
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            give_turn()
    if body and not unpacker.eof:
        raise invalid_request("The compressed request body ended before it was complete.")
    return unpacked
