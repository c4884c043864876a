"""Entities: whether a bot escaped what it wrote, decided at the first entity.

The notation asks for raw values, but some bots escape them as XML. Who escapes, escapes every ``<``,
``>`` and ``&``: so a value whose first entity comes before any of these stands raw is decoded, any
other stays as it is. Entities are XML's five and numbers; ``&nbsp;`` is a bare ``&``.
"""

from __future__ import annotations

import re

_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ENTITY = re.compile(r"&(amp|lt|gt|quot|apos|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_BEGUN = re.compile(r"&(?:#(?:[0-9]{0,7}|[xX][0-9a-fA-F]{0,6})|[a-z]{0,4})\Z")
_SIGN = re.compile(r"[<>&]")


class Entities:
    """Decodes the text of one value. Holds back the beginning of an entity."""

    def __init__(self) -> None:
        self._held = ""
        self._is_escaped: bool | None = None  # not decided yet

    def feed(self, text: str) -> str:
        text = self._held + text
        begun = _begun(text)
        if self._is_escaped is None:
            self._is_escaped = _is_escaped(text[:begun])
        if self._is_escaped is False:
            begun = len(text)
        self._held = text[begun:]
        return decoded(text[:begun]) if self._is_escaped else text[:begun]

    def finish(self) -> str:
        held, self._held = self._held, ""
        return held


def decoded(text: str) -> str:
    """``text`` with its entities decoded; anything else stays."""
    return _ENTITY.sub(lambda found: _character(found[1]) or found[0], text) if "&" in text else text


def _is_escaped(text: str) -> bool | None:
    sign = _SIGN.search(text)
    if sign is None:
        return None
    entity = _ENTITY.match(text, sign.start())
    return entity is not None and _character(entity[1]) is not None


def _begun(text: str) -> int:
    """Where an entity begins that the end of ``text`` leaves incomplete."""
    found = _BEGUN.search(text, max(0, len(text) - 10))
    return found.start() if found else len(text)


def _character(entity: str) -> str | None:
    """The character that an entity stands for; ``None`` if XML does not have it."""
    if not entity.startswith("#"):
        return _NAMED[entity]
    digits = entity[1:]
    code = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    is_character = code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0x10FFFF
    return chr(code) if is_character else None
