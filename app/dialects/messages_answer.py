"""Messages' answers: deltas as messages of Anthropic's API, streamed or whole; and errors.

https://docs.claude.com/en/docs/build-with-claude/streaming, https://docs.claude.com/en/api/errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

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
from app.dialects.calls import CallsInTurn, Piece
from app.dialects.form import Head
from app.errors import THREADS_UNSUPPORTED, ApiError
from app.tools.objects import object_arguments

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
# By status; any other is a fault of the server or of the client.
_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}

_END_OF_PIECE = b"}}\n\n"

_encode = msgspec.json.encode
_encode_lines = msgspec.json.Encoder().encode_lines


def render_error(error: ApiError, request_id: str) -> bytes:
    """Anthropic's error body."""
    kind = _ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    told: dict[str, Any] = {"type": kind, "message": error.message}
    if error.code == THREADS_UNSUPPORTED:  # by which clients know that they can do without
        told["details"] = {"error_code": error.code, "unsupported": [error.param]}
    return _encode({"type": "error", "error": told, "request_id": request_id})


def _event(name: str, content: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name} | dict(content)))


class MessageStream:
    """Renders deltas as the events of a message, each batch as the bytes of one write.

    A message consists of blocks, of which only one is open at a time. ``shows_thinking``: reasoning has a
    block; else it is left out.
    """

    heartbeat = _event("ping", {})

    def __init__(self, head: Head, *, shows_thinking: bool) -> None:
        self._head = head
        self._shows_thinking = shows_thinking
        self._has_begun = False
        self._has_text = False
        self._index = -1  # of the last block
        self._open: type[Text | Reasoning | ToolCallStart] | None = None  # what the open block holds
        self._piece = b""  # with which a piece of the open block begins
        self._calls = CallsInTurn()
        self._odd: list[str] | None = None  # arguments that do not begin as an object does

    def render(self, deltas: Sequence[Delta]) -> bytes:
        """The events for a batch."""
        texts = [delta.text for delta in deltas if type(delta) is Text]
        if self._open is Text and len(texts) == len(deltas):  # nothing else, as nearly always
            return self._render_texts(texts)
        events: list[bytes] = []
        if not self._has_begun:
            self._has_begun = True
            begun = {"usage": _usage(Usage(self._head.prompt_tokens(), 0, 0))}
            events.append(_event("message_start", {"message": _message(self._head) | begun}))
        for delta in deltas:
            self._render(delta, events)
        return b"".join(events)

    def render_error(self, error: ApiError) -> bytes:
        """A failure in the middle of a stream."""
        return b"event: error\ndata: %b\n\n" % render_error(error, self._head.request_id)

    def _render_texts(self, texts: Sequence[str]) -> bytes:
        """An event for each text, all encoded at once, one a line: JSON itself never contains a line end."""
        lines = _encode_lines(texts)[:-1]
        return b"".join((self._piece, lines.replace(b"\n", _END_OF_PIECE + self._piece), _END_OF_PIECE))

    def _render(self, delta: Delta, events: list[bytes]) -> None:
        match delta:
            case Text(text):
                self._has_text = True
                self._add_text(Text, text, events)
            case Reasoning(text):
                if self._shows_thinking:
                    self._add_text(Reasoning, text, events)
            case Restart():
                if self._has_text:
                    self._add_text(Text, "\n\n", events)
            case ToolCallStart() | ToolCallArguments():
                for piece in self._calls.take(delta):
                    self._call(piece, events)
            case Finish():
                self._finish(delta, events)
            case Failure(error):
                events.append(self.render_error(error))
            case _:
                assert_never(delta)

    def _add_text(self, kind: type[Text | Reasoning], text: str, events: list[bytes]) -> None:
        if self._open is not kind:
            self._end_calls(events)
            if kind is Text:
                self._begin(kind, {"type": "text", "text": ""}, "text_delta", "text", events)
            else:
                block = {"type": "thinking", "thinking": "", "signature": ""}
                self._begin(kind, block, "thinking_delta", "thinking", events)
        events += (self._piece, _encode(text), _END_OF_PIECE)

    def _call(self, piece: Piece, events: list[bytes]) -> None:
        if isinstance(piece, ToolCallStart):
            block = _tool_use(piece.id, piece.name, {})
            self._begin(ToolCallStart, block, "input_json_delta", "partial_json", events)
            self._odd = []
        else:
            self._add_arguments(piece.arguments, events)

    def _add_arguments(self, arguments: str, events: list[bytes]) -> None:
        """More of the open call. What cannot become an object is held back until it is complete."""
        if self._odd == []:
            arguments = arguments.lstrip()
            if arguments.startswith("{"):
                self._odd = None
        if self._odd is None:
            events += (self._piece, _encode(arguments), _END_OF_PIECE)
        elif arguments:
            self._odd.append(arguments)

    def _end_calls(self, events: list[bytes]) -> None:
        for piece in self._calls.end():
            self._call(piece, events)

    def _begin(
        self,
        content: type[Text | Reasoning | ToolCallStart],
        block: Mapping[str, Any],
        piece_type: str,
        piece_field: str,
        events: list[bytes],
    ) -> None:
        self._end(events)
        self._open = content
        self._index += 1
        events.append(_event("content_block_start", {"index": self._index, "content_block": block}))
        self._piece = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"%b","%b":' % (self._index, piece_type.encode(), piece_field.encode())
        )

    def _end(self, events: list[bytes]) -> None:
        if self._odd:
            events += (self._piece, _encode(_object("".join(self._odd))), _END_OF_PIECE)
        self._odd = None
        if self._open is not None:
            events.append(_event("content_block_stop", {"index": self._index}))
            self._open = None

    def _finish(self, finish: Finish, events: list[bytes]) -> None:
        self._end_calls(events)
        self._end(events)
        events.append(_event("message_delta", {"delta": _stop(finish), "usage": _usage(finish.usage)}))
        events.append(_event("message_stop", {}))


