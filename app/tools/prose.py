"""Prose: what a bot says outside of its calls, and where code stands in it.

A call that stands in Markdown's code is only talked about. Code is a span on one line between runs
of backticks of one length, or a block between fences (CommonMark 0.31, sections 4.5 and 6.1). The
first fence may also stand behind words, since models write it so, if but one word stands behind it.
"""

from __future__ import annotations

import re

_RUN_LIMIT = 32  # backticks in a run
_FENCE = 3  # at least, in a fence
_SIGN = re.compile(rf"<(?=\w|\Z)|`{{1,{_RUN_LIMIT}}}")
_RUN = re.compile("`*")
_IN_CODE = re.compile("[`\n]")
_CLOSING = re.compile(r"^[ \t>]{0,40}(`{3,32})[ \t\r]{0,40}\n", re.MULTILINE)
_INFO = re.compile(r"[ \t]*\S*[ \t\r]*")  # behind a fence that does not begin its line
_INFO_SIZE = 80
_CLOSING_SIZE = 120  # characters that a closing fence's line has at most
_LINE_END = re.compile(r"[\r\n]")


class Prose:
    """Finds the places in a text at which a call may begin."""

    def __init__(self) -> None:
        self._run = 0  # backticks that opened the code in which the text stands
        self._is_block = False
        self._may_be_block = False
        self._info: str | None = None  # what stands behind the run, if it must be one word
        self._closing = 0  # backticks of a run that may close a span
        self._line = ""  # of a block, as far as it may be a closing fence

    def skip(self, text: str, position: int) -> int:
        """Where in ``text``, from ``position`` on, a call may begin; the end of ``text`` if nowhere."""
        while position < len(text):
            if self._is_block:
                position = self._skip_block(text, position)
            elif self._run:
                position = self._skip_span(text, position)
            else:
                sign = _SIGN.search(text, position)
                if sign is None:
                    return len(text)
                is_open = sign.end() == len(text) and len(sign[0]) < _RUN_LIMIT
                if sign[0] == "<" or is_open or len(sign[0]) >= _FENCE:
                    return sign.start()
                position = self.enter(text, sign.start(), is_line_start=False)
        return position

    def enter(self, text: str, position: int, *, is_line_start: bool) -> int:
        """No call begins at ``position``: pass the sign there, perhaps at the start of its line."""
        if text[position] == "<":
            return position + 1
        sign = _SIGN.match(text, position)
        assert sign is not None
        self._run = len(sign[0])
        self._may_be_block = self._run >= _FENCE
        self._info = None if is_line_start else ""
        self._closing = 0
        return sign.end()

    def _skip_span(self, text: str, position: int) -> int:
        run = _RUN.match(text, position)
        assert run is not None
        self._closing += len(run[0])
        position = run.end()
        if position == len(text):
            return position
        if self._closing:
            self._may_be_block = False
            if self._closing == self._run:
                self._run = 0
            self._closing = 0
            return position
        sign = _IN_CODE.search(text, position)
        self._check_info(text, position, sign.start() if sign else len(text))
        if sign is None:
            return len(text)
        if sign[0] == "`":
            return sign.start()
        self._is_block = self._may_be_block
        self._run = self._run if self._is_block else 0
        return sign.end()

    def _check_info(self, text: str, position: int, end: int) -> None:
        if self._may_be_block and self._info is not None:
            self._info += text[position : min(end, position + _INFO_SIZE + 1)]
            self._may_be_block = len(self._info) <= _INFO_SIZE and _INFO.fullmatch(self._info) is not None

    def _skip_block(self, text: str, position: int) -> int:
        if self._line:
            line_end = text.find("\n", position) + 1 or len(text)
            self._line, begun = "", self._line
            return self._skip_line(begun, text, position, line_end)
        found = next((each for each in _CLOSING.finditer(text, position) if len(each[1]) >= self._run), None)
        if found:
            self._leave_block()
            return found.end()
        self._begin_line(text[max(position, text.rfind("\n") + 1) :])
        return len(text)

    def _skip_line(self, begun: str, text: str, position: int, end: int) -> int:
        """Skip the rest of a line that began in an earlier text."""
        line = begun + text[position:end]
        found = _CLOSING.match(line)
        if found and len(found[1]) >= self._run:
            self._leave_block()
        elif not line.endswith("\n"):
            self._begin_line(line)
        return end

    def _begin_line(self, line: str) -> None:
        self._line = line if len(line) <= _CLOSING_SIZE else "-"

    def _leave_block(self) -> None:
        self._run, self._is_block = 0, False


class Margin:
    """Drops the white space before a call: line ends and what follows them, or all there is.

    Only that is held back; other text passes at once.
    """

    def __init__(self) -> None:
        self._held: list[str] = []
        self._has_said = False

    @property
    def is_line_start(self) -> bool:
        return bool(self._held) or not self._has_said

    def feed(self, text: str) -> str:
        """The part of the text that is passed on."""
        if not text or text.isspace():
            if self.is_line_start:
                self._held.append(text)
                return ""
        else:
            if self._held:
                text = "".join([*self._held, text])
                self._held.clear()
            self._has_said = True
            if not text[-1].isspace():
                return text
        end = len(text.rstrip())
        line_end = _LINE_END.search(text, end)
        if line_end is None:
            return text
        self._held.append(text[line_end.start() :])
        return text[: line_end.start()]

    def finish(self) -> str:
        """The rest, as no call follows."""
        text = "".join(self._held)
        self._held.clear()
        return text
