"""Usage: counts what the bot said as it passes, reasoning apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from app.answer.deltas import Reasoning, Restart, Text, Usage
from app.answer.tokens import Tokenizer, TokenMeter


class UsageMeter:
    """Lets everything through. What a ``Restart`` voids does not count, streamed or whole."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._begin()

    def _begin(self) -> None:
        self._text = TokenMeter(self._tokenizer)
        self._reasoning = TokenMeter(self._tokenizer)

    def feed(self, batch: Sequence[Text | Reasoning | Restart]) -> Sequence[Text | Reasoning | Restart]:
        texts = [item.text for item in batch if type(item) is Text]
        if len(texts) == len(batch):  # nothing else, as nearly always
            self._text.add("".join(texts))
            return batch
        for kind, items in groupby(batch, type):
            if kind is Text:
                self._text.add(_joined(items))
            elif kind is Reasoning:
                self._reasoning.add(_joined(items))
            else:
                self._begin()
        return batch

    def finish(self) -> Sequence[Text | Reasoning | Restart]:
        return []

    def total(self, prompt_tokens: int) -> Usage:
        """The usage of a completion whose prompt had ``prompt_tokens``."""
        reasoning = self._reasoning.total()
        return Usage(prompt_tokens, self._text.total() + reasoning, reasoning)


def _joined(items: Iterable[Any]) -> str:
    return "".join([item.text for item in items])
