"""Responses' items: what an answer consists of, and the events that tell of each.

https://platform.openai.com/docs/api-reference/responses-streaming. An event is its type and its fields
without the number; that of a delta is a template, since most events are such.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Raw

from app.dialects.responses_input import REASONING_PREFIX
from app.dialects.responses_tools import CUSTOM_INPUT, CallForm

Status: TypeAlias = Literal["in_progress", "completed", "incomplete"]
Event: TypeAlias = tuple[str, Mapping[str, Any]]
_NOTHING = Raw(b'""')


class Item(ABC):
    """One item of the output, as far as it has come. ``place`` is the position named in its events."""

    prefix: ClassVar[str]  # of its id

    def __init__(self, token: str, index: int) -> None:
        self.index = index
        self.id = f"{self.prefix}_{token}{index:02x}"
        self.place = {"item_id": self.id, "output_index": index}
        self.status: Status = "in_progress"
        self._said = bytearray()  # a stream keeps it to its end: a string a piece would take fifty bytes more

    @cached_property
    def whole(self) -> Raw:
        """All its text, which is over, as JSON: encoded once, for it stands in four events."""
        return Raw(msgspec.json.encode(self._said.decode()))

    def add(self, text: str) -> None:
        """Append ``text``."""
        self._said += text.encode()

    def fields(self) -> dict[str, Any]:
        """The item as it stands in the output."""
        return self._fields(self.status, self.whole)

    def opening(self) -> Sequence[Event]:
        """The events with which it begins, even if it has gone on by now."""
        item = self._fields("in_progress", _NOTHING)
        return [("response.output_item.added", {"output_index": self.index, "item": item})]

    @abstractmethod
    def delta(self) -> Event | None:
        """The event for more text, without that text; ``None`` if it comes as a whole."""

    def closing(self) -> Sequence[Event]:
        """The events with which it ends."""
        return [("response.output_item.done", {"output_index": self.index, "item": self.fields()})]

    @abstractmethod
    def _fields(self, status: Status, text: Raw) -> dict[str, Any]: ...


class MessageItem(Item):
    """Text of the answer."""

    prefix = "msg"

    def _fields(self, status: Status, text: Raw) -> dict[str, Any]:
        content = [] if status == "in_progress" else [_output_text(text)]
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content}

    def opening(self) -> Sequence[Event]:
        part = self.place | {"content_index": 0, "part": _output_text(_NOTHING)}
        return [*super().opening(), ("response.content_part.added", part)]

    def delta(self) -> Event:
        return "response.output_text.delta", self.place | {"content_index": 0, "logprobs": []}

    def closing(self) -> Sequence[Event]:
        place = self.place | {"content_index": 0}
        return [
            ("response.output_text.done", place | {"logprobs": [], "text": self.whole}),
            ("response.content_part.done", place | {"part": _output_text(self.whole)}),
            *super().closing(),
        ]


class ReasoningItem(Item):
    """The reasoning that the bot showed."""

    prefix = REASONING_PREFIX

    def _fields(self, status: Status, text: Raw) -> dict[str, Any]:
        summary = [] if status == "in_progress" else [_summary_text(text)]
        return {"id": self.id, "type": "reasoning", "status": status, "summary": summary}

    def opening(self) -> Sequence[Event]:
        part = self.place | {"summary_index": 0, "part": _summary_text(_NOTHING)}
        return [*super().opening(), ("response.reasoning_summary_part.added", part)]

    def delta(self) -> Event:
        return "response.reasoning_summary_text.delta", self.place | {"summary_index": 0}

    def closing(self) -> Sequence[Event]:
        place = self.place | {"summary_index": 0}
        return [
            ("response.reasoning_summary_text.done", place | {"text": self.whole}),
            ("response.reasoning_summary_part.done", place | {"part": _summary_text(self.whole)}),
            *super().closing(),
        ]


class CallItem(Item):
    """A call of a function."""

    prefix = "fc"

    def __init__(self, token: str, index: int, call_id: str, form: CallForm) -> None:
        super().__init__(token, index)
        self.called = {"call_id": call_id, "name": form.name}
        if form.namespace:
            self.called["namespace"] = form.namespace

    def _fields(self, status: Status, text: Raw) -> dict[str, Any]:
        item = {"id": self.id, "type": "function_call", "status": status}
        return item | self.called | {"arguments": text}

    def delta(self) -> Event | None:
        return "response.function_call_arguments.delta", self.place

    def closing(self) -> Sequence[Event]:
        done = self.place | {"arguments": self.whole}
        return [("response.function_call_arguments.done", done), *super().closing()]


class CustomCallItem(CallItem):
    """A call of a custom tool, whose input is in the arguments, and comes as a whole."""

    prefix = "ctc"

    @cached_property
    def whole(self) -> Raw:
        return Raw(msgspec.json.encode(_input(self._said.decode())))

    def _fields(self, status: Status, text: Raw) -> dict[str, Any]:  # noqa: ARG002 - it has none
        item = {"id": self.id, "type": "custom_tool_call"}
        return item | self.called | {"input": text}

    def delta(self) -> None:
        return None

    def closing(self) -> Sequence[Event]:
        return [
            ("response.custom_tool_call_input.delta", self.place | {"delta": self.whole}),
            ("response.custom_tool_call_input.done", self.place | {"input": self.whole}),
            *Item.closing(self),
        ]


def _output_text(text: Raw) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _summary_text(text: Raw) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}


def _input(arguments: str) -> str:
    """The one argument of a custom tool, or everything that was written, if that is missing."""
    try:
        members = msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return arguments
    given = members.get(CUSTOM_INPUT)
    return given if isinstance(given, str) else arguments
