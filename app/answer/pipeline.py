"""Pipeline: the stages of one answer, composed.

A stage has ``feed(batch)`` and ``finish()``; its output is the input of the next one. A stage
that a request does not need is not in its pipeline. However the same events are batched, the joined
output is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from app.answer.deltas import Delta, Reasoning, Text, ToolCallArguments, Usage
from app.answer.files import Files
from app.answer.limits import MaxTokens, StopStrings
from app.answer.native import NativeCalls
from app.answer.settle import Settle
from app.answer.thinking import Thinking
from app.answer.tokens import Tokenizer
from app.answer.toolcalls import ToolCalls
from app.answer.usage import UsageMeter
from app.poe.events import Event, ToolCallPiece

_PIECE = 16384  # characters that pass the stages at a time: about as many as a read brings


class Stage(Protocol):
    """One step. Its types are its own: each stage takes what the one before it returns."""

    def feed(self, batch: Sequence[Any]) -> Sequence[Any]: ...
    def finish(self) -> Sequence[Any]: ...


class Pipeline:
    """Poe's events in, deltas out, for one answer.

    ``stop`` and ``max_tokens`` are the request's limits, ``written_calls`` reads calls out of the
    text, ``native_calls`` takes those that the bot makes itself. Once ``finish_reason`` is set,
    the answer is over: because of a limit or a call in what it was fed, else by ``finish``.
    ``give_turn`` is called between pieces of work.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        written_calls: ToolCalls | None = None,
        native_calls: NativeCalls | None = None,
        give_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self._give_turn = give_turn
        self._stops = StopStrings(stop)
        self._limits: list[StopStrings | MaxTokens] = [self._stops] if any(stop) else []
        if max_tokens is not None:
            self._limits.append(MaxTokens(max_tokens, tokenizer))
        self._written_calls = written_calls
        self._native_calls = native_calls
        self._is_calling = False  # the bot has begun to call natively, which ends its text
        self._usage = UsageMeter(tokenizer)
        self._settle = Settle()
        sources: list[Stage] = [self._settle, Files(), Thinking(may_call=written_calls is not None)]
        if written_calls is not None:
            sources.append(written_calls)
        self._stages: list[Stage] = [*sources, *self._limits, self._usage]
        self._first_limit = len(sources)
        self.finish_reason: str | None = None

    def feed(self, events: Sequence[Event]) -> Sequence[Delta]:
        """The deltas that ``events`` yield. ``Error`` and ``Done`` are left to the caller."""
        if self._native_calls is None:
            return self._feed_text(events)
        pieces = [event for event in events if isinstance(event, ToolCallPiece)]
        if not pieces and not self._is_calling:
            return self._feed_text(events)
        text = self._end_text(events[: events.index(pieces[0])]) if not self._is_calling else ()
        if self.finish_reason:
            return text
        return [*text, *self._run_in_pieces(len(self._stages) - 1, self._native_calls.feed(pieces))]

    def finish(self) -> Sequence[Delta]:
        """The answer has ended: the deltas that were held back."""
        if self._is_calling:
            return self._end_calls()
        deltas = self._finish(0)
        self.finish_reason = self._reason() or "stop"
        return deltas

    def usage(self, prompt_tokens: int) -> Usage:
        """The usage of the answer, once it is over."""
        return self._usage.total(prompt_tokens)

    @property
    def stop(self) -> str | None:
        """The stop string that ended the answer, if one did."""
        return self._stops.found if self.finish_reason == "stop" else None

    def _feed_text(self, events: Sequence[Event]) -> Sequence[Delta]:
        deltas = self._run(0, events)
        if self._limits and self._limit_reached():
            deltas = [*deltas, *self._finish(self._first_limit)]
            self.finish_reason = self._reason()
        elif self._written_calls is not None and self._written_calls.is_over:
            deltas = [*deltas, *self._finish(self._first_limit - 1)]
            self.finish_reason = self._reason()
        return deltas

    def _end_text(self, events: Sequence[Event]) -> Sequence[Delta]:
        """Release the last text before the calls. A limit may end the answer within it."""
        self._is_calling = True
        deltas = self._feed_text(events)
        if not self.finish_reason:
            deltas = [*deltas, *self._finish(0)]
            self.finish_reason = self._reason()
        return deltas

    def _end_calls(self) -> Sequence[Delta]:
        assert self._native_calls is not None
        deltas = self._usage.feed(self._native_calls.finish())
        self.finish_reason = "length" if self._native_calls.is_cut else self._reason() or "stop"
        return deltas

    def _run(self, first: int, batch: Sequence[Any]) -> Sequence[Any]:
        if first == 0:
            batch, first = self._settle.feed(batch), 1
            if self._settle.passed > _PIECE:
                return self._run_in_pieces(first, batch)
        for stage in self._stages[first:]:
            if not batch:
                break
            batch = stage.feed(batch)
        return batch

    def _run_in_pieces(self, first: int, batch: Sequence[Any]) -> Sequence[Any]:
        deltas: list[Any] = []
        for piece in _pieces(batch):
            deltas += self._run(first, piece)
            self._give_turn()
        return deltas

    def _finish(self, first: int) -> Sequence[Delta]:
        deltas: list[Delta] = []
        for index, stage in enumerate(self._stages[first:], first):
            deltas += self._run_in_pieces(index + 1, stage.finish())
        return deltas

    def _reason(self) -> str | None:
        """Why the answer is over: a call was passed on, or a limit was reached."""
        return "tool_calls" if self._usage.has_calls else self._limit_reached()

    def _limit_reached(self) -> str | None:
        """The reason of the last limit, whose end of the answer is the earliest."""
        return next((limit.finish_reason for limit in reversed(self._limits) if limit.finish_reason), None)


def _pieces(batch: Sequence[Any]) -> Iterator[list[Any]]:
    """``batch`` in parts of at most ``_PIECE`` characters, with long items cut."""
    piece: list[Any] = []
    room = _PIECE
    for item in (part for whole in batch for part in _parts(whole)):
        size = _size(item)
        if piece and size > room:
            yield piece
            piece, room = [], _PIECE
        piece.append(item)
        room -= size
    if piece:
        yield piece


def _parts(item: Any) -> Iterator[Any]:
    size = _size(item)
    if size <= _PIECE:
        yield item
        return
    for start in range(0, size, _PIECE):
        end = start + _PIECE
        if isinstance(item, ToolCallArguments):
            yield ToolCallArguments(item.index, item.arguments[start:end])
        else:
            yield type(item)(item.text[start:end])


def _size(item: Any) -> int:
    if isinstance(item, (Text, Reasoning)):
        return len(item.text)
    return len(item.arguments) if isinstance(item, ToolCallArguments) else 0
