"""Native: a bot's own calls of tools, passed on as they arrive.

Ids and arguments stay as the bot gives them; calls are counted from 0 as they begin, since clients keep
them in a list. Only what clients need and is missing is added: ``{}`` for arguments that never arrived, and
an id, also if two calls have the same one. Whoever ends inside of arguments has reached a limit of its own.

Holds: the arguments of a call until its name has arrived. Remembers all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from msgspec import Raw

from app.answer.deltas import ToolCallArguments, ToolCallStart
from app.poe.events import ToolCallPiece

_CUT = "truncated"  # what msgspec says of a beginning of JSON
_Calls: TypeAlias = list[ToolCallStart | ToolCallArguments]


@dataclass
class _Call:
    id: str | None = None
    number: int = -1  # of those that have begun; -1: it has not
    arguments: str = ""  # held until the call has begun
    passed: list[str] = field(default_factory=list)  # arguments

    @property
    def has_begun(self) -> bool:
        return self.number >= 0

    @property
    def is_cut(self) -> bool:
        """Whether its arguments are the beginning of JSON, and no more."""
        try:
            msgspec.json.decode("".join(self.passed), type=Raw)
        except msgspec.DecodeError as error:
            return bool(self.passed) and _CUT in str(error)
        except RecursionError:
            return False
        return False


class NativeCalls:
    """Pieces of calls in, calls out. Without ``parallel`` only the first is passed on."""

    def __init__(self, make_id: Callable[[], str], *, parallel: bool = True) -> None:
        self._make_id = make_id
        self._parallel = parallel
        self._calls: dict[int, _Call] = {}  # by the bot's index
        self._ids: set[str] = set()  # of those that have begun, whose numbers are as many
        self._last = 0  # the index of the call that pieces without one belong to

    def feed(self, pieces: Iterable[ToolCallPiece]) -> _Calls:
        passed: _Calls = []
        for piece in pieces:
            self._take(piece, passed)
        return passed

    def finish(self) -> _Calls:
        """The answer is over: a call without arguments has none."""
        return [
            ToolCallArguments(call.number, "{}")
            for call in self._calls.values()
            if call.has_begun and not call.passed
        ]

    @property
    def is_cut(self) -> bool:
        """Whether the bot has not come to the end of a call's arguments."""
        return any(call.is_cut for call in self._calls.values())

    def _take(self, piece: ToolCallPiece, passed: _Calls) -> None:
        index = self._index_of(piece)
        if not self._parallel and index not in self._calls and self._calls:
            return
        self._last = index
        call = self._calls.setdefault(index, _Call())
        call.id = call.id or piece.id
        call.arguments += piece.arguments
        if piece.name and not call.has_begun:
            passed.append(self._begin(call, piece.name))
        if call.has_begun and call.arguments:
            call.passed.append(call.arguments)
            passed.append(ToolCallArguments(call.number, call.arguments))
            call.arguments = ""

    def _begin(self, call: _Call, name: str) -> ToolCallStart:
        call.number = len(self._ids)
        id = call.id if call.id and call.id not in self._ids else self._make_id()
        self._ids.add(id)
        return ToolCallStart(call.number, id, name)

    def _index_of(self, piece: ToolCallPiece) -> int:
        """The index that the bot gives; without one, a new id begins the next call."""
        if piece.index is not None:
            return piece.index
        last = self._calls.get(self._last)
        is_new = last is not None and piece.id is not None and piece.id != last.id
        return max(self._calls) + 1 if is_new else self._last
