"""Thinking: what a bot thought, told apart from what it answers.

Two notations, as Poe's bots write them:

* A marker line (``*Thinking...*``, also without asterisks, also with a time) and a quote::

      *Thinking...*

      > **Planning**
      > I should look at …

      The answer.

  At the start of the answer, or later after an empty line (a second round, after a tool). One
  quote sign a line is taken away; the empty line after the marker may be missing. The quote ends
  at the first line that is none. A marker that no quote follows is text; only in its asterisks,
  at the very start, it is a marker of its own and is dropped.
* ``<think>…</think>`` or ``<thinking>…</thinking>`` at the very start; never closed, all is reasoning.

Where calls of tools are read out of the text, a call's values must stay as they are: there the first
``<`` of the answer ends the search for markers.

Blank lines around reasoning, and between it and the answer, belong to neither. What merely looks
like a marker is given back to the byte.

Holds: a line that may still be a marker, with the blank lines around it; a tag's beginning; white
space at the end of reasoning. But for the last, all this has bounds that are part of the notation:
what goes beyond them is no marker and no tag, whatever the cuts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import groupby
from typing import cast

from app.answer import markers
from app.answer.deltas import Reasoning, Restart, Text

_SPACE_LIMIT = 1024  # characters before the first marker or tag; of the answer's indentation

_BLANK_LINES = re.compile(r"(?:[ \t\r]*+\n)++")
_BLANK_END = re.compile(r"[ \t\r]*\Z")
_SPACE = re.compile(r"\s*")
_SPACE_BEFORE = re.compile(rf"\s{{0,{_SPACE_LIMIT}}}")
_INDENT_END = re.compile(r" {0,3}\Z")
_TAGS = {"<think>": "</think>", "<thinking>": "</thinking>"}

_Output = list[Text | Reasoning | Restart]
_State = Callable[["Thinking", str, int, _Output], int]


class _Place(Enum):
    """Where in its line the text has got to."""

    PARAGRAPH = "at the start of a line, behind an empty one"
    BLANK = "in a line that is blank so far"
    INSIDE = "in a line that is not"


class Thinking:
    """Text in; text and reasoning out. ``may_call``: the text may hold calls of tools."""

    def __init__(self, *, may_call: bool = False) -> None:
        self._may_call = may_call
        self._begin()

    def _begin(self) -> None:
        """Be at the very start of an answer."""
        # The state is the method that reads on from a position and returns how far it came. One
        # that neither moves nor changes the state needs more text. It is not bound to this object,
        # which would then hold itself until the collector comes.
        self._state: _State = Thinking._read_start
        self._held = ""
        self._is_at_start = True
        self._place = _Place.INSIDE
        self._closing = ""  # the tag that ends the reasoning
        self._thoughts = 0  # blocks of reasoning so far
        self._has_thought = False  # the current block said something
        self._space: list[str] = []  # white space that is reasoning only if more of it comes
        self._text: list[str] = []  # passed, not yet an item
        self._is_indented = True  # a gap's white space now belongs to the answer's first line
        self._flows = False  # the text stands inside a line of the answer: only its end can bring reasoning

    def feed(self, batch: Sequence[Text | Restart]) -> _Output:
        passed: _Output = []
        for kind, items in groupby(batch, type):
            if kind is Text:
                self._take(cast("list[Text]", list(items)), passed)
            else:
                self._begin()
                passed += items
        return passed

    def finish(self) -> _Output:
        """The answer is over: what is held back is what it looks like."""
        passed: _Output = []
        held, self._held = self._held, ""
        if self._state == Thinking._read_tagged:
            self._think(held, passed)
        elif self._state in (Thinking._read_start, Thinking._read_marker, Thinking._read_text):
            self._text.append("" if self._is_at_start and markers.is_bare(held) else held)
        self._flush(passed)
        return passed

    def _take(self, items: list[Text], passed: _Output) -> None:
        """Read ``items``; those within a line of the answer, as nearly all are, pass as they are."""
        if not self._flows:
            self._read(items[0].text, passed)
            items = items[1:]
        if self._flows and self._goes_on("".join([item.text for item in items])):
            passed += items
            return
        for item in items:
            if self._flows and self._goes_on(item.text):
                passed.append(item)
            else:
                self._read(item.text, passed)

    def _goes_on(self, text: str) -> bool:
        """Whether ``text`` only continues the current line of the answer."""
        return "\n" not in text and not (self._may_call and "<" in text)

    def _read(self, text: str, passed: _Output) -> None:
        text = self._held + text
        self._held = ""
        position = 0
        while position < len(text):
            state = self._state
            reached = state(self, text, position, passed)
            if reached == position and self._state == state:
                self._held = text[position:]
                break
            position = reached
        self._flows = self._place is _Place.INSIDE and self._state == Thinking._read_text and not self._held
        self._flush(passed)

    def _flush(self, passed: _Output) -> None:
        text = "".join(self._text)
        self._text.clear()
        if text:
            passed.append(Text(text))

    def _think(self, text: str, passed: _Output) -> None:
        if not self._has_thought:
            text = text.lstrip()
        end = len(text.rstrip())
        if not end:
            self._space.append(text)
            return
        words = "".join([*self._space, text[:end]])
        self._space = [text[end:]]
        if not self._has_thought:
            self._has_thought = True
            self._thoughts += 1
            words = ("\n\n" if self._thoughts > 1 else "") + words
        self._flush(passed)
        passed.append(Reasoning(words))

    # The states.

    def _read_start(self, text: str, position: int, _passed: _Output) -> int:
        """The very start: white space, then a tag, a marker, or the answer."""
        start = _end_of(_SPACE_BEFORE, text, position)
        if start == len(text):
            return position
        if text[start] == "<":
            opened = next((tag for tag in _TAGS if text.startswith(tag, start)), None)
            if opened:
                return self._open_block(Thinking._read_tagged, start + len(opened), _TAGS[opened])
            if any(tag.startswith(text[start:]) for tag in _TAGS):
                return position
        elif (verdict := markers.is_marker(text, start)) is None:
            return position
        elif verdict:
            self._state = Thinking._read_marker
            return position
        self._state = Thinking._read_text
        self._is_at_start = False
        return position

    def _read_text(self, text: str, position: int, _passed: _Output) -> int:
        """The answer: goes on up to the next paragraph that may be a marker."""
        if self._place is _Place.PARAGRAPH:
            verdict = markers.is_marker(text, position)
            if verdict is None:
                return position
            if verdict:
                self._state = Thinking._read_marker
                return position
        if self._place is not _Place.INSIDE:
            blank = _BLANK_LINES.match(text, position) or _BLANK_END.match(text, position)
            if blank:
                self._place = _Place.PARAGRAPH if text.endswith("\n", position, blank.end()) else _Place.BLANK
                self._text.append(blank[0])
                return blank.end()
        paragraph = markers.PARAGRAPH.search(text, position)
        end = paragraph.end() if paragraph else len(text)
        if self._may_call and "<" in text[position:end]:
            self._state = Thinking._read_rest
            return position
        self._place = _Place.PARAGRAPH if paragraph else _place_at_end(text, position)
        self._text.append(text[position:end])
        return end

    def _read_rest(self, text: str, position: int, _passed: _Output) -> int:
        """The rest of the answer, in which nothing is a marker any more."""
        self._text.append(text[position:])
        return len(text)

    def _read_marker(self, text: str, position: int, _passed: _Output) -> int:
        """The marker's line is complete: does a quote follow?"""
        start = _end_of(_SPACE, text, position)
        line_end = text.index("\n", start) + 1
        after = _end_of(markers.LINES_BEFORE_QUOTE, text, line_end)
        if markers.QUOTE_SIGN.match(text, after):
            self._place = _Place.BLANK
            return self._open_block(Thinking._read_quote, after)
        if markers.QUOTE_BEGUN.match(text, after):
            return position
        if not (self._is_at_start and markers.is_bare(text[start:line_end])):
            self._text.append(text[position:after])
        self._state = Thinking._read_text
        self._place = _Place.PARAGRAPH if after > line_end else _Place.BLANK
        self._is_at_start = False
        return after

    def _read_quote(self, text: str, position: int, passed: _Output) -> int:
        """Reasoning as a quote, a line at a time."""
        if self._place is not _Place.INSIDE:
            sign = markers.QUOTE_SIGN.match(text, position)
            if sign is None:
                return position if _INDENT_END.match(text, position) else self._close_block(position)
            if sign.end() == len(text) and sign[0].endswith(">"):
                return position
            self._place = _Place.INSIDE
            return sign.end()
        end = text.find("\n", position) + 1
        if end:
            self._place = _Place.BLANK
        self._think(text[position : end or len(text)], passed)
        return end or len(text)

    def _read_tagged(self, text: str, position: int, passed: _Output) -> int:
        """Reasoning between tags."""
        end = text.find(self._closing, position)
        if end >= 0:
            self._think(text[position:end], passed)
            self._close_block(end)
            self._is_indented = False
            return end + len(self._closing)
        begun = next(
            length
            for length in range(min(len(self._closing) - 1, len(text) - position), -1, -1)
            if text.endswith(self._closing[:length])
        )
        if len(text) - begun > position:
            self._think(text[position : len(text) - begun], passed)
        return len(text) - begun

    def _read_gap(self, text: str, position: int, _passed: _Output) -> int:
        """White space between reasoning and answer; only the answer's own indentation stays."""
        start = _end_of(_SPACE, text, position)
        line = text.rfind("\n", position, start) + 1
        self._is_indented = self._is_indented or line > 0
        indentation = max(line, position, start - _SPACE_LIMIT) if self._is_indented else start
        if start < len(text):
            self._state = Thinking._read_text
            self._place = _Place.PARAGRAPH
        return indentation

    def _open_block(
        self,
        state: _State,
        position: int,
        closing: str = "",
    ) -> int:
        self._state = state
        self._closing = closing
        self._is_at_start = False
        self._has_thought = False
        self._space = []
        return position

    def _close_block(self, position: int) -> int:
        self._state = Thinking._read_gap
        self._is_indented = True
        return position


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Where what ``pattern`` matches at ``position`` ends."""
    found = pattern.match(text, position)
    return found.end() if found else position


def _place_at_end(text: str, position: int) -> _Place:
    """Where in its line ``text[position:]``, which began inside a line, ends."""
    line_end = text.rfind("\n", position)
    if line_end < 0 or not _BLANK_END.match(text, line_end + 1):
        return _Place.INSIDE
    if line_end + 1 < len(text):
        return _Place.BLANK
    before = text.rfind("\n", position, line_end)
    is_paragraph = before >= 0 and _BLANK_END.match(text[before + 1 : line_end])
    return _Place.PARAGRAPH if is_paragraph else _Place.BLANK
