"""Patterns: the regular expressions of JSON Schema (ECMA-262), for the engine ``regex``.

That one can give up a match, which no pattern can then spin out. But it writes repetitions out when it
compiles, and knows constructs that ECMA-262 has not. So a pattern is read first: what the two write
differently is put in ``regex``'s words, what is too large or of neither is refused.
"""

from __future__ import annotations

import re

import regex

LENGTH_LIMIT = 2_500
_SIZE_LIMIT = 10_000  # tokens, with repetitions written out
_MATCH_SECONDS = 0.03

_TOKEN = re.compile(
    r"(?P<escape>\\(?:u\{(?:10|[0-9a-fA-F])?[0-9a-fA-F]{1,4}\}|[pP]\{\w[^{}]{0,64}\}|k<\w+>|c[A-Za-z]|.))"
    r"|(?P<set>\[\^?\]|\[(?:[^\]\\]|\\.)++\])"
    r"|(?P<open>\((?:\?(?:[:=!]|<[=!]|P?<\w+>)|(?![?*])))"
    r"|(?P<close>\))"
    r"|(?P<repeat>\{(?P<least>\d{1,6})(?:,(?P<most>\d{0,6}))?\})"
    r"|(?P<mark>[*+?])"
    r"|(?P<flags>\(\?[ims]+\))"
    r"|(?P<other>.)",
    re.DOTALL,
)
_OTHERS = {"$": r"\Z", "{": r"\{", "}": r"\}"}
_SETS = {"[]": "(?!)", "[^]": r"[\s\S]"}
_ESCAPES = {r"\d": "[0-9]", r"\D": "[^0-9]", r"\w": "[0-9A-Za-z_]", r"\W": "[^0-9A-Za-z_]"}
_LETTERS = frozenset("bBdDsSwWnrtfvxupPckAZ")  # with which an escape may begin
_IN_SET = re.compile(r"\\(.)", re.DOTALL)
_IN_SETS = {"d": "0-9", "w": "0-9A-Za-z_"}


class BadPattern(ValueError):
    """A pattern cannot be used; the text says why."""


def compiled(pattern: str) -> regex.Pattern[str]:
    """``pattern``, ready for use. Raises ``BadPattern``."""
    if len(pattern) > LENGTH_LIMIT:
        raise BadPattern(f"it is longer than {LENGTH_LIMIT} characters")
    try:
        return regex.compile(_translated(pattern))
    except (regex.error, OverflowError, RecursionError) as error:
        raise BadPattern(str(error)) from None


def is_found(pattern: regex.Pattern[str], text: str) -> bool:
    """Whether ``pattern`` matches somewhere in ``text``. Raises ``TimeoutError``."""
    return pattern.search(text, timeout=_MATCH_SECONDS) is not None


def _translated(pattern: str) -> str:
    written: list[str] = []
    sizes, last = [0], 0  # of the open groups, and of what a repetition would repeat
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token[0]
        match kind:
            case "open":
                sizes.append(0)
            case "close" if len(sizes) > 1:
                last = sizes.pop() + 1
                sizes[-1] += last
            case "repeat":
                times = int(token["most"] or token["least"])
                sizes[-1] += last * max(times - 1, 0)
                last *= max(times, 1)
            case "escape" | "set" | "other":
                last = 1
                sizes[-1] += 1
        if sum(sizes) > _SIZE_LIMIT:
            raise BadPattern("its repetitions are too large")
        written.append(_written(kind or "", text))
    return "".join(written)


def _written(kind: str, text: str) -> str:
    """A token in the syntax of ``regex``."""
    match kind:
        case "escape":
            return _escape(text)
        case "set":
            return _SETS.get(text) or _IN_SET.sub(lambda found: _IN_SETS.get(found[1], found[0]), text)
        case "other" if text in ("(", "["):
            raise BadPattern(f"{text!r} begins something that is not closed, or unknown")
        case "other":
            return _OTHERS.get(text, text)
        case _:
            return text


def _escape(text: str) -> str:
    letter = text[1]
    if letter.isalpha() and letter not in _LETTERS:
        raise BadPattern(f"{text!r} means nothing")
    if text.startswith(r"\u{"):
        return regex.escape(chr(int(text[3:-1], 16)))
    if letter == "c":
        return regex.escape(chr(ord(text[2]) % 32)) if len(text) > 2 else text
    if letter == "k":
        return f"(?P={text[3:-1]})"
    return _ESCAPES.get(text, text)
