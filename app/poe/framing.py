"""Body framing: the bytes of an HTTP/1.1 response body out of the bytes of its connection.

``http.client`` hands out one chunk a call; a bot writes one chunk an event. Decoded here, all that
one read of the socket brought travels together. The head is left to urllib3.

Rules: RFC 9112 section 6.3 (message body length) and 7.1 (chunked transfer coding).
"""

from __future__ import annotations

import zlib
from typing import Protocol

_SIZE_LINE_LIMIT = 4096  # a chunk's size with its extensions
_TRAILER_LIMIT = 65536
_SIZE_DIGITS = 15


class FramingError(ValueError):
    """The body is not framed as its head says."""


class BodyDecoder(Protocol):
    """``feed`` the bytes of a read, get the body's bytes in them.

    ``complete`` says that the body has ended; ``surplus`` that bytes came after its end, so that
    the connection cannot be trusted with another request; ``may_end`` whether the connection may
    close now without anything being cut off.
    """

    @property
    def complete(self) -> bool: ...
    @property
    def may_end(self) -> bool: ...
    @property
    def surplus(self) -> bool: ...

    def feed(self, data: bytes) -> bytes: ...


class LengthDecoder:
    """A body of a length known from ``Content-Length``."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.surplus = False
        self.complete = self.may_end = length == 0

    def feed(self, data: bytes) -> bytes:
        if len(data) > self._left:
            self.surplus = True
            data = data[: self._left]
        self._left -= len(data)
        self.complete = self.may_end = self._left == 0
        return data


class CloseDecoder:
    """A body that ends with its connection."""

    complete = False
    may_end = True
    surplus = False

    def feed(self, data: bytes) -> bytes:
        return data


class ChunkedDecoder:
    """A body in chunks. Holds at most one size line or the trailer; data is given at once."""

    def __init__(self) -> None:
        self.complete = False
        self.surplus = False
        self._pending = b""  # an unfinished size line, or the unfinished trailer
        self._left = 0  # bytes of the current chunk still to come
        self._needs_line_end = False  # a chunk's data is over, its CRLF is not
        self._in_trailer = False

    @property
    def may_end(self) -> bool:
        return self.complete

    def feed(self, data: bytes) -> bytes:
        if self._pending:
            data = self._pending + data
            self._pending = b""
        found: list[bytes] = []
        position, size = 0, len(data)
        while position < size and not self.complete:
            if self._left:
                end = position + self._left
                found.append(data[position:end])
                if end + 2 <= size and data.startswith(b"\r\n", end):
                    self._left, position = 0, end + 2
                    continue
                self._left = max(0, end - size)
                self._needs_line_end = self._left == 0
                position = min(end, size)
                continue
            end = data.find(b"\n", position)
            if end < 0:
                self._keep(data[position:])
                break
            self._read_line(data[position:end].removesuffix(b"\r"))
            position = end + 1
        self.surplus = self.complete and position < size
        return found[0] if len(found) == 1 else b"".join(found)

    def _read_line(self, line: bytes) -> None:
        if self._needs_line_end:
            if line:
                raise FramingError("a chunk is longer than its size")
            self._needs_line_end = False
        elif self._in_trailer:
            self.complete = not line
        else:
            self._left = _size(line)
            self._in_trailer = self._left == 0

    def _keep(self, rest: bytes) -> None:
        if len(rest) > (_TRAILER_LIMIT if self._in_trailer else _SIZE_LINE_LIMIT):
            raise FramingError("a chunk's size line is too long")
        self._pending = rest


def _size(line: bytes) -> int:
    """A chunk's size, from the line that begins it: hexadecimal digits, then extensions."""
    digits = line if line.isalnum() else line.partition(b";")[0].strip(b" \t")
    if not digits.isalnum() or len(digits) > _SIZE_DIGITS:
        raise FramingError("a chunk without a size")
    try:
        return int(digits, 16)  # isalnum: no sign and no underscore, which int would take
    except ValueError:
        raise FramingError("a chunk without a size") from None


class InflatingDecoder:
    """Another decoder's body, compressed though nobody asked for that (gzip or deflate)."""

    def __init__(self, inner: BodyDecoder) -> None:
        self._inner = inner
        self._inflate = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, by their headers

    @property
    def complete(self) -> bool:
        return self._inner.complete

    @property
    def may_end(self) -> bool:
        return self._inner.may_end

    @property
    def surplus(self) -> bool:
        return self._inner.surplus

    def feed(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(self._inner.feed(data))
        except zlib.error as error:
            raise FramingError("compressed data is broken") from error
