"""Whole answers: collects all deltas of an answer, for dialects that then write one body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from app.answer.deltas import (
    Delta,
    Failure,
    Finish,
    Reasoning,
    Restart,
    Text,
    ToolCallArguments,
    ToolCallStart,
)


@dataclass
class Call:
    """A call, as far as it has come. Its arguments are pieces of JSON, as the bot wrote it."""

    id: str
    name: str
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        return "".join(self.pieces) or "{}"


class WholeAnswer:
    """Collects deltas. The answer is over once ``finish`` is set."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, Call] = {}
        self.finish: Finish | None = None

    def add(self, deltas: Sequence[Delta]) -> None:
        """Take a batch. Raises the ``ApiError`` of a ``Failure``."""
        for delta in deltas:
            match delta:
                case Text(text):
                    self._text.append(text)
                case Reasoning(text):
                    self._reasoning.append(text)
                case Restart():
                    self._text.clear()
                    self._reasoning.clear()
                case ToolCallStart(index, id, name):
                    self._calls[index] = Call(id, name)
                case ToolCallArguments(index, arguments):
                    self._calls[index].pieces.append(arguments)
                case Finish():
                    self.finish = delta
                case Failure(error):
                    raise error
                case _:
                    assert_never(delta)

    @property
    def is_over(self) -> bool:
        return self.finish is not None

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    @property
    def calls(self) -> Sequence[Call]:
        return list(self._calls.values())
