"""Tool calls: read out of what a bot writes, for bots that have no calls of their own.

Text goes on at once, but for what may begin a call, and for the line ends before it: white space
between text and a call belongs to neither. What turns out to be no call is given back untouched.
``app.tools`` knows the forms of calls; here is the order in which a text is read.

A call begins with a ``ToolCallStart`` as soon as it is certain; its arguments follow while the bot
writes them. Once a call was begun there is no text any more: further calls may follow, and with
anything else the answer is over (``is_over``), since the bot only invents results. A text that ends
inside a call ends the call.

A ``Restart`` voids text, but a call that went out cannot be taken back, nor be made a second time by
the text that replaces the first. So once a call was begun, a ``Restart`` is the end of the answer,
streamed or whole; the text before the call stays.

Holds: what may begin a call or end a value, which has bounds (``app.tools.tags``); a call in JSON
until it is whole or long; a value that is no string; the first line of one that begins with a line end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from app.answer.deltas import Reasoning, Restart, Text, ToolCallArguments, ToolCallStart
from app.conversation import Tool
from app.tools.flowing import Flowing
from app.tools.objects import Object
from app.tools.openings import Around, ObjectOpening, Openings
from app.tools.prose import Margin, Prose
from app.tools.reader import CallReader
from app.tools.tags import UNDECIDED, closing_tag

_BETWEEN_CALLS = re.compile(r"[\s,\]]+")  # the signs are those of a list in JSON
_FENCE_END = re.compile(r"`{3,32}(?=\s)")
_FENCE_END_BEGUN = re.compile(r"`{1,32}\Z")

_Input: TypeAlias = Text | Reasoning | Restart
_Output: TypeAlias = Text | Reasoning | Restart | ToolCallStart | ToolCallArguments
_State: TypeAlias = Callable[["ToolCalls", str, int], int]


class ToolCalls:
    """Text in; text and calls of ``tools`` out. Reasoning passes.

    ``make_id`` makes a call's id. Unless ``parallel``, the answer ends with its first call. ``is_over``:
    nothing that the bot still writes matters.
    """

    def __init__(self, tools: Sequence[Tool], make_id: Callable[[], str], *, parallel: bool = True) -> None:
        self._names = {tool.name for tool in tools}
        self._openings = Openings({tool.name: tool for tool in tools})
        self._make_id = make_id
        self._parallel = parallel
        self._out = _Out()
        self._calls = 0
        self.is_over = False
        self._begin()

    def _begin(self) -> None:
        """Be at the very start of an answer."""
        # The state is the method that reads on from a position and returns how far it came. One
        # that neither moves nor changes the state needs more text. It is not bound to this object,
        # which would then hold itself until the collector comes.
        self._state: _State = ToolCalls._read_text
        self._held = ""
        self._is_last = False  # no more text comes
        self._prose = Prose()
        self._margin = Margin()
        self._around = Around()  # what is open around the calls
        self._reader: CallReader | None = None  # of the call that is open
        self._object = Object()
        self._opening: ObjectOpening | None = None  # of the object
        self._flowing: Flowing | None = None  # the object, once it is long and its call has begun
        self._before = ""  # the text that opened it
        self._given_back: str | None = None  # text that is to be read again: no call begins where it does

    @property
    def called(self) -> bool:
        """Whether at least one call was begun."""
        return self._calls > 0

    def feed(self, batch: Sequence[_Input]) -> list[_Output]:
        for item in batch:
            if self.is_over:
                break
            if type(item) is Text:
                self._read(item.text)
            elif type(item) is Reasoning:
                self._out.add(item)
            elif self.called:
                self._finish()
            else:
                self._begin()
                self._out.add(item)
        return self._out.take()

    def finish(self) -> list[_Output]:
        """The answer is over: what is held back is what it looks like, and an open call ends."""
        self._is_last = True
        self._read("")
        while self._opening is not None and self._flowing is None and not self.is_over:
            if not self._object.is_whole or not self._accept_object():
                self._refuse_object()
            self._read("")
        self._finish()
        return self._out.take()

    def _finish(self) -> None:
        if self._reader is not None:
            self._out.add_arguments(self._calls - 1, self._reader.finish(self._held))
            self._reader = None
        self._end_flowing()
        if not self.called:
            self._out.add_text(self._margin.finish())
        self.is_over = True

    def _read(self, text: str) -> None:
        text = self._held + text
        self._held = ""
        position = 0
        while not self.is_over:
            if self._given_back is not None:
                start = position - len(self._given_back)
                if start < 0:
                    text, start = self._given_back + text[position:], 0
                self._given_back = None
                position = self._pass_sign(text, start)
            if position == len(text):
                break
            state = self._state
            reached = state(self, text, position)
            if reached == position and self._state == state and self._given_back is None:
                self._held = text[position:]
                break
            position = reached

    def _begin_call(self, name: str) -> None:
        self._out.add(ToolCallStart(self._calls, self._make_id(), name))
        self._calls += 1

    def _end_call(self) -> None:
        self._reader = None
        self._state = ToolCalls._read_after
        self.is_over = not self._parallel

    # The states.

    def _read_text(self, text: str, position: int) -> int:
        """Text outside of calls."""
        place = self._prose.skip(text, position)
        while place < len(text) and not self._openings.may_begin(text, place):
            place = self._prose.skip(text, place + 1)
        if place > position:
            self._out.add_text(self._margin.feed(text[position:place]))
        return place if place == len(text) else self._open(text, place)

    def _open(self, text: str, position: int) -> int:
        """A call may begin at ``position``."""
        opening = self._openings.read(
            text,
            position,
            self._around,
            is_line_start=self.called or self._margin.is_line_start,
            is_last=self._is_last,
        )
        if opening is UNDECIDED and not self._is_last:
            return position
        if opening is UNDECIDED or opening is None:
            return self._pass_sign(text, position)
        self._around = opening.around
        if isinstance(opening, ObjectOpening):
            self._opening = opening
            self._before = text[position : opening.end]
            self._object = Object()
            self._state = ToolCalls._read_object
            return opening.end
        self._begin_call(opening.call.tool.name)
        self._reader = CallReader(opening.call)
        self._state = ToolCalls._read_call
        if opening.is_over:
            self._out.add_arguments(self._calls - 1, self._reader.finish(""))
            self._end_call()
        return opening.end

    def _pass_sign(self, text: str, position: int) -> int:
        """The sign at ``position`` does not begin a call."""
        if self.called:
            self.is_over = True
            return position
        end = self._prose.enter(text, position, is_line_start=self._margin.is_line_start)
        end = self._prose.skip(text, end)
        self._out.add_text(self._margin.feed(text[position:end]))
        return end

    def _read_call(self, text: str, position: int) -> int:
        """A call in tags."""
        assert self._reader is not None
        reached, piece = self._reader.read(text, position)
        self._out.add_arguments(self._calls - 1, piece)
        if self._reader.is_over:
            self._end_call()
        return reached

    def _read_object(self, text: str, position: int) -> int:
        """A call in JSON."""
        assert self._opening is not None
        position = self._object.feed(text, position)
        if self._object.is_broken or not self._opening.may_call(self._object.beginning, self._names):
            self._refuse_object()
        elif self._object.is_long:
            self._flow()
        elif self._object.is_whole:
            self._state = ToolCalls._read_behind_object
            return self._read_behind_object(text, position)
        return position

    def _read_behind_object(self, text: str, position: int) -> int:
        """What follows the complete object shows whether it is a call."""
        assert self._opening is not None
        end = self._opening.closing(text, position)
        if end is UNDECIDED:
            return position
        if end is None or not self._accept_object():
            self._refuse_object()
            return position
        return end

    def _flow(self) -> None:
        """The object is long: if it is certainly a call, pass its arguments on as they come."""
        assert self._opening is not None
        flowing = self._opening.flowing(self._object.text, self._names)
        self._object.limit = None
        if flowing is None or flowing.name is None:
            return
        self._flowing = flowing
        self._begin_call(flowing.name)
        self._out.add_arguments(self._calls - 1, flowing.take())
        self._state = ToolCalls._read_flowing

    def _read_flowing(self, text: str, position: int) -> int:
        """A long call in JSON."""
        assert self._flowing is not None
        position = self._flowing.feed(text, position)
        self._out.add_arguments(self._calls - 1, self._flowing.take())
        if self._flowing.is_broken:
            self._end_flowing()
            self.is_over = True
        elif self._flowing.is_whole:
            self._state = ToolCalls._read_behind_flowing
        return position

    def _read_behind_flowing(self, text: str, position: int) -> int:
        assert self._opening is not None
        end = self._opening.closing(text, position)
        if end is UNDECIDED:
            return position
        self._end_flowing()
        self._end_call()
        return position if end is None else end

    def _end_flowing(self) -> None:
        if self._flowing is not None:
            self._out.add_arguments(self._calls - 1, self._flowing.finish())
            self._flowing = self._opening = None

    def _accept_object(self) -> bool:
        """Whether the object is a call; if it is, pass that on."""
        assert self._opening is not None
        call = self._opening.called(self._object.text, self._names)
        if call is None:
            return False
        self._opening = None
        self._begin_call(call.name)
        self._out.add_arguments(self._calls - 1, call.arguments)
        self._end_call()
        return True

    def _refuse_object(self) -> None:
        """The object is not a call: it is text, or, after a call, the end of the answer."""
        self._opening = None
        if self.called:
            self.is_over = True
            return
        self._given_back = self._before + self._object.text
        self._around = Around()
        self._state = ToolCalls._read_text

    def _read_after(self, text: str, position: int) -> int:
        """After a call: further calls, or the end."""
        if between := _BETWEEN_CALLS.match(text, position):
            return between.end()
        fence = _FENCE_END.match(text, position)
        end = fence.end() if fence else closing_tag(text, position, self._around.closing)
        if end is UNDECIDED or _FENCE_END_BEGUN.match(text, position):
            return position
        if end is None:
            return self._open(text, position)
        self._around = Around(closing=self._around.closing)
        return end


class _Out:
    """The output of one batch. Adjacent items of the same kind are joined."""

    def __init__(self) -> None:
        self._items: list[_Output] = []
        self._pieces: list[str] = []
        self._call: int | None = None  # whose arguments the pieces are; None: they are text

    def add_text(self, text: str) -> None:
        self._collect(text, None)

    def add_arguments(self, call: int, piece: str) -> None:
        self._collect(piece, call)

    def add(self, item: _Output) -> None:
        self._join()
        self._items.append(item)

    def take(self) -> list[_Output]:
        self._join()
        items, self._items = self._items, []
        return items

    def _collect(self, text: str, call: int | None) -> None:
        if text:
            if call != self._call:
                self._join()
            self._call = call
            self._pieces.append(text)

    def _join(self) -> None:
        if self._pieces:
            text = "".join(self._pieces)
            self._items.append(Text(text) if self._call is None else ToolCallArguments(self._call, text))
            self._pieces = []
