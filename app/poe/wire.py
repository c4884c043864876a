"""Wire: an HTTP/1.1 response out of the bytes of its connection, as they come.

All that one read of the socket brought is decoded together: a bot writes one chunk an event, and
``http.client`` would hand them out one by one. llhttp does the work (the parser of Node.js, by way
of httptools), in its strict mode: what is framed in two ways, or in none, is refused (RFC 9112).
"""

from __future__ import annotations

import zlib
from typing import Any

import httptools

HEAD_LIMIT = 65536  # bytes of a head, interim responses included, of a chunk's size, or of a trailer
_INFLATED_LIMIT = 16 * 1024 * 1024  # bytes that one read may unpack to
COMPRESSIONS = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = 47  # zlib's wbits: either, by its header


class WireError(ValueError):
    """The bytes are not an HTTP/1.1 response, or end too early."""


class ResponseParser:
    """Parses a response: ``feed`` takes bytes of the connection and returns those of the body.

    ``has_head`` says that ``status`` and ``headers`` (names in lower case) are known, ``complete``
    that the body has ended, ``may_end`` that the connection may close now without anything being
    cut off, ``reusable`` that another request may follow on the connection. ``failure``: what is wrong
    behind the bytes that ``feed`` has returned.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_head = False
        self.complete = False
        self.reusable = False
        self.failure: WireError | None = None
        self._barren = 0  # bytes since the last of the body
        self._body: list[bytes] = []
        self.on_body = self._body.append  # which llhttp calls for each chunk
        self._inflate: Any = None
        self._parser: Any = httptools.HttpResponseParser(self)

    @property
    def may_end(self) -> bool:
        """A body without a length ends with its connection (RFC 9112 section 6.3)."""
        is_framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        return self.complete or (self.has_head and not is_framed)

    def feed(self, data: bytes) -> bytes:
        """Parse the bytes of one read. Raises ``WireError`` unless some of the body precedes the fault."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                self.failure = WireError(str(error))
                if not self._body:
                    raise self.failure from None
            self.reusable = False  # something followed the end
        if not self._body:
            self._barren += len(data)
            if self._barren > HEAD_LIMIT and not self.complete:
                raise WireError("a head, a chunk's size or a trailer is too long")
            return self._inflated(b"") if self._inflate else b""
        self._barren = 0
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return self._inflated(body) if self._inflate else body

    def close(self) -> None:
        """Let go of llhttp, which refers back to this object."""
        self._parser = None

    def _inflated(self, body: bytes) -> bytes:
        try:
            inflated = bytes(self._inflate.decompress(body, _INFLATED_LIMIT))
        except zlib.error as error:
            raise WireError("compressed data is broken") from error
        if self._inflate.unconsumed_tail:
            raise WireError("compressed data unpacks to more than is allowed")
        if self.complete and not self._inflate.eof:
            raise WireError("compressed data ended before it was complete")
        return inflated

    # What llhttp calls.

    def on_message_begin(self) -> None:
        self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_head = self.status >= 200 or self.status == 101  # else an interim response
        coding = self.headers.get("content-encoding", "").lower()
        if self.has_head and coding in COMPRESSIONS:
            self._inflate = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)

    def on_message_complete(self) -> None:
        if not self.has_head:
            self.headers.clear()
            return
        self.complete = True
        self.reusable = self._parser.should_keep_alive()
