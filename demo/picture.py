"""The artist's one picture, painted here so that no file has to be shipped."""

from __future__ import annotations

import struct
import zlib

_WIDTH, _HEIGHT = 320, 200
_SKY, _GLOW, _SUN, _SEA = (38, 30, 84), (252, 132, 72), (255, 226, 138), (16, 42, 78)


def sunset() -> bytes:
    """A PNG."""
    rows = b"".join(b"\0" + bytes(_row(y)) for y in range(_HEIGHT))
    head = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _row(y: int) -> list[int]:
    return [channel for x in range(_WIDTH) for channel in _color(x, y)]


def _color(x: int, y: int) -> tuple[int, ...]:
    horizon = _HEIGHT * 2 // 3
    if y > horizon:
        return _SEA
    if (x - _WIDTH // 2) ** 2 + (y - horizon) ** 2 < 50**2:
        return _SUN
    return tuple(sky + (glow - sky) * y // horizon for sky, glow in zip(_SKY, _GLOW, strict=True))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
