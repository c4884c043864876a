"""Usage: counts the tokens of an answer as it passes, including calls, with reasoning apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from app.answer.deltas import Reasoning, Restart, Text, ToolCallArguments, ToolCallStart, Usage, only_texts
from app.answer.tokens import Tokenizer, TokenMeter

_Item: TypeAlias = Text | Reasoning | Restart | ToolCallStart | ToolCallArguments


class UsageMeter:
    """Passes everything on. What a ``Restart`` voids does not count, streamed or whole.

    ``has_calls``: a call was passed on.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._calls: dict[int, TokenMeter] = {}
        self._begin()

    def _begin(self) -> None:
        self._text = TokenMeter(self._tokenizer)
        self._reasoning = TokenMeter(self._tokenizer)

    def feed(self, batch: Sequence[_Item]) -> Sequence[_Item]:
        texts = only_texts(batch)
        if texts is not None:
            self._text.add("".join(texts))
            return batch
        for kind, items in groupby(batch, type):
            if kind is Text:
                self._text.add(_joined(items))
            elif kind is Reasoning:
                self._reasoning.add(_joined(items))
            elif kind is Restart:
                self._begin()
            else:
                self._add_calls(items)
        return batch

    def finish(self) -> Sequence[_Item]:
        return []

    def total(self, prompt_tokens: int) -> Usage:
        """The usage of a completion whose prompt had ``prompt_tokens``."""
        reasoning = self._reasoning.total()
        calls = sum(meter.total() for meter in self._calls.values())
        return Usage(prompt_tokens, self._text.total() + calls + reasoning, reasoning)

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    def _add_calls(self, items: Iterable[Any]) -> None:
        for item in items:
            if isinstance(item, ToolCallStart):
                self._calls[item.index] = TokenMeter(self._tokenizer)
                self._calls[item.index].add(item.name)
            else:
                self._calls[item.index].add(item.arguments)


def _joined(items: Iterable[Any]) -> str:
    return "".join([item.text for item in items])
