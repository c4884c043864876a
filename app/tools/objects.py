"""Objects: calls that are written as JSON.

``{"name": …, "arguments": …}``, also with ``parameters`` or ``input``; the arguments are an object,
or a string that holds one, and stay as they are, to the byte. What is not JSON, or not such a call,
is text. So an object is held until it is whole, unless its beginning already shows what it is not.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

import msgspec
from msgspec import Struct

_ARGUMENTS = ("arguments", "parameters", "input")
_CALL = frozenset(("name", *_ARGUMENTS))
_OUTSIDE = re.compile(r'[{}\[\]"]|[^\s\w,:.+-]')
_INSIDE = re.compile(r'["\\]')
_FIRST = re.compile(r'\{\s*"([^"\\]*)"(?:\s*:\s*"([^"\\]*)")?')
LONG = 4096  # characters of an object that is passed on before it is whole
_BEGINNING = 512  # characters of an object in which its first entry is looked for


class ObjectCall(Struct, frozen=True):
    """A tool call. ``arguments`` is JSON."""

    name: str
    arguments: str


class Object:
    """The text of one JSON object, as it comes, up to ``limit`` characters.

    ``beginning`` is the part that may tell what it is. ``is_broken``: it is not JSON.
    """

    def __init__(self, limit: int | None = LONG) -> None:
        self.limit = limit
        self._size = 0
        self._pieces: list[str] = []
        self._depth = 0
        self._is_string = False
        self._is_escaped = False  # the next character of a string is
        self.beginning = ""
        self.is_whole = False
        self.is_broken = False

    @property
    def is_long(self) -> bool:
        """Whether the limit was reached before the object was complete."""
        return self._size == self.limit and not (self.is_whole or self.is_broken)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def feed(self, text: str, position: int) -> int:
        """Read on at ``position``; return where reading stopped."""
        start = position
        end = len(text) if self.limit is None else min(len(text), position + self.limit - self._size)
        read = (self._outside, self._inside)
        while position < end and not (self.is_whole or self.is_broken):
            position = read[self._is_string](text, position, end)
        self._pieces.append(text[start:position])
        self._size += position - start
        if len(self.beginning) < _BEGINNING:
            self.beginning += text[start : min(position, start + _BEGINNING - len(self.beginning))]
        return position

    def _inside(self, text: str, position: int, end: int) -> int:
        if self._is_escaped:
            self._is_escaped = False
            return position + 1
        sign = _INSIDE.search(text, position, end)
        if sign is None:
            return end
        self._is_escaped = sign[0] == "\\"
        self._is_string = self._is_escaped
        return sign.end()

    def _outside(self, text: str, position: int, end: int) -> int:
        sign = _OUTSIDE.search(text, position, end)
        if sign is None:
            return end
        if sign[0] == '"':
            self._is_string = True
        elif sign[0] in "{[":
            self._depth += 1
        elif sign[0] in "}]":
            self._depth -= 1
            self.is_whole = self._depth == 0
        else:
            self.is_broken = True
        return sign.end()


def may_call(beginning: str, names: Container[str], *, is_strict: bool) -> bool:
    """Whether an object with this beginning may be a call of one of ``names``."""
    first = _FIRST.match(beginning)
    if first is None:
        return True
    key, value = first.groups()
    if key == "name" and value is not None:
        return value in names
    return key in _CALL or not is_strict


def object_call(text: str, names: Container[str], *, is_strict: bool) -> ObjectCall | None:
    """The call that ``text`` is, if it is one.

    ``is_strict``: nothing around the object says that it is a call, so it must have arguments, and
    nothing that a call does not have.
    """
    entries = _entries(text)
    if entries is None or "name" not in entries:
        return None
    if is_strict and (len(entries) != 2 or not _CALL.issuperset(entries)):
        return None
    name = _string(entries["name"])
    key = next((each for each in _ARGUMENTS if each in entries), None)
    if key is None:
        arguments = "{}" if len(entries) == 1 else None
    else:
        arguments = object_arguments(bytes(entries[key]).decode())
    return (
        ObjectCall(name, arguments) if name is not None and name in names and arguments is not None else None
    )


def object_arguments(text: str) -> str | None:
    """A call's arguments: an object, or a string that contains one; without any, an empty object."""
    if text.startswith('"'):
        text = (_string(msgspec.Raw(text.encode())) or "").strip() or "{}"
    if text == "null":
        return "{}"
    return text if _is_object(text) else None


def _entries(text: str) -> Mapping[str, msgspec.Raw] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return None


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (ValueError, RecursionError):
        return False


def _string(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)
    except ValueError:
        return None
