"""Files: references to attachments become links.

A bot's text refers to a ``file`` event by its ``inline_ref``, as Markdown's reference links do
(CommonMark 0.31, section 6.3): ``![title][ref]`` and ``[title][ref]`` become ``![title](url)`` and
``[title](url)``; ``[ref]`` alone becomes ``[ref](url)``. A file to which nothing refers is
appended at the end, images as ``![name](url)``, others as ``[name](url)``. Brackets that are no
reference stay as they are, to the byte.

The event may come after the text, so what follows a bracket that may be a reference is held back
until that event comes, or another text event shows that the bot goes on and the bracket's window is
over: ``IMAGE_WINDOW`` characters behind ``![title][ref]``, which hardly means anything else;
``WINDOW`` behind ``[title][ref]`` and behind a name that looks made up (``[aB3dE9xZ]``, ``[abc]``);
none behind any other ``[name]``, which is most often just a word: then the very next event decides,
and where the bracket ends its event nothing is held at all. A bracket that stands right behind a word
(an index), holds no name where it stands alone, or is followed by ``(``, ``:`` or ``]`` is not waited
for. The brackets' own content is never held, but for a second pair's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from app.answer.deltas import Restart, Text, only_texts
from app.errors import bad_upstream
from app.poe.events import File

WINDOW = 128
IMAGE_WINDOW = 4096
LIMIT = 1000  # files of an answer: all are kept until its end
_EVER = 1 << 62
_CONTENT_LIMIT = 256  # characters between brackets that can still be a reference

_SPECIAL = re.compile(r"[\[\]\n]")
_NO_NAME = r"\[ (?!(?!\d+\])[A-Za-z0-9_-]{2,64}\]) [^\[\]\n]*+ \]"
_BEHIND_A_WORD = r"(?<=[\w\[\])])"
# Text in which no bracket can be a reference: where one closes nothing, is not closed on its line, holds
# what is no _NAME, or where a link's target follows.
_INERT = rf"""
      [^\[\]]++
    | \] (?=[^\[])
    | \[ [^\[\]\n]*+ (?=[\[\n])
    | \[ [^\[\]\n]*+ \] (?=\()
    | {_NO_NAME} (?=[^\[])
    | {_BEHIND_A_WORD} {_NO_NAME} (?={_NO_NAME})
    """
_inert = re.compile(rf"(?:{_INERT})*+", re.VERBOSE).match
_inert_without_files = re.compile(
    rf"(?:{_INERT} | {_BEHIND_A_WORD} \[ [^\[\]\n]*+ \] (?=[\s\S]) )*+", re.VERBOSE
).match
_SECOND = re.compile(rf"\[([^\[\]\n]{{1,{_CONTENT_LIMIT}}})\]")
_SECOND_UNFINISHED = re.compile(rf"\[[^\[\]\n]{{0,{_CONTENT_LIMIT}}}\Z")
_NAME = re.compile(r"(?!\d+\Z)[A-Za-z0-9_-]{2,64}")
# Letters and digits, or cases, mixed as fastapi_poe's generate_inline_ref does; or too short for a word.
_MADE_UP = re.compile(r"(?=.*\d|.*[a-z][A-Z])[A-Za-z0-9_-]{2,64}|[a-z]{2,3}")


class Files:
    """Text and files in, text with links out."""

    def __init__(self) -> None:
        self._known: dict[str, File] = {}
        self._has_odd_name = False  # one that is no _NAME is known
        self._files: list[File] = []
        self._used: set[str] = set()
        self._last = ""  # the last two characters that went on
        self._forget()

    def _forget(self) -> None:
        """Be at the start of a text."""
        self._open: str | None = None  # content of the brackets that are open
        self._is_image = False  # they, or those just closed, stand behind a "!"
        self._is_index = False  # they stand right behind a word
        self._closed = False  # a "]" went on, what follows it decides what it was
        self._first: str | None = None  # what stood between the brackets just closed
        self._held: list[str] = []
        self._held_size = 0
        self._awaited: str | None = None  # the reference whose file would settle it
        self._window = 0  # how many characters may be held for it

    def feed(self, batch: Sequence[Text | Restart | File]) -> Sequence[Text | Restart]:
        texts = only_texts(batch)
        if texts is not None and self._flows("".join(texts)):
            return cast("Sequence[Text]", batch)
        passed: list[Text | Restart] = []
        for item in batch:
            if isinstance(item, Text):
                if self._flows(item.text):
                    passed.append(item)
                else:
                    self._read(item.text, passed)
            elif isinstance(item, File):
                self._add(item, passed)
            else:
                self._forget()
                self._used.clear()
                self._last = ""
                passed.append(item)
        return passed

    def finish(self) -> list[Text | Restart]:
        """The answer is over: nothing is waited for any more, and loose files are appended."""
        passed: list[Text | Restart] = []
        self._scan(self._take_held(), passed, old=0, is_last=True)
        for file in self._files:
            if file.inline_ref is None or file.inline_ref not in self._used:
                self._pass(self._gap() + _link(file), passed)
        return passed

    def _add(self, file: File, passed: list[Text | Restart]) -> None:
        if len(self._files) == LIMIT:
            raise bad_upstream(f"Poe's answer has more than {LIMIT} files.")
        self._files.append(file)
        if file.inline_ref:
            self._known.setdefault(file.inline_ref, file)
            self._has_odd_name = self._has_odd_name or not _NAME.fullmatch(file.inline_ref)
            if file.inline_ref == self._awaited:
                self._scan(self._take_held(), passed, old=-1)

    def _read(self, text: str, passed: list[Text | Restart]) -> None:
        if self._awaited is not None and 0 < self._held_size < self._window:
            self._hold(text)
        else:
            held = self._take_held()
            self._scan(held + text, passed, old=len(held))

    def _hold(self, text: str) -> None:
        self._held.append(text)
        self._held_size += len(text)

    def _take_held(self) -> str:
        text = "".join(self._held)
        self._held, self._held_size, self._awaited = [], 0, None
        return text

    def _pass(self, text: str, passed: list[Text | Restart]) -> None:
        if text:
            passed.append(Text(text))
            self._remember(text)

    def _remember(self, text: str) -> None:
        if text:
            self._last = text[-2:] if len(text) > 1 else self._last[-1:] + text

    def _flows(self, text: str) -> bool:
        """Whether nothing is open, held or waited for, nor begins in ``text``: it goes on as it is."""
        if self._open is not None or self._closed or "[" in text or "]" in text:
            return False
        self._remember(text)
        return True

    def _scan(self, text: str, passed: list[Text | Restart], *, old: int, is_last: bool = False) -> None:
        """Let ``text`` go on as far as it is decided; hold the rest.

        Behind brackets in the first ``old`` characters the bot has gone on with another event.
        ``is_last``: no more text comes.
        """
        out: list[str] = []
        position = self._skip(text, 0, self._beyond_windows(text, old, is_last=is_last), out)
        while True:
            if self._closed:
                behind = len(text) - position if position <= old else -1
                decision = self._decide(text, position, _EVER if is_last else behind, is_last=is_last)
                if decision is None:
                    self._hold(text[position:])
                    break
                link, skipped = decision
                out.append(link)
                position += skipped
                self._closed = False
            if self._open is None and not self._has_odd_name:
                position = self._skip(text, position, self._end_of_inert(text, position), out)
            special = _SPECIAL.search(text, position)
            if special is None:
                out.append(text[position:])
                self._extend_open(text[position:])
                break
            if special[0] == "[" and self._open is not None:  # which is not closed, then
                out.append(text[position : special.start()])
                position, self._open = special.start(), None
                continue
            out.append(text[position : special.end()])
            self._enter(text, position, special.start())
            position = special.end()
        self._pass("".join(out), passed)

    def _beyond_windows(self, text: str, old: int, *, is_last: bool) -> int:
        """Up to where no bracket is waited for any more, nor refers to a file that is known."""
        if self._known:
            return 0
        if is_last:
            return len(text)
        return max(0, text.rfind("[", 0, max(0, min(old, len(text) - IMAGE_WINDOW))))

    def _end_of_inert(self, text: str, position: int) -> int:
        inert = (_inert if self._known else _inert_without_files)(text, position)
        assert inert is not None  # it may be empty
        return inert.end()

    def _skip(self, text: str, start: int, end: int, out: list[str]) -> int:
        """Let ``text`` go on from ``start`` to ``end``, where nothing is open."""
        if end > start:
            out.append(text[start:end])
            self._open, self._closed = None, False
            last = text.rfind("[", start, end)
            if last >= 0:
                self._note_before(text, last)
        return end

    def _note_before(self, text: str, index: int) -> None:
        """Take note of what stands before the bracket at ``index``."""
        before = text[index - 1] if index else self._last[-1:]
        self._is_image = before == "!"
        self._is_index = before.isalnum() or before in ("_", "[", "]", ")")

    def _enter(self, text: str, position: int, index: int) -> None:
        """Take note of the bracket or line end at ``index``; ``position`` is where its segment began."""
        if text[index] == "[":
            self._open = ""
            self._note_before(text, index)
        elif text[index] == "]":
            self._extend_open(text[position:index])
            self._first = self._open
            self._open = None
            self._closed = True
        else:
            self._open = None

    def _extend_open(self, content: str) -> None:
        if self._open is not None:
            self._open += content
            if len(self._open) > _CONTENT_LIMIT:
                self._open = None

    def _decide(self, text: str, position: int, behind: int, *, is_last: bool) -> tuple[str, int] | None:
        """What to put behind the brackets just closed, and how much of ``text`` that replaces.

        ``behind``: how many characters follow them, if the bot has gone on since, else -1. ``None``:
        only what comes can tell.
        """
        if position == len(text) and not is_last:
            self._await(self._first, self._window_of(self._first), -1)
            return None
        if text.startswith("[", position):
            second = _SECOND.match(text, position)
            if second is not None and second[1] in self._known:
                return self._refer(second[1]), second.end() - position
            is_unfinished = second is None and _SECOND_UNFINISHED.match(text, position) is not None
            if is_unfinished and not is_last and (self._known or not self._is_index):
                return None
            if self._first not in self._known:
                waits = second is not None and self._await_second(second[1], behind)
                return None if waits else ("", 0)
        if self._first in self._known and not text.startswith("(", position):
            return self._refer(self._first), 0
        if text.startswith(("(", ":", "]"), position):
            return "", 0
        return None if self._await(self._first, self._window_of(self._first), behind) else ("", 0)

    def _window_of(self, name: str | None) -> int:
        """The window of brackets that stand alone."""
        return WINDOW if self._is_image or (name is not None and _MADE_UP.fullmatch(name)) else 0

    def _await(self, name: str | None, window: int, behind: int) -> bool:
        """Wait for the file called ``name``, if there may be one and its window is not over."""
        plausible = name is not None and _NAME.fullmatch(name) and (self._is_image or not self._is_index)
        if plausible and behind < window and name not in self._known:
            self._awaited, self._window = name, window
        return self._awaited is not None

    def _await_second(self, name: str, behind: int) -> bool:
        """Wait for the file that the second of two pairs names; ``[1][2]`` are citations."""
        is_citation = name.isdigit() and (self._first or "").isdigit()
        window = IMAGE_WINDOW if self._is_image else WINDOW
        if behind < window and (self._is_image or not (self._is_index or is_citation)):
            self._awaited, self._window = name, window
        return self._awaited is not None

    def _refer(self, name: str) -> str:
        self._used.add(name)
        return f"({_target(self._known[name].url)})"

    def _gap(self) -> str:
        """What sets a file off from the text before it."""
        if not self._last or self._last.endswith("\n\n"):
            return ""
        return "\n" if self._last.endswith("\n") else "\n\n"


def _link(file: File) -> str:
    name = file.name or file.url.partition("?")[0].rpartition("/")[2] or "file"
    label = re.sub(r"([\\\[\]])", r"\\\1", " ".join(name.split()))
    return f"{'!' if file.content_type.startswith('image/') else ''}[{label}]({_target(file.url)})"


def _target(url: str) -> str:
    """A URL as a link's target: characters that would end it early are percent-encoded (RFC 3986)."""
    return re.sub(
        r"[\s()<>]",
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()),
        url,
    )