def _object(arguments: str) -> str:
    """The arguments as an object. Anything else that a bot wrote is put into one."""
    text = arguments.strip() or "{}"
    return object_arguments(text) or _encode({"arguments": text}).decode()


class WholeMessage(WholeAnswer):
    """Collects deltas and renders them as one message. Its options are those of a stream."""

    def __init__(self, head: Head, *, shows_thinking: bool) -> None:
        super().__init__()
        self._head = _message(head)
        self._shows_thinking = shows_thinking

    def render(self) -> bytes:
        """The body, once the message is over."""
        assert self.finish is not None
        ended = {"content": self._content(), **_stop(self.finish), "usage": _usage(self.finish.usage)}
        return _encode(self._head | ended)

    def _content(self) -> list[Mapping[str, Any]]:
        thinking, text = self.reasoning, self.text
        blocks: list[Mapping[str, Any]] = []
        if thinking and self._shows_thinking:
            blocks.append({"type": "thinking", "thinking": thinking, "signature": ""})
        if text:
            blocks.append({"type": "text", "text": text})
        return blocks + [self._called(call) for call in self.calls]

    def _called(self, call: Call) -> Mapping[str, Any]:
        given = msgspec.json.decode(_object(call.arguments), type=dict[str, Any])
        return _tool_use(call.id, call.name, given)


def _message(head: Head) -> dict[str, Any]:
    return {
        "id": f"msg_{head.token}",
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _tool_use(id: str, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": arguments}


def _stop(finish: Finish) -> Mapping[str, Any]:
    if finish.stop is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": finish.stop}
    return {"stop_reason": _STOP_REASONS.get(finish.reason, "end_turn"), "stop_sequence": None}


def _usage(usage: Usage) -> Mapping[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": usage.completion_tokens,
    }


def render_count(tokens: int) -> bytes:
    """The body that says how many tokens a request has."""
    return _encode({"input_tokens": tokens})
