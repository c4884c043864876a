"""Chat's answers: deltas as OpenAI's chat completions, streamed or whole; and errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from typing import Any, assert_never, cast

import msgspec

from app.answer.deltas import (
    Delta,
    Failure,
    Finish,
    Reasoning,
    Restart,
    Text,
    ToolCallArguments,
    ToolCallStart,
    Usage,
)
from app.answer.whole import Call, WholeAnswer
from app.errors import ApiError

REASONING_FIELDS = ("reasoning_content",)  # unless others are asked for
_CALLED = "tool_calls"  # the finish_reason of an answer that calls tools


class _ToolCalls:
    """Calls in OpenAI's present form. In a stream's deltas the last brace is left open."""

    finish_reason = _CALLED

    def start(self, call: ToolCallStart) -> bytes:
        encode = msgspec.json.encode
        function = b'{"name":%b,"arguments":""}' % encode(call.name)
        return b'{"tool_calls":[{"index":%d,"id":%b,"type":"function","function":%b}]' % (
            call.index,
            encode(call.id),
            function,
        )

    def arguments(self, piece: ToolCallArguments) -> bytes:
        arguments = msgspec.json.encode(piece.arguments)
        return b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (piece.index, arguments)

    def whole(self, calls: Sequence[Call]) -> dict[str, Any]:
        return {
            "tool_calls": [{"id": call.id, "type": "function", "function": _function(call)} for call in calls]
        }


class _FunctionCall:
    """The deprecated form, in which an answer has only one call, the first."""

    finish_reason = "function_call"

    def __init__(self) -> None:
        self._index: int | None = None

    def start(self, call: ToolCallStart) -> bytes:
        if self._index is not None:
            return b""
        self._index = call.index
        return b'{"function_call":{"name":%b,"arguments":""}' % msgspec.json.encode(call.name)

    def arguments(self, piece: ToolCallArguments) -> bytes:
        if piece.index != self._index:
            return b""
        return b'{"function_call":{"arguments":%b}' % msgspec.json.encode(piece.arguments)

    def whole(self, calls: Sequence[Call]) -> dict[str, Any]:
        return {"function_call": _function(calls[0])}


def _function(call: Call) -> dict[str, str]:
    return {"name": call.name, "arguments": call.arguments}


def _form(*, as_functions: bool) -> _ToolCalls | _FunctionCall:
    return _FunctionCall() if as_functions else _ToolCalls()


_encode_lines = msgspec.json.Encoder().encode_lines


class ChatStream:
    """Renders deltas as ``chat.completion.chunk`` events, each batch as the bytes of one write.

    ``id``, ``created`` (seconds) and ``model`` are the same on every chunk. ``as_functions``: a call
    is written in the deprecated form. ``reasoning_fields`` are the fields that carry the reasoning.
    """

    heartbeat = b": ping\n\n"

    def __init__(
        self,
        id: str,
        created: int,
        model: str,
        *,
        include_usage: bool,
        as_functions: bool = False,
        reasoning_fields: Sequence[str] = REASONING_FIELDS,
    ) -> None:
        self._include_usage = include_usage
        self._calls = _form(as_functions=as_functions)
        head = {
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._head = msgspec.json.encode(head)[:-1]
        choice = b'data: %b,"choices":[{"index":0,"delta":' % self._head
        self._text = choice + b'{"content":'
        self._reasoning = [b'"%b":' % name.encode() for name in reasoning_fields]
        self._end_of_delta = b'},"logprobs":null,"finish_reason":null}]}\n\n'
        self._choice = choice
        self._has_begun = False
        self._has_text = False

    def render(self, deltas: Sequence[Delta]) -> bytes:
        """The chunks for a batch; the first one carries the role, the last ones the usage and ``[DONE]``."""
        chunks: list[bytes] = []
        for kind, alike in groupby(deltas, type):
            if kind is Text:
                chunks += self._render_texts([delta.text for delta in cast("Iterable[Text]", alike)])
            else:
                chunks += chain.from_iterable(map(self._render, alike))
        if chunks and not self._has_begun:
            self._has_begun = True
            content = b"null" if isinstance(deltas[0], ToolCallStart) else b'""'
            chunks[:0] = (self._choice, b'{"role":"assistant","content":', content, self._end_of_delta)
        return b"".join(chunks)

    def render_error(self, error: ApiError) -> bytes:
        """A failure in the middle of a stream, in the form on which every client raises."""
        return b"data: %b\n\ndata: [DONE]\n\n" % render_error(error)

    def _render_texts(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """A chunk for each text, all encoded at once, one a line: JSON itself never contains a line end."""
        self._has_text = True
        end = self._end_of_delta
        lines = _encode_lines(texts)[:-1]
        return self._text, lines.replace(b"\n", end + self._text), end

    def _render(self, delta: Delta) -> tuple[bytes, ...]:
        """The parts of the chunk for a delta that is not text, if there is one."""
        encode, end = msgspec.json.encode, self._end_of_delta
        match delta:
            case Reasoning(text):
                return self._choice, self._reason(encode(text)), end
            case Restart():
                return (self._text, b'"\\n\\n"', end) if self._has_text else ()
            case ToolCallStart():
                return self._call(self._calls.start(delta))
            case ToolCallArguments():
                return self._call(self._calls.arguments(delta))
            case Finish(reason, usage):
                return (self._finish(reason, usage),)
            case Failure(error):
                return (self.render_error(error),)
            case Text():
                return self._render_texts([delta.text])
            case _:
                assert_never(delta)

    def _reason(self, text: bytes) -> bytes:
        return b"{" + b",".join(name + text for name in self._reasoning)

    def _call(self, delta: bytes) -> tuple[bytes, ...]:
        return (self._choice, delta, self._end_of_delta) if delta else ()

    def _finish(self, reason: str, usage: Usage) -> bytes:
        reason = self._calls.finish_reason if reason == _CALLED else reason
        end = b'%b{},"logprobs":null,"finish_reason":"%b"}]}\n\n' % (self._choice, reason.encode())
        if self._include_usage:
            counted = msgspec.json.encode(_usage(usage))
            end += b'data: %b,"choices":[],"usage":%b}\n\n' % (self._head, counted)
        return end + b"data: [DONE]\n\n"


def render_error(error: ApiError, _request_id: str = "") -> bytes:
    """OpenAI's error body."""
    fields = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    return msgspec.json.encode({"error": fields})


class ChatCompletion(WholeAnswer):
    """Collects deltas and renders them as one ``chat.completion``. Its options are those of a stream."""

    def __init__(
        self,
        id: str,
        created: int,
        model: str,
        *,
        as_functions: bool = False,
        reasoning_fields: Sequence[str] = REASONING_FIELDS,
    ) -> None:
        super().__init__()
        self._reasoning_fields = reasoning_fields
        self._form = _form(as_functions=as_functions)
        self._head = {
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
        }

    def render(self) -> bytes:
        """The body, once the completion is over."""
        assert self.finish is not None
        reason = self._form.finish_reason if self.finish.reason == _CALLED else self.finish.reason
        choice = {
            "index": 0,
            "message": self._message(),
            "logprobs": None,
            "finish_reason": reason,
        }
        rest = {"choices": [choice], "usage": _usage(self.finish.usage), "system_fingerprint": None}
        return msgspec.json.encode(self._head | rest)

    def _message(self) -> dict[str, Any]:
        text, reasoning = self.text, self.reasoning
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if reasoning:
            message |= dict.fromkeys(self._reasoning_fields, reasoning)
        if self.calls:
            message |= {"content": text or None} | self._form.whole(self.calls)
        return message


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
