"""Responses' answers: deltas as a response of OpenAI's Responses API, streamed or whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, assert_never

import msgspec
from msgspec import Struct

from app.answer.deltas import Delta, Failure, Finish, Restart, Text, Usage
from app.dialects.responses_items import Event, Status
from app.dialects.responses_output import Change, Closed, Opened, Output, Said
from app.dialects.responses_tools import CallForm
from app.errors import ApiError

# Bytes that follow each other, and may be long: they are put together once.
_Parts: TypeAlias = Sequence[bytes]

_encode_lines = msgspec.json.Encoder().encode_lines

# The names in this API of fields that an error may name.
_NAMES = {"messages": "input", "response_format": "text.format"}
# Why an answer is incomplete, by its finish_reason.
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# Codes of a failed response by which clients know whether to try again. OpenAI's own list has
# "server_error" for all else (https://platform.openai.com/docs/api-reference/responses/object).
_FAILURE_CODES = frozenset({"context_length_exceeded", "insufficient_quota", "rate_limit_exceeded"})


class Frame(Struct, frozen=True):
    """What is the same in every state of a response: its ``fields``, and the ``forms`` of its calls."""

    token: str
    fields: Mapping[str, Any]
    forms: Mapping[str, CallForm] = {}


class _Response:
    """A response as an object, in whatever state it is."""

    def __init__(self, frame: Frame) -> None:
        head = msgspec.json.encode({"id": f"resp_{frame.token}", "object": "response", **frame.fields})
        self._head = b"%b," % head[:-1]

    def encode(
        self,
        status: str,
        output: Output,
        usage: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        incomplete: str | None = None,
    ) -> _Parts:
        state = {
            "status": status,
            "error": error,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "output": [item.fields() for item in output.items],
            "usage": usage,
        }
        return self._head, msgspec.json.encode(state)[1:]

    def finished(self, finish: Finish, output: Output) -> tuple[str, _Parts]:
        """Its last status, and itself; the items of ``output`` are closed."""
        reason = _INCOMPLETE.get(finish.reason)
        status = "incomplete" if reason else "completed"
        return status, self.encode(status, output, _usage(finish.usage), incomplete=reason)


def _end_of(finish: Finish) -> Status:
    return "incomplete" if finish.reason in _INCOMPLETE else "completed"


class ResponseStream:
    """Renders deltas as the events of a response, each batch as the bytes of one write.

    Events are numbered; ids and places of items stay the same. An answer that fails ends with ``error``,
    on which OpenAI's packages raise, and ``response.failed``, on which others do.
    """

    heartbeat = b": ping\n\n"

    def __init__(self, frame: Frame) -> None:
        self._response = _Response(frame)
        self._output = Output(frame.token, frame.forms)
        self._next = 0
        self._delta = b""  # how an event with more of the open item begins

    def render(self, deltas: Sequence[Delta]) -> bytes:
        """The events for a batch; those with which a response begins stand before the first."""
        message = self._output.message
        if message is not None:
            texts = [delta.text for delta in deltas if type(delta) is Text]
            if texts and len(texts) == len(deltas):  # nothing else, as nearly always
                message.add("".join(texts))
                return self._render_texts(texts)
        written = [*self._begin()]
        for delta in deltas:
            match delta:
                case Restart():
                    written += self._written(self._output.break_off())
                case Finish():
                    written += self._finish(delta)
                case Failure(error):
                    written.append(self.render_error(error))
                case _:
                    written += self._written(self._output.take(delta))
        return b"".join(written)

    def render_error(self, error: ApiError) -> bytes:
        """A failure in the middle of a stream."""
        error = named(error)
        told = {"type": error.type, "code": error.code, "message": error.message, "param": error.param}
        event = {"code": error.code, "message": error.message, "param": error.param, "error": told}
        output = self._output
        output.cut()
        failed = self._response.encode("failed", output, error=_failure(error))
        return b"".join((*self._begin(), *self._event("error", event), *self._state("failed", failed)))

    def _begin(self) -> _Parts:
        if self._next:
            return ()
        begun = self._response.encode("in_progress", self._output)
        return [*self._state("created", begun), *self._state("in_progress", begun)]

    def _finish(self, finish: Finish) -> _Parts:
        changes = self._output.finish(_end_of(finish))
        written = self._written(changes)
        return [*written, *self._state(*self._response.finished(finish, self._output))]

    def _written(self, changes: Sequence[Change]) -> _Parts:
        return [part for change in changes for part in self._write(change)]

    def _write(self, change: Change) -> _Parts:
        match change:
            case Opened(item):
                self._delta = _beginning(item.delta())
                return self._events(item.opening())
            case Said(_, text):
                return (self._render_texts([text]),) if self._delta else ()
            case Closed(item):
                return self._events(item.closing())
            case _:
                assert_never(change)

    def _render_texts(self, texts: Sequence[str]) -> bytes:
        """An event for each text, all encoded at once, one a line: JSON itself never contains a line end."""
        delta, first = self._delta, self._next
        self._next += len(texts)
        lines = _encode_lines(texts)[:-1].split(b"\n")
        return b"".join([delta % (number, line) for number, line in enumerate(lines, first)])

    def _events(self, events: Sequence[Event]) -> _Parts:
        return [part for event in events for part in self._event(*event)]

    def _event(self, name: str, fields: Mapping[str, Any]) -> _Parts:
        return self._numbered(name, msgspec.json.encode(fields)[1:])

    def _state(self, status: str, response: _Parts) -> _Parts:
        return self._numbered(f"response.{status}", b'"response":', *response, b"}")

    def _numbered(self, name: str, *fields: bytes) -> _Parts:
        number = self._next
        self._next += 1
        return b'%b"sequence_number":%d,' % (_head(name), number), *fields, b"\n\n"


def _head(name: str) -> bytes:
    return f'event: {name}\ndata: {{"type":"{name}",'.encode()


def _beginning(delta: Event | None) -> bytes:
    """A template of the event for its number and its text; empty if there is none."""
    if delta is None:
        return b""
    name, fields = delta
    place = msgspec.json.encode(fields)[1:-1]
    return b'%b"sequence_number":%%d,%b,"delta":%%b}\n\n' % (_head(name), place)


class WholeResponse:
    """Collects deltas and renders them as one response."""

    def __init__(self, frame: Frame) -> None:
        self._response = _Response(frame)
        self._output = Output(frame.token, frame.forms)
        self._finish: Finish | None = None

    def add(self, deltas: Sequence[Delta]) -> None:
        """Take a batch. Raises the ``ApiError`` of a ``Failure``."""
        for delta in deltas:
            match delta:
                case Restart():
                    self._output.void()
                case Finish():
                    self._finish = delta
                case Failure(error):
                    raise error
                case _:
                    self._output.take(delta)

    @property
    def is_over(self) -> bool:
        return self._finish is not None

    def render(self) -> bytes:
        """The body, once the answer is over."""
        assert self._finish is not None
        self._output.finish(_end_of(self._finish))
        return b"".join(self._response.finished(self._finish, self._output)[1])


def named(error: ApiError) -> ApiError:
    """The same error, with its field named as in this API."""
    return replace(error, param=_NAMES[error.param]) if error.param in _NAMES else error


def _failure(error: ApiError) -> dict[str, Any]:
    is_clients = error.status == 400  # another try would fail, too
    code = error.code if error.code in _FAILURE_CODES else "invalid_prompt" if is_clients else "server_error"
    return {"code": code, "message": error.message}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
