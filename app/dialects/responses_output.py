"""Responses' output: deltas put in order as items, of which one is open at a time.

What becomes of a delta is told as changes: an item is opened, says more, or is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from msgspec import Struct

from app.answer.deltas import Reasoning, Text, ToolCallArguments, ToolCallStart
from app.dialects.calls import CallsInTurn
from app.dialects.responses_items import (
    CallItem,
    CustomCallItem,
    Item,
    MessageItem,
    ReasoningItem,
    Status,
)
from app.dialects.responses_tools import CallForm


class Opened(Struct, frozen=True):
    """A new item begins."""

    item: Item


class Said(Struct, frozen=True):
    """More of the open item."""

    item: Item
    text: str


class Closed(Struct, frozen=True):
    """The item has ended."""

    item: Item


Change: TypeAlias = Opened | Said | Closed
_Kind = TypeVar("_Kind", bound=Item)


class Output:
    """The items of one answer. ``token`` is for their ids, ``forms`` how calls are written if not plainly."""

    def __init__(self, token: str, forms: Mapping[str, CallForm]) -> None:
        self._token = token
        self._forms = forms
        self._count = 0
        self._calls = CallsInTurn()
        self._open: Item | None = None
        self._has_text = False
        self.items: list[Item] = []

    @property
    def message(self) -> MessageItem | None:
        """The open message, to which text can be added directly."""
        return self._open if isinstance(self._open, MessageItem) else None

    def take(self, delta: Text | Reasoning | ToolCallStart | ToolCallArguments) -> Sequence[Change]:
        """Take a delta; return what it changes in the output."""
        match delta:
            case Text(text):
                return self._add_text(MessageItem, text)
            case Reasoning(text):
                return self._add_text(ReasoningItem, text)
            case ToolCallStart() | ToolCallArguments():
                return [change for piece in self._calls.take(delta) for change in self._call(piece)]

    def break_off(self) -> Sequence[Change]:
        """The text is void but cannot be taken back: a new message follows after an empty line."""
        if not self._has_text:
            return ()
        return [*self._add_text(MessageItem, "\n\n"), *self._close()]

    def void(self) -> None:
        """The text is void: only calls stay."""
        self.items = [item for item in self.items if isinstance(item, CallItem)]
        if not isinstance(self._open, CallItem):
            self._open = None

    def cut(self) -> None:
        """The answer has failed: the open item stays as it is."""
        if self._open is not None:
            self._open.status = "incomplete"

    def finish(self, status: Status) -> Sequence[Change]:
        """The answer is over: close the open item. An answer has at least one message or call."""
        changes = self._close(status)
        if any(isinstance(item, (MessageItem, CallItem)) for item in self.items):
            return changes
        return [*changes, *self._opened(self._made(MessageItem)), *self._close(status)]

    def _add_text(self, kind: type[_Kind], text: str) -> list[Change]:
        changes: list[Change] = []
        item = self._open
        if not isinstance(item, kind):
            changes += self._close()
            item = self._made(kind)
            changes += self._opened(item)
        item.add(text)
        self._has_text = self._has_text or kind is MessageItem
        return [*changes, Said(item, text)]

    def _call(self, piece: ToolCallStart | ToolCallArguments) -> list[Change]:
        if isinstance(piece, ToolCallStart):
            form = self._forms.get(piece.name) or CallForm(piece.name)
            kind = CustomCallItem if form.is_custom else CallItem
            call = self._made(lambda token, index: kind(token, index, piece.id, form))
            return [*self._closed("completed"), *self._opened(call)]
        item = self._open
        assert isinstance(item, CallItem)
        item.add(piece.arguments)
        return [Said(item, piece.arguments)]

    def _made(self, make: Callable[[str, int], _Kind]) -> _Kind:
        item = make(self._token, self._count)
        self._count += 1
        return item

    def _opened(self, item: Item) -> list[Change]:
        self._open = item
        self.items.append(item)
        return [Opened(item)]

    def _close(self, status: Status = "completed") -> list[Change]:
        """Close the open item, and open and close those that wait; only the last may be incomplete."""
        changes = [
            change for piece in self._calls.end(is_cut=status != "completed") for change in self._call(piece)
        ]
        return [*changes, *self._closed(status)]

    def _closed(self, status: Status) -> list[Change]:
        item, self._open = self._open, None
        if item is None:
            return []
        item.status = status
        return [Closed(item)]
