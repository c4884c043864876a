"""Fields: plain data from outside as typed structs, and errors that name the wrong field."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from app.errors import ApiError, invalid_request

T = TypeVar("T")

_PATH = re.compile(r"^(?P<what>.*) - at `(?P<key>key in )?\$?(?P<path>[^`]*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]*)`")
_QUOTED_LIMIT = 100


def convert(fields: Any, form: type[T], path: str = "") -> T:
    """Convert ``fields``, found at ``path``, to the type ``form``.

    Raises ``ApiError`` (400) whose ``param`` is the path of the wrong field.
    """
    return _convert(fields, form, path, strict=True)


def convert_leniently(fields: Any, form: type[T], path: str = "") -> T:
    """The same, but text may stand for a number, a boolean or null, 100.0 for 100, and 0 or 1 for a boolean.

    Other services take them so, and programs send them so that keep their settings as text.
    """
    return _convert(fields, form, path, strict=False)


def _convert(fields: Any, form: type[T], path: str, *, strict: bool) -> T:
    try:
        return msgspec.convert(fields, form, strict=strict)
    except msgspec.ValidationError as error:
        raise _explained(str(error), path) from None


def _explained(text: str, prefix: str) -> ApiError:
    """Msgspec's message with the path as OpenAI writes it: ``messages[0].content``."""
    found = _PATH.match(text)
    what = found["what"] if found else text
    path = (prefix + (found["path"] if found else "")).removeprefix(".")
    missing = _MISSING.match(what)
    if missing:
        path = f"{path}.{missing['name']}" if path else missing["name"]
        what = "this field is required"
    elif len(what) > _QUOTED_LIMIT + 20:
        what = what[:_QUOTED_LIMIT] + "…"
    return invalid_request(f"{path or 'request'}: {what}.", path or None)
