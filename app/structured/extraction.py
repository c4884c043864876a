"""Extraction: the JSON in what a bot has said, freed from fences and talk.

A text that is JSON as a whole is it. Else fenced blocks come first that are JSON as a whole, then the objects
and lists that stand in the text beside blocks, then those in the other blocks. Only outermost values count:
of one that is broken or breaks off, nothing inside is taken, up to where its brackets close.

Each character is looked at a few times at most, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

_DEPTH_LIMIT = 128
_VALUES_LIMIT = 1000
_INDENT_LIMIT = 16  # blanks before a fence
_INFO_LIMIT = 64  # characters after a fence that opens a block

_FENCE = re.compile("```+")
_START = re.compile(r'\{[ \t\r\n]{0,64}+["}]|\[[ \t\r\n]{0,64}+[\[\]{"0-9tfn-]')
_START_LIMIT = 66
_WINDOW = 65_536
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")

# The steps of a value's grammar (RFC 8259). Brackets that open one after another are one step, which
# keeps deep nesting cheap.
_SPACE = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?"
_LISTS = re.compile(rf"(?:\[{_SPACE}){{1,{_DEPTH_LIMIT + 1}}}+")
_OBJECT = re.compile(rf"\{{{_SPACE}")
_NAME = re.compile(rf"{_STRING}{_SPACE}:{_SPACE}")
_SCALAR = re.compile(rf"(?:{_STRING}|{_NUMBER}|true|false|null){_SPACE}")
_SCALARS = re.compile(rf"(?:{_SCALAR.pattern},{_SPACE}){{0,64}}{_SCALAR.pattern}")  # members of a list
_CLOSING = re.compile(rf"[\]}}]{_SPACE}")
_COMMA = re.compile(rf",{_SPACE}")
_Expected: TypeAlias = Literal["value", "name", "comma"]
_PAIRS = {"]": "[", "}": "{"}


class Value(Struct, frozen=True):
    """A JSON value: its exact text, and its content."""

    text: str
    content: Any


def values(text: str, give_turn: Callable[[], None]) -> Iterator[Value]:
    """The values in ``text``, at most 1,000 of them, the likeliest answer first."""
    whole = _value(text.strip())
    if whole is not None:
        return iter([whole])
    return islice(_embedded(text, give_turn), _VALUES_LIMIT)


def _embedded(text: str, give_turn: Callable[[], None]) -> Iterator[Value]:
    blocks = list(_blocks(text, give_turn))
    others: list[str] = []
    for begin, end in blocks:
        give_turn()
        whole = _value(text[begin:end].partition("```")[0].strip()) or _value(text[begin:end].strip())
        if whole is not None:
            yield whole
        else:
            others.append(text[begin:end])
    edges = [0, *(edge for block in blocks for edge in block), len(text)]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield from _outermost(text[begin:end], give_turn)
    for block in others:
        yield from _outermost(block, give_turn)


def _blocks(text: str, give_turn: Callable[[], None]) -> Iterator[tuple[int, int]]:
    """Where the contents of fenced blocks begin and end. The last block need not be closed."""
    begin, fence = 0, ""
    for mark in _FENCE.finditer(text):
        give_turn()
        before = text[max(0, mark.start() - _INDENT_LIMIT) : mark.start()].rpartition("\n")
        if before[2].strip(" \t") or (not before[1] and mark.start() > _INDENT_LIMIT):
            continue
        if fence:
            if len(mark[0]) >= len(fence):
                yield begin, mark.start()
                fence = ""
            continue
        info, line_end, _ = text[mark.end() : mark.end() + _INFO_LIMIT].partition("\n")
        if line_end and "`" not in info:
            begin, fence = mark.end() + len(info) + 1, mark[0]
    if fence:
        yield begin, len(text)


def _outermost(text: str, give_turn: Callable[[], None]) -> Iterator[Value]:
    """The outermost objects and lists in ``text``, in their order."""
    position = 0
    while (start := _start(text, position, give_turn)) is not None:
        reading = _Reading(text, start)
        while reading.step():
            give_turn()
        position = reading.end(give_turn)
        if reading.is_whole and (value := _value(text[start:position].rstrip())):
            yield value


def _start(text: str, position: int, give_turn: Callable[[], None]) -> int | None:
    """Where, from ``position`` on, an object or list may begin. A single search is never long."""
    while position < len(text):
        give_turn()
        found = _START.search(text, position, position + _WINDOW)
        if found:
            return found.start()
        position += _WINDOW - _START_LIMIT
    return None


def _value(text: str) -> Value | None:
    try:
        return Value(text, msgspec.json.decode(text))
    except (ValueError, RecursionError):
        return None


class _Reading:
    """Reads the object or list that begins at ``start``, step by step of its grammar."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._position = start
        self._open = ""  # the brackets in which the position is
        self._expected: _Expected = "value"
        self._may_close = False
        self._is_sure = False  # prose has no such beginning
        self.is_whole = False

    def step(self) -> bool:
        """Read on. Returns false at the end, which is that of a whole value or of a broken one."""
        if self._may_close and self._close():
            return not self.is_whole
        match self._expected:
            case "value":
                return self._enter() or self._scalar()
            case "name":
                return self._name()
            case "comma":
                return self._comma()

    def end(self, give_turn: Callable[[], None]) -> int:
        """Where the search for further values continues."""
        if self.is_whole:
            return self._position
        if not self._is_sure:
            return self._start + 1
        depth = len(self._open)
        for brackets in _BRACKETS.finditer(self._text, self._position):
            give_turn()
            is_closing = brackets[0][0] in "]}"
            if is_closing and depth <= len(brackets[0]):
                return brackets.start() + depth
            depth += -len(brackets[0]) if is_closing else len(brackets[0])
        return len(self._text)

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._position)
        return found[0] if found else ""

    def _advance(self, read: str, expected: _Expected, *, may_close: bool, is_sure: bool = True) -> bool:
        """Take what was read, if anything was."""
        if not read:
            return False
        self._position += len(read)
        self._expected, self._may_close = expected, may_close
        self._is_sure = self._is_sure or is_sure
        return True

    def _enter(self) -> bool:
        read = self._match(_LISTS) or self._match(_OBJECT)
        entered = "{" if read.startswith("{") else "[" * read.count("[")
        if len(self._open) + len(entered) > _DEPTH_LIMIT:
            self._is_sure = True
            return False
        self._open += entered
        return self._advance(read, "name" if entered == "{" else "value", may_close=True, is_sure=False)

    def _scalar(self) -> bool:
        scalars = _SCALARS if self._open.endswith("[") else _SCALAR
        return self._advance(self._match(scalars), "comma", may_close=True)

    def _name(self) -> bool:
        return self._advance(self._match(_NAME), "value", may_close=False)

    def _comma(self) -> bool:
        return self._advance(
            self._match(_COMMA), "name" if self._open[-1] == "{" else "value", may_close=False
        )

    def _close(self) -> bool:
        read = self._match(_CLOSING)
        if not read or _PAIRS[read[0]] != self._open[-1]:
            return False
        self._open = self._open[:-1]
        self.is_whole = not self._open
        return self._advance(read, "comma", may_close=True)
