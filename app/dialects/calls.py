"""Calls: one after the other, for dialects in which one is open at a time; a bot may make several at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from app.answer.deltas import ToolCallArguments, ToolCallStart

Piece: TypeAlias = ToolCallStart | ToolCallArguments
_NO_ARGUMENTS = "{}"


class CallsInTurn:
    """Deltas of calls in, the same deltas out, with those of one call together.

    A call that begins while the open one lacks arguments waits for it, until all calls are to end.
    Deltas for a closed call are dropped: its arguments were complete.
    """

    def __init__(self) -> None:
        self._open: int | None = None  # the index of the call
        self._arguments: list[str] = []  # of that
        self._waiting: dict[int, list[Piece]] = {}

    def take(self, piece: Piece) -> list[Piece]:
        """Take ``piece``; return what may be passed on now."""
        if isinstance(piece, ToolCallStart):
            if self._waiting or not self._is_whole():
                self._waiting[piece.index] = [piece]
                return []
            self._begin(piece)
            return [piece]
        if piece.index in self._waiting:
            self._waiting[piece.index].append(piece)
            return []
        if piece.index != self._open:
            return []
        self._arguments.append(piece.arguments)
        return [piece]

    def end(self, *, is_cut: bool = False) -> Iterator[Piece]:
        """The calls are over: return what waits, and ``{}`` for each call without arguments.

        But not for the last call of an answer that ``is_cut``.
        """
        waiting, self._waiting = self._waiting, {}
        for pieces in waiting.values():
            yield from self._end()
            for piece in pieces:
                if isinstance(piece, ToolCallStart):
                    self._begin(piece)
                else:
                    self._arguments.append(piece.arguments)
                yield piece
        if not is_cut:
            yield from self._end()
        self._open = None

    def _begin(self, start: ToolCallStart) -> None:
        self._open, self._arguments = start.index, []

    def _end(self) -> Iterator[Piece]:
        index, self._open = self._open, None
        if index is not None and not any(self._arguments):
            yield ToolCallArguments(index, _NO_ARGUMENTS)

    def _is_whole(self) -> bool:
        """Whether the arguments of the open call, if there is one, are complete JSON."""
        if self._open is None:
            return True
        try:
            msgspec.json.decode("".join(self._arguments))
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return False
        return True
