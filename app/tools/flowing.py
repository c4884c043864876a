"""Flowing: the arguments of a call in JSON, passed on before the object is whole.

What has left cannot be taken back, so only what is JSON so far leaves; where the bot's JSON breaks or
ends, what has left is closed.
"""

from __future__ import annotations

import re
from enum import Enum

import msgspec

_ARGUMENTS = ("arguments", "parameters", "input")
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_ESCAPE_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_LITERAL = re.compile(r"(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=[\s,\]}])")
_LITERAL_BEGUN = re.compile(r"[-+.\w]{1,400}\Z")
_ENDS = {"{": "}", "[": "]"}


class _Next(Enum):
    VALUE = "a value"
    FIRST_ITEM = "a value or the end of the array"
    FIRST_KEY = "a key or the end of the object"
    KEY = "a key"
    COLON = "a colon"
    COMMA = "a comma or the end"
    NOTHING = "nothing: it is whole"


class Flowing:
    """The text of one JSON object in, its arguments out, as far as they are JSON.

    ``name`` is the tool's; without one it is looked for in the object, whose arguments are one of its
    entries. Holds back a key until its value begins, and a number or word until it is complete.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.is_broken = False
        self._depth = 0 if name is not None else 1  # at which the arguments' own brace stands
        self._open: list[str] = []
        self._next = _Next.VALUE
        self._is_string = False
        self._is_key = False
        self._key = ""  # the last one, with what it is written of
        self._entry = ""  # the key of the entry of the object itself
        self._words: list[str] = []  # of the string that is read, if it is looked at
        self._held: list[str] = []  # leaves once a value begins
        self._out: list[str] = []
        self._rest = ""  # needs more text to be read
        self._is_flowing = False
        self._has_flowed = False

    @property
    def is_whole(self) -> bool:
        return self._next is _Next.NOTHING

    @property
    def has_arguments(self) -> bool:
        """Whether the name and the beginning of the arguments have come."""
        return self.name is not None and (self._is_flowing or self._has_flowed)

    def feed(self, text: str, position: int) -> int:
        """Read on at ``position``; return where the object ends, or the end of the text."""
        offset = position - len(self._rest)
        if self._rest:
            text, position = self._rest + text[position:], 0
        else:
            offset = 0
        while position < len(text) and not (self.is_whole or self.is_broken):
            reached = self._inside(text, position) if self._is_string else self._outside(text, position)
            if reached == position:
                break
            position = reached
        self._rest = "" if self.is_whole else text[position:]
        return offset + (position if self.is_whole else len(text))

    def take(self) -> str:
        """More of the arguments."""
        piece = "".join(self._out)
        self._out.clear()
        return piece

    def finish(self) -> str:
        """The rest of the arguments, and what closes them if they are incomplete."""
        piece = self.take()
        if not self._is_flowing:
            return piece
        self._is_flowing = False
        quote = '"' if self._is_string and not self._is_key else ""
        return piece + quote + "".join(_ENDS[each] for each in reversed(self._open[self._depth :]))

    def _inside(self, text: str, position: int) -> int:
        """In a string."""
        plain = _PLAIN.match(text, position) or _ESCAPE.match(text, position)
        if plain:
            self._pass(plain[0])
            return plain.end()
        if text[position] != '"':
            self.is_broken = _ESCAPE_BEGUN.match(text, position) is None
            return position
        self._pass('"')
        self._is_string = False
        self._end_string()
        return position + 1

    def _end_string(self) -> None:
        word = _decoded("".join(self._words))
        self._words.clear()
        if self._is_key:
            self._is_key = False
            self._next = _Next.COLON
            if len(self._open) == 1:
                self._entry = word
            return
        if len(self._open) == 1 and self._entry == "name" and self._depth == 1 and self.name is None:
            self.name = word
        self._next = _Next.COMMA

    def _outside(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space and space[0]:
            self._pass(space[0], is_value=False)
            return space.end()
        sign = text[position]
        is_end = bool(self._open) and sign == _ENDS[self._open[-1]]
        match self._next:
            case _Next.FIRST_KEY | _Next.COMMA | _Next.FIRST_ITEM if is_end:
                self._close(sign)
            case _Next.FIRST_KEY | _Next.KEY if sign == '"':
                self._is_string = self._is_key = True
                self._pass(sign)
            case _Next.COLON if sign == ":":
                self._pass(sign, is_value=False)
                self._next = _Next.VALUE
            case _Next.COMMA if sign == ",":
                self._pass(sign, is_value=False)
                self._next = _Next.KEY if self._open[-1] == "{" else _Next.VALUE
            case _Next.VALUE | _Next.FIRST_ITEM:
                return self._value(text, position)
            case _:
                self.is_broken = True
                return position
        return position + 1

    def _value(self, text: str, position: int) -> int:
        sign = text[position]
        if sign == '"':
            self._is_string = True
            self._pass(sign)
            return position + 1
        if sign in _ENDS:
            is_entry = self._depth == 0 or self._entry in _ARGUMENTS
            if sign == "{" and len(self._open) == self._depth and is_entry and not self._has_flowed:
                self._is_flowing = self.name is not None
            self._pass(sign)
            self._open.append(sign)
            self._next = _Next.FIRST_KEY if sign == "{" else _Next.FIRST_ITEM
            return position + 1
        literal = _LITERAL.match(text, position)
        if literal is None:
            self.is_broken = _LITERAL_BEGUN.match(text, position) is None
            return position
        self._pass(literal[0])
        self._next = _Next.COMMA
        return literal.end()

    def _close(self, sign: str) -> None:
        self._pass(sign)
        self._open.pop()
        self._next = _Next.COMMA if self._open else _Next.NOTHING
        if self._is_flowing and len(self._open) == self._depth:
            self._is_flowing = False
            self._has_flowed = True

    def _pass(self, text: str, *, is_value: bool = True) -> None:
        """Pass ``text``, valid JSON so far, on, or hold it back until a value begins after it."""
        if self._is_string and len(self._open) == 1:
            self._words.append(text)
        if not self._is_flowing:
            return
        self._held.append(text)
        if is_value and not self._is_key:
            self._out += self._held
            self._held.clear()


def _decoded(string: str) -> str:
    try:
        return msgspec.json.decode(string, type=str) if string else ""
    except ValueError:
        return ""
