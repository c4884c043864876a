"""Markers: the line with which a bot's quoted thoughts begin, as far as it has come."""

from __future__ import annotations

import re

_BLANKS = r"[ \t\r]{0,80}"  # in a line around a marker
_LINE_TAIL = rf"[*_]{{0,3}}{_BLANKS}"
_MARKER = re.compile(rf"[*_]{{0,3}}Thinking(?:\.{{3}}|…)(?: ?\([^()\n]{{1,40}}\))?{_LINE_TAIL}")
_MARKER_BEGUN = re.compile(
    r"[*_]{0,3}(?:"
    + "|".join("Thinking.."[:length].replace(".", r"\.") for length in range(11))
    + rf"|Thinking(?:\.{{3}}|…)(?: ?\([^()\n]{{0,40}}|(?: ?\([^()\n]{{1,40}}\))?{_LINE_TAIL}))"
)
# An empty line, if what follows it may be a marker.
PARAGRAPH = re.compile(r"\n[ \t\r]*\n(?=[*_]{0,3}(?:T|\Z))")
LINES_BEFORE_QUOTE = re.compile(rf"(?:{_BLANKS}\n){{0,12}}")
QUOTE_BEGUN = re.compile(rf"{_BLANKS}\Z")
QUOTE_SIGN = re.compile(r" {0,3}> ?")


def is_marker(text: str, position: int) -> bool | None:
    """Whether the line at ``position`` is a marker; ``None`` while it may become one."""
    end = text.find("\n", position)
    if end >= 0:
        return _MARKER.fullmatch(text, position, end) is not None
    return None if _MARKER_BEGUN.fullmatch(text, position) else False


def is_bare(text: str) -> bool:
    """Whether ``text``, at the very start of an answer, is a marker even if no quote follows."""
    return text.lstrip()[:1] in ("*", "_") and _MARKER.fullmatch(text.strip()) is not None
