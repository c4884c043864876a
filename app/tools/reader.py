"""Reader: a call's parameters as the bot writes them, from its opening tag to its end.

Holds white space at the start of a value, which may stand before CDATA, and what may be a value's
end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from app.tools.arguments import Arguments
from app.tools.calls import Call, Parameter
from app.tools.tags import UNDECIDED, MaybeEnd, space_end

_CDATA = "<![CDATA["
_CDATA_END = "]]>"
_SIGN = re.compile(r"<(?:/(?=[^\s<>/]|\Z)|\Z)")
_CDATA_SIGN = re.compile(rf"\]\]>|\]{{1,2}}\Z|{_SIGN.pattern}")

_State: TypeAlias = Callable[[str, int], int]


class CallReader:
    """The text of one call in, pieces of its arguments out. ``is_over``: the call has ended."""

    def __init__(self, call: Call) -> None:
        # The state is the method that reads on from a position and returns how far it came. One
        # that neither moves nor changes the state needs more text.
        self._state: _State = self._read_parameter
        self._call = call
        self._arguments = Arguments(call.tool.parameters)
        self._pieces: list[str] = []
        self._is_last = False  # no more text comes
        self._is_broken = False  # CDATA went on behind what looked like its end
        self.is_over = False

    def read(self, text: str, position: int) -> tuple[int, str]:
        """Read on at ``position``; return how far that came, and what it adds to the arguments."""
        while position < len(text) and not self.is_over:
            state = self._state
            reached = state(text, position)
            if reached == position and self._state == state:
                break
            position = reached
        return position, self._take()

    def finish(self, held: str) -> str:
        """The text ends with ``held``; return the rest of the arguments."""
        self._is_last = True
        _, piece = self.read(held, 0)
        if not self.is_over:
            self._end()
        return piece + self._take()

    def _take(self) -> str:
        piece = "".join(self._pieces)
        self._pieces.clear()
        return piece

    def _end(self) -> None:
        self._pieces += [self._arguments.end(), self._arguments.close()]
        self.is_over = True

    # The states.

    def _read_parameter(self, text: str, position: int) -> int:
        """Between two values: another parameter, or the end of the call."""
        start = space_end(text, position)
        if start == len(text):
            return position
        parameter = self._call.parameter(text, start)
        if isinstance(parameter, Parameter):
            return self._begin_value(parameter)
        end = self._call.closing(text, start)
        if UNDECIDED in (parameter, end) and not self._is_last:
            return position
        self._end()
        return end if isinstance(end, int) else start

    def _begin_value(self, parameter: Parameter) -> int:
        self._call.begin(parameter)
        self._parameter = parameter
        if parameter.is_empty:
            self._begin_arguments(is_verbatim=False)
            self._end_value()
        else:
            self._state = self._read_start
        return parameter.end

    def _begin_arguments(self, *, is_verbatim: bool) -> None:
        self._is_broken = False
        self._pieces.append(self._arguments.begin(self._parameter.name, is_verbatim=is_verbatim))

    def _end_value(self) -> None:
        self._pieces.append(self._arguments.end())
        self._state = self._read_parameter

    def _read_start(self, text: str, position: int) -> int:
        """The start of a value: CDATA or not."""
        start = space_end(text, position)
        is_verbatim = text.startswith(_CDATA, start)
        if not is_verbatim and _CDATA.startswith(text[start : start + len(_CDATA)]) and not self._is_last:
            return position
        self._begin_arguments(is_verbatim=is_verbatim)
        self._state = self._read_verbatim if is_verbatim else self._read_value
        return start + len(_CDATA) if is_verbatim else position

    def _read_value(self, text: str, position: int) -> int:
        sign = _SIGN.search(text, position)
        while sign is not None and (end := self._call.value_end(text, sign.start())) is None:
            sign = _SIGN.search(text, sign.end())
        place = self._pass(text, position, sign)
        return place if sign is None else self._end_at(end, text, place, "<")

    def _read_verbatim(self, text: str, position: int) -> int:
        """CDATA, which ends only with its own sign before the value's end."""
        sign = _CDATA_SIGN.search(text, position)
        place = self._pass(text, position, sign)
        if sign is None or place > position:
            return place
        if sign[0].startswith("<"):
            end = self._call.value_end(text, place) if self._is_broken else None
            is_last = end is None and self._call.is_last(text, place)
            return self._end_at(UNDECIDED if is_last else end, text, place, "<")
        if sign[0] != _CDATA_END:
            return self._end_at(UNDECIDED, text, place, sign[0])
        if text.startswith(_CDATA, sign.end()):  # what holds "]]>" is cut in two within it
            return sign.end() + len(_CDATA)
        behind = space_end(text, sign.end())
        is_open = behind == len(text) or _CDATA.startswith(text[sign.end() : sign.end() + len(_CDATA)])
        end = UNDECIDED if is_open else self._call.value_end(text, behind)
        self._is_broken = self._is_broken or end is None
        return self._end_at(end, text, place, _CDATA_END)

    def _pass(self, text: str, position: int, sign: re.Match[str] | None) -> int:
        """Pass the value's text up to ``sign``."""
        place = sign.start() if sign else len(text)
        if place > position:
            self._pieces.append(self._arguments.feed(text[position:place]))
        return place

    def _end_at(self, end: MaybeEnd, text: str, place: int, sign: str) -> int:
        """End the value if there is an ``end``; else ``sign`` at ``place`` is part of it."""
        if end is UNDECIDED:
            if not self._is_last:
                return place
            end = len(text) if len(text) - place > 1 else None
        if end is None:
            self._pieces.append(self._arguments.feed(sign))
            return place + len(sign)
        self._end_value()
        return end
