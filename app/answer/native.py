"""Native: a bot's own calls of tools, passed on as they come.

Ids, indexes and arguments stay as the bot gives them. What is missing and no client can do without is
put in: an id, an index, ``{}`` for arguments that never came.

Holds: the arguments of a call until its name has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from app.answer.deltas import ToolCallArguments, ToolCallStart
from app.poe.events import ToolCallPiece

_Calls: TypeAlias = list[ToolCallStart | ToolCallArguments]


@dataclass
class _Call:
    id: str | None = None
    has_begun: bool = False
    arguments: str = ""  # held until the call has begun
    has_arguments: bool = False


class NativeCalls:
    """Pieces of calls in, calls out. Without ``parallel`` only the first is passed on."""

    def __init__(self, make_id: Callable[[], str], *, parallel: bool = True) -> None:
        self._make_id = make_id
        self._parallel = parallel
        self._calls: dict[int, _Call] = {}
        self._last = 0  # the index of the call that pieces without one belong to

    def feed(self, pieces: Iterable[ToolCallPiece]) -> _Calls:
        passed: _Calls = []
        for piece in pieces:
            self._take(piece, passed)
        return passed

    def finish(self) -> _Calls:
        """The answer is over: a call without arguments has none."""
        return [
            ToolCallArguments(index, "{}")
            for index, call in self._calls.items()
            if call.has_begun and not call.has_arguments
        ]

    def _take(self, piece: ToolCallPiece, passed: _Calls) -> None:
        index = self._index_of(piece)
        if not self._parallel and index not in self._calls and self._calls:
            return
        self._last = index
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or piece.id
        call.arguments += piece.arguments
        if piece.name and not call.has_begun:
            call.has_begun = True
            passed.append(ToolCallStart(index, call.id or self._make_id(), piece.name))
        if call.has_begun and call.arguments:
            call.has_arguments = True
            passed.append(ToolCallArguments(index, call.arguments))
            call.arguments = ""

    def _index_of(self, piece: ToolCallPiece) -> int:
        """The index that the bot gives; else a new id begins the next call."""
        if piece.index is not None:
            return piece.index
        last = self._calls.get(self._last)
        is_new = last is not None and piece.id is not None and piece.id != last.id
        return max(self._calls) + 1 if is_new else self._last
