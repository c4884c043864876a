"""Settle: ``replace_response``. Text that may still be replaced is held back.

A bot may replace all that it has said, and a client that only appends cannot take anything back.
So text goes on at once while the bot only appends, and waits where the bot shows that it replaces:

* An answer that begins with ``replace_response`` is held, whatever its words.
* An answer that begins with a progress line ("Generating image (3s)", "*Thinking...*") is held
  until something else than such a line stands in it.
* Once a bot has replaced, its text is held until the end of the answer, or until
  ``APPENDS_AGAIN`` text events in a row have followed the last replacement: such a bot has gone
  over to appending, as reasoning models do after their progress lines.

What is replaced after it went on is made good as well as it can be: if the new text continues the
old, only what is new goes on; else a ``Restart`` does, and the whole new text.

Holds: one answer's text, at most. Remembers what went on only up to ``REMEMBERED`` characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import cast

from app.answer.deltas import Restart, Text
from app.poe.events import Event, File, Replace
from app.poe.events import Text as TextEvent

APPENDS_AGAIN = 16
REMEMBERED = 1024 * 1024

_ELAPSED = r"\([^()\n]*?\d\s?(?:(?:s|secs?|seconds?|m|mins?|minutes?)\b|%)[^()\n]*\)"
_PROGRESS = re.compile(
    rf"""\s* [*_]{{0,3}}
        (?: [^\n]*? {_ELAPSED}                                            # "Drawing a cat (3s)"
          | (?:\S{{1,4}}\s)? [A-Z][a-z]*ing\b [^\n]*?                      # "Thinking..."
            (?: \.{{3}} | … | \d{{1,3}}\s?% ) (?: \s* {_ELAPSED} )?          # "Loading 40%"
        )
        [*_]{{0,3}} \s*""",
    re.VERBOSE,
)
_PROGRESS_LIMIT = 300


def is_progress(text: str) -> bool:
    """Whether ``text`` consists of nothing but lines that report progress."""
    if len(text) > _PROGRESS_LIMIT:
        return False
    lines = [line for line in text.split("\n") if line.strip()]
    return bool(lines) and all(map(_PROGRESS.fullmatch, lines))


class Settle:
    """Events in, settled text and files out. ``passed`` counts the characters released by the last batch."""

    def __init__(self) -> None:
        self._held: list[str] | None = []  # None: text goes on at once
        self._has_replaced = False
        self._appended = 0  # text events since the last replacement
        self._sent: list[str] = []  # what went on, unless it is too much to remember
        self._sent_size = 0
        self.passed = 0

    def feed(self, batch: Sequence[Event]) -> list[Text | Restart | File]:
        self.passed = 0
        settled: list[Text | Restart | File] = []
        for kind, events in groupby(batch, type):
            if kind is TextEvent:
                self._take([event.text for event in cast("Iterable[TextEvent]", events)], settled)
                continue
            for event in events:
                if type(event) is Replace:
                    self._replace(event.text)
                elif type(event) is File:
                    settled.append(event)
        return settled

    def finish(self) -> list[Text | Restart | File]:
        """The answer is over: what is held back is final."""
        settled: list[Text | Restart | File] = []
        self._release(settled)
        return settled

    def _take(self, texts: Sequence[str], settled: list[Text | Restart | File]) -> None:
        """Hold ``texts`` back until one of them releases everything; those after it pass at once."""
        held = 0
        while self._held is not None and held < len(texts):
            if texts[held]:
                self._append(texts[held], settled)
            held += 1
        if held < len(texts):
            self._send(texts[held:] if held else texts, settled)

    def _append(self, text: str, settled: list[Text | Restart | File]) -> None:
        assert self._held is not None
        self._held.append(text)
        self._appended += 1
        if self._has_replaced:
            if self._appended >= APPENDS_AGAIN:
                self._release(settled)
        elif not is_progress("".join(self._held)):
            self._release(settled)

    def _replace(self, text: str) -> None:
        self._held = [text]
        self._has_replaced = True
        self._appended = 0

    def _release(self, settled: list[Text | Restart | File]) -> None:
        """Release what is held back: the whole answer if the bot has replaced it, else what is new."""
        if self._held is None:
            return
        text = "".join(self._held)
        self._held = None
        if self._has_replaced and self._sent_size:
            before = "".join(self._sent)
            if before and text.startswith(before):
                text = text[len(before) :]
            else:
                settled.append(Restart())
                self._sent, self._sent_size = [], 0
        self._send([text], settled)

    def _send(self, texts: Sequence[str], settled: list[Text | Restart | File]) -> None:
        settled += map(Text, filter(None, texts))
        text = "".join(texts)
        self._sent_size += len(text)
        self.passed += len(text)
        if self._sent_size <= REMEMBERED:
            self._sent.append(text)
        elif self._sent:
            self._sent = []
