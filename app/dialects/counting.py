"""Counting: how many values a JSON text holds at most, without decoding it.

Decoding is one call, which nothing interrupts: a few megabytes of empty lists would take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_STEP = 256 * 1024  # bytes that are looked at between two turns of others
_OPENING = (b"[", b"{")
_VALUES = (*_OPENING, b",")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)


def opened(body: bytes | bytearray, give_turn: Callable[[], None]) -> int:
    """The most lists and objects there can be: brackets within strings count, too."""
    return _count(body, _OPENING, give_turn)


def holds_more(body: bytes | bytearray, limit: int, give_turn: Callable[[], None]) -> bool:
    """Whether there are more than ``limit`` values. The contents of strings do not count.

    Cheap for texts with few commas and brackets, linear for others.
    """
    if _count(body, _VALUES, give_turn) <= limit:
        return False
    found = 0
    for text in _outside_strings(body, give_turn):
        found += sum(map(text.count, _VALUES))
        if found > limit:
            return True
    return False


def _count(body: bytes | bytearray, marks: tuple[bytes, ...], give_turn: Callable[[], None]) -> int:
    found = 0
    for at in range(0, len(body), _STEP):
        found += sum(body.count(mark, at, at + _STEP) for mark in marks)
        give_turn()
    return found


def _outside_strings(body: bytes | bytearray, give_turn: Callable[[], None]) -> Iterator[bytes]:
    """The text outside of strings, piece by piece."""
    at, is_within = 0, False
    while at < len(body):
        piece = _ESCAPE.sub(b"", bytes(body[at : at + _STEP]))
        at += _STEP
        if piece.endswith(b"\\") and at < len(body):
            piece, at = piece[:-1], at - 1  # an escape that is cut in two
        parts = piece.split(b'"')
        yield b"".join(parts[is_within::2])
        is_within ^= len(parts) % 2 == 0
        give_turn()
