"""Arguments: a call's parameters as one JSON object, written while they are read.

A string leaves piece by piece. What may become other JSON waits for the value's end, unless its
first character shows that only a string fits.
"""

from __future__ import annotations

import re

import msgspec

from app.tools.entities import Entities
from app.tools.values import Schema, Shape, shape_of

_LINE_END = re.compile(r"\r?\n")


class Arguments:
    """Parameters in, pieces of a JSON object out. ``close`` ends it."""

    def __init__(self, parameters: Schema | None) -> None:
        self._parameters = parameters
        self._value: _Value | None = None
        self._separator = "{"

    def begin(self, name: str, *, is_verbatim: bool = False) -> str:
        """A parameter begins. ``is_verbatim``: it is in CDATA, where nothing is escaped."""
        piece = f"{self._separator}{encoded(name)}:"
        self._separator = ","
        self._value = _Value(shape_of(self._parameters, name), None if is_verbatim else Entities())
        return piece

    def feed(self, text: str) -> str:
        """More of the current value."""
        return self._value.feed(text) if self._value else ""

    def end(self) -> str:
        """The value has ended."""
        value, self._value = self._value, None
        return value.finish() if value else ""

    def close(self) -> str:
        return "{}" if self._separator == "{" else "}"


def encoded(text: str) -> str:
    """``text`` as a JSON string."""
    return msgspec.json.encode(text).decode()


class _Value:
    """The value of one parameter."""

    def __init__(self, shape: Shape, entities: Entities | None) -> None:
        self._shape = shape
        self._entities = entities
        self._lines = _Lines()
        self._is_string = not shape.starts
        self._is_open = False  # the string's first quote is out
        self._held: list[str] = []  # text that may become other JSON than a string
        self._is_blank = True  # as far as it is held

    def feed(self, text: str) -> str:
        return self._write(self._entities.feed(text) if self._entities else text)

    def finish(self) -> str:
        piece = self._write(self._entities.finish() if self._entities else "")
        if not self._is_string:
            written = "".join(self._held)
            fitting = self._shape.json_of(written)
            if fitting is not None:
                return fitting
            self._is_string = True
            piece = self._spell(self._lines.feed(written))
        return piece + self._spell(self._lines.finish()) + '"'

    def _write(self, text: str) -> str:
        if not self._is_string:
            self._held.append(text)
            start = text.lstrip()[:1]
            if not self._is_blank or not start:
                return ""
            self._is_blank = False
            if start in self._shape.starts:
                return ""
            self._is_string = True
            text = "".join(self._held)
        return self._spell(self._lines.feed(text))

    def _spell(self, text: str) -> str:
        """``text`` as a piece of a JSON string."""
        quote = "" if self._is_open else '"'
        self._is_open = True
        return quote + encoded(text)[1:-1]


class _Lines:
    """Drops the line ends around a string that has no others; any other string stays.

    Holds back the first of two lines if the text begins with a line end.
    """

    def __init__(self) -> None:
        self._held: list[str] | None = []  # None: it stays as it is
        self._start = ""  # until it is known whether the text begins with a line end
        self._has_ended = False  # a second line end is the last thing that is held

    def feed(self, text: str) -> str:
        if self._held is None or not text:
            return text
        if not self._held:
            text = self._start + text
            first = _LINE_END.match(text)
            if first is None:
                self._start = text if text == "\r" else ""
                self._held = [] if self._start else None
                return "" if self._start else text
            self._held.append(first[0])
            text = text[first.end() :]
        return self._hold(text)

    def finish(self) -> str:
        """The rest of the string."""
        if self._held is None:
            return ""
        if self._has_ended:
            return "".join(self._held[1:]).removesuffix("\n").removesuffix("\r")
        return self._start if not self._held else "".join(self._held)

    def _hold(self, text: str) -> str:
        assert self._held is not None
        if not text:
            return ""
        self._held.append(text)
        if not self._has_ended and "\n" not in text:
            return ""
        if not self._has_ended and text.index("\n") == len(text) - 1:
            self._has_ended = True
            return ""
        whole = "".join(self._held)
        self._held = None
        return whole
