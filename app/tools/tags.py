"""Tags: the smallest parts of a bot's call, read out of text that may still grow.

A reader says what stands at a position: what it found, ``None`` if it is something else, or
``UNDECIDED`` while the text ends before that can be told. Names, values and blanks have bounds that
are part of the notation, so that what is undecided stays small: what goes beyond them is no tag.

A tag may have a prefix (``<x:invoke …>``), which models write without meaning anything by it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from typing import Literal, TypeAlias

from msgspec import Struct

from app.tools.entities import decoded


class Undecided(Enum):
    """Only more text can tell."""

    UNDECIDED = "undecided"


UNDECIDED: Literal[Undecided.UNDECIDED] = Undecided.UNDECIDED
MaybeEnd: TypeAlias = int | Undecided | None

_BLANKS = r"\s{0,64}+"
_NAME = r"[^\s<>/=\"'`]{1,128}+"
_VALUE = r"""(?:"[^"<>]{0,256}+"|'[^'<>]{0,256}+'|[^\s"'<>=`/]{1,256}+)"""
_VALUE_BEGUN = r"""(?:"[^"<>]{0,256}|'[^'<>]{0,256}|[^\s"'<>=`/]{0,256})"""
_HEAD = rf"<({_NAME})(?:{_BLANKS}={_BLANKS}({_VALUE}))?"
_ATTRIBUTE = rf"\s{_BLANKS}([\w:.-]{{1,64}}+){_BLANKS}={_BLANKS}({_VALUE})"
_ATTRIBUTES = rf"((?:\s{_BLANKS}[\w:.-]{{1,64}}+{_BLANKS}={_BLANKS}{_VALUE}){{0,8}})"

_OPENING = re.compile(rf"{_HEAD}{_ATTRIBUTES}{_BLANKS}(/?)>")
_OPENING_BEGUN = re.compile(
    rf"(?:<({_NAME}){_BLANKS}(?:={_BLANKS}{_VALUE_BEGUN})?"
    rf"|{_HEAD}{_ATTRIBUTES}(?:{_BLANKS}/?|\s{_BLANKS}[\w:.-]{{1,64}}{_BLANKS}(?:={_BLANKS}{_VALUE_BEGUN})?))\Z"
)
_CLOSING = re.compile(rf"</([^\s<>/]{{0,160}}+)({_BLANKS})(>?)")
_ATTRIBUTES_IN_TAG = re.compile(_ATTRIBUTE)
_TAG_NAME = re.compile(rf"<({_NAME})")
_PREFIX = re.compile(r"[^\W\d][\w.-]{0,31}")
_SPACE = re.compile(r"\s{0,1024}")


class Tag(Struct, frozen=True):
    """An opening tag.

    ``name`` is as the bot wrote it, ``kind`` the same without a prefix. ``value`` is that of
    ``name="…"``, or what follows the tag's own name (``<function=NAME>``). ``is_empty``: it closes itself.
    ``end`` is where the text after it begins.
    """

    name: str
    kind: str
    value: str | None
    is_empty: bool
    end: int


def opening_tag(text: str, position: int, kinds: Collection[str] | None) -> Tag | Undecided | None:
    """The opening tag at ``position``, if it is one of ``kinds``; any tag if that is ``None``."""
    begun = _TAG_NAME.match(text, position)
    if begun is None:
        return UNDECIDED if text.startswith("<", position) and position + 1 == len(text) else None
    name = begun[1]
    if begun.end() == len(text):
        return UNDECIDED if _may_become(name, kinds) else None
    kind = _kind(name, kinds)
    if kind is None:
        return None
    found = _OPENING.match(text, position)
    if found is None:
        return UNDECIDED if _OPENING_BEGUN.match(text, position) else None
    return Tag(name, kind, _value(found[2], found[3]), found[4] == "/", found.end())


def may_open(text: str, position: int, kinds: Collection[str]) -> bool:
    """Whether ``<`` at ``position`` may begin a tag of ``kinds``, as far as its name tells."""
    begun = _TAG_NAME.match(text, position)
    if begun is None:
        return position + 1 == len(text)
    return _may_become(begun[1], kinds) if begun.end() == len(text) else _kind(begun[1], kinds) is not None


def closing_tag(text: str, position: int, names: Collection[str]) -> MaybeEnd:
    """Where the closing tag at ``position`` ends, if it closes one of ``names``."""
    found = _CLOSING.match(text, position)
    if found is None:
        return UNDECIDED if text.startswith("<", position) and position + 1 == len(text) else None
    name, blanks, sign = found.groups()
    if sign:
        return found.end() if name in names else None
    if found.end() < len(text):
        return None
    is_begun = name in names if blanks else any(each.startswith(name) for each in names)
    return UNDECIDED if is_begun else None


def with_prefix_of(name: str, kind: str) -> frozenset[str]:
    """The names under which a tag opened as ``name`` may be closed."""
    return frozenset((kind, name))


def space_end(text: str, position: int) -> int:
    """Where the white space at ``position`` ends, up to as much as may be between two tags."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _kind(name: str, kinds: Collection[str] | None) -> str | None:
    if kinds is None or name in kinds:
        return name
    prefix, colon, local = name.partition(":")
    return local if colon and _PREFIX.fullmatch(prefix) and local in kinds else None


def _may_become(begun: str, kinds: Collection[str] | None) -> bool:
    """Whether a name with this beginning may be one of ``kinds``, perhaps with a prefix."""
    if kinds is None:
        return True
    prefix, colon, local = begun.partition(":")
    if not _PREFIX.fullmatch(prefix):
        return any(each.startswith(begun) for each in kinds)
    return not colon or any(each.startswith((local, begun)) for each in kinds)


def _value(behind_name: str | None, attributes: str) -> str | None:
    if behind_name is not None:
        return _unquoted(behind_name)
    if not attributes:
        return None
    named = (found[2] for found in _ATTRIBUTES_IN_TAG.finditer(attributes) if found[1] == "name")
    value = next(named, None)
    return None if value is None else _unquoted(value)


def _unquoted(value: str) -> str:
    return decoded(value[1:-1].strip() if value[0] in "\"'" else value)
