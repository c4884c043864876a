"""Calls: what stands between a call's opening tag and its end.

A call is written with ``<parameter name="KEY">`` (or ``<parameter=KEY>``), or with ``<KEY>``, where
``KEY`` is a parameter that the tool's schema names; its first parameter tells which.

A value may hold anything, tags too. So a parameter ends only at a closing tag behind which another
parameter begins, the call ends, or the text does. A parameter that was already given begins no
other: JSON has a name only once, and a value that holds the notation itself is the likelier.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from app.conversation import Tool
from app.tools.tags import (
    UNDECIDED,
    MaybeEnd,
    Tag,
    Undecided,
    closing_tag,
    opening_tag,
    space_end,
    with_prefix_of,
)

_PARAMETER = "parameter"
_WRAPPERS = 4  # closing tags of wrappers at the end of a text
_LAST_SIZE = 9000  # more than everything that may close a call, and the white space between
# Closing tags and a fence, the last of which may be begun, up to the end: all that there is of a last value.
_MAY_BE_LAST = re.compile(
    r"(?:</[^\s<>/]{0,160}+\s{0,64}+>\s{0,1024}+){0,6}+(?:</?|</[^\s<>/]{1,160}+\s{0,64}+|`{1,32}\s{0,1024}+)?\Z"
)
_LAST_FENCE = re.compile(r"`{1,32}\s{0,1024}\Z")


class Parameter(Struct, frozen=True):
    """The opening tag of a parameter. ``end`` is where its value begins."""

    name: str
    closing: frozenset[str]
    is_keyed: bool
    is_empty: bool
    end: int


class Call:
    """One call, and how it is written.

    ``keys`` are the parameters in the tool's schema, ``around`` the closing tags that may follow the
    call's own.
    """

    def __init__(self, tool: Tool, keys: frozenset[str], tag: Tag, around: frozenset[str]) -> None:
        self.tool = tool
        self._closing = with_prefix_of(tag.name, tag.kind)
        self._around = around
        self._names = keys
        self._is_keyed: bool | None = None  # None: no parameter yet
        self._is_named_by_tool = tag.kind == tool.name
        self._given: set[str] = set()
        self._value_closing: frozenset[str] = frozenset()
        self._ends: frozenset[str] = frozenset()  # all that may close anything in a value

    def begin(self, parameter: Parameter) -> None:
        """The value of ``parameter`` follows."""
        self._given.add(parameter.name)
        self._is_keyed = parameter.is_keyed
        self._value_closing = parameter.closing
        self._ends = parameter.closing | self._closing | self._around

    def parameter(self, text: str, position: int) -> Parameter | Undecided | None:
        """The parameter that begins at ``position``."""
        tag = opening_tag(text, position, self._kinds())
        if not isinstance(tag, Tag):
            return tag
        closing = with_prefix_of(tag.name, tag.kind)
        if self._is_keyed is not True and tag.kind == _PARAMETER and tag.value is not None:
            name, is_keyed = tag.value, False
        elif self._is_keyed is not False and tag.value is None and self._is_key(tag.kind):
            name, is_keyed = tag.kind, True
        else:
            return None
        return None if name in self._given else Parameter(name, closing, is_keyed, tag.is_empty, tag.end)

    def closing(self, text: str, position: int) -> MaybeEnd:
        """Where the call's own closing tag ends."""
        return closing_tag(text, position, self._closing)

    def value_end(self, text: str, position: int) -> MaybeEnd:
        """Where the closing tag at ``position`` ends, if it ends the value.

        If that is undecided when the text ends, it does.
        """
        end = closing_tag(text, position, self._value_closing)
        if isinstance(end, int):
            behind = space_end(text, end)
            followers = (self.closing(text, behind), self.parameter(text, behind))
            if any(isinstance(each, (int, Parameter)) for each in followers):
                return end
            if UNDECIDED in followers:
                return UNDECIDED
        return UNDECIDED if self.is_last(text, position) else None

    def is_last(self, text: str, position: int) -> bool:
        """Whether only closing tags of value, call and wrappers have come, so that the text may be over."""
        if len(text) - position > _LAST_SIZE or not _MAY_BE_LAST.match(text, position):
            return False
        if closing_tag(text, position, self._ends) is None:
            return False
        for names in (self._value_closing, self._closing, *[self._around] * _WRAPPERS):
            end = closing_tag(text, position, names)
            if end is UNDECIDED:
                return True
            position = position if end is None else space_end(text, end)
            if position == len(text):
                return True
        return _LAST_FENCE.match(text, position) is not None

    def _kinds(self) -> Collection[str] | None:
        if self._is_keyed is False:
            return (_PARAMETER,)
        if self._names:
            return self._names | {_PARAMETER}
        return None if self._is_named_by_tool else (_PARAMETER,)

    def _is_key(self, kind: str) -> bool:
        return kind in self._names or (self._is_named_by_tool and not self._names)
