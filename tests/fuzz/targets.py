"""Targets: code that handles bytes from outside. Each takes any, and raises only if there is a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from app.answer.deltas import Delta, Finish, Restart
from app.answer.native import NativeCalls
from app.answer.pipeline import Pipeline
from app.answer.toolcalls import ToolCalls
from app.dialects import chat, messages, responses
from app.dialects.chat_answer import ChatCompletion, ChatStream
from app.dialects.form import Decode, Head, Request
from app.errors import ApiError
from app.models import config, edits, masks
from app.models.config import ConfigError
from app.poe.events import Done, Error, Event, EventReader, Text
from app.poe.sse import EventStreamDecoder
from app.tokenizer import o200k
from tests import response_types
from tests.answer.test_toolcalls import TOOLS
from tests.dialects.test_messages import content_of as message_blocks
from tests.gateway import content_of, events_in

Answer = tuple[str | None, list[Any], str]
_STOP = ("STOP",)


def stream(data: bytes) -> None:
    """Poe's bytes, all the way to the client: however they are cut, the answer is the same."""
    width, data = _width(data)
    _check(_events([data]), list(_events(_cut(data, width))))


def dialects(data: bytes) -> None:
    """Poe's bytes, all the way to clients of the other APIs, with native calls."""
    width, data = _width(data)
    one = _other_answers([data])
    assert _other_answers(list(_cut(data, width))) == one


def tools(data: bytes) -> None:
    """A bot's text, which may contain calls."""
    width, data = _width(data)
    said = data.decode(errors="replace")
    _check([[Text(said)]], [[Text(piece)] for piece in _cut(said, width)])


def request(data: bytes) -> None:
    """The body of a chat, which is a conversation or a 400."""
    _decode(chat.decode, data)


def response(data: bytes) -> None:
    """The body of a request for a response, the same way."""
    _decode(responses.decode, data)


def message(data: bytes) -> None:
    """The body of a request for a message, the same way."""
    _decode(messages.decode, data)


def _decode(decode: Decode, data: bytes) -> None:
    try:
        decoded = decode(data, lambda: None)
    except ApiError as error:
        if error.status != 400:
            raise
    else:
        assert decoded.conversation.messages


def models_file(data: bytes) -> None:
    """A models.yaml, which is refused or can be written back unchanged."""
    text = data.decode(errors="replace")
    masks.masked(text)
    try:
        fields, _ = config.read(text)
    except ConfigError:
        return
    changed = {**fields, "enable": not fields.get("enable")}
    assert config.read(edits.edited(text, changed))[0] == changed


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "stream": stream,
    "dialects": dialects,
    "tools": tools,
    "request": request,
    "response": response,
    "message": message,
    "models_file": models_file,
}


def _width(data: bytes) -> tuple[int, bytes]:
    """The first byte determines the size of the pieces."""
    return (data[0] % 16 + 1 if data else 1), data[1:]


def _cut(data: Any, width: int) -> Iterator[Any]:
    return (data[start : start + width] for start in range(0, len(data), width))


def _events(parts: Any) -> Iterator[list[Event]]:
    decoder, reader = EventStreamDecoder(), EventReader()
    for part in parts:
        yield reader.read(decoder.feed(part))
    yield reader.read(decoder.finish())


def _other_answers(parts: Any) -> tuple[Any, ...]:
    """The answers of each API, streamed and whole, which are equal unless the text begins anew."""
    deltas = list(_deltas(parts))
    has_restarted = any(isinstance(delta, Restart) for batch in deltas for delta in batch)
    answers = []
    for request, of_stream, of_body in _OTHERS:
        streamed, whole = request.streamed(_HEAD), request.whole(_HEAD)
        body = b"".join(streamed.render(batch) for batch in deltas)
        for batch in deltas:
            whole.add(batch)
        told, one = of_stream(body), of_body(json.loads(whole.render()))
        assert told[1] == one[1]
        assert has_restarted or told == one
        answers += [told, one]
    return tuple(answers)


def _deltas(parts: Any) -> Iterator[list[Delta]]:
    ids, made = count(), count()
    calls = ToolCalls(TOOLS, lambda: f"call_{next(ids)}")
    native = NativeCalls(lambda: f"native_{next(made)}")
    pipeline = Pipeline(o200k(), stop=_STOP, written_calls=calls, native_calls=native)
    for batch in _events(parts):
        if deltas := pipeline.feed([event for event in batch if not isinstance(event, (Done, Error))]):
            yield list(deltas)
        if pipeline.finish_reason or (batch and isinstance(batch[-1], (Done, Error))):
            break
    rest = [] if pipeline.finish_reason else pipeline.finish()
    yield [*rest, Finish(pipeline.finish_reason or "stop", pipeline.usage(0))]


def _of_response(response: dict[str, Any]) -> tuple[str, list[Any]]:
    response_types.checked(response)
    calls = [item for item in response["output"] if item["type"] == "function_call"]
    return response_types.output_text(response), [(each["name"], each["arguments"]) for each in calls]


def _of_response_stream(body: bytes) -> tuple[str, list[Any]]:
    return _of_response(response_types.events_of(body)[-1]["response"])


def _of_blocks(blocks: Sequence[dict[str, Any]]) -> tuple[str, list[Any]]:
    calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    return "".join(block["text"] for block in blocks if block["type"] == "text"), calls


def _of_message(message: dict[str, Any]) -> tuple[str, list[Any]]:
    return _of_blocks(message["content"])


def _of_message_stream(body: bytes) -> tuple[str, list[Any]]:
    return _of_blocks(message_blocks([json.loads(each) for each in _DATA.findall(body)]))


_DATA = re.compile(rb"^data: (.*)$", re.MULTILINE)
_HEAD = Head("0" * 32, 1, "bot")
_ASKED = b'{"model": "bot", "messages": [{"role": "user", "content": "x"}], "thinking": {"type": "adaptive"}}'
_OTHERS: Sequence[tuple[Request, Callable[..., Any], Callable[..., Any]]] = (
    (responses.decode(b'{"model": "bot", "input": "x"}'), _of_response_stream, _of_response),
    (messages.decode(_ASKED), _of_message_stream, _of_message),
)


def _check(whole: Any, cut: Any) -> None:
    """The answer is the same in one body, in a stream, and in either when it comes in pieces.

    But for one that begins anew: a stream cannot take back what it has said.
    """
    one, streamed, has_restarted = _rendered(whole)
    assert has_restarted or one == streamed
    assert _rendered(cut) == (one, streamed, has_restarted)


def _rendered(batches: Any) -> tuple[Answer, Answer, bool]:
    ids = (f"call_{index:024}" for index in count())
    pipeline = Pipeline(o200k(), stop=_STOP, written_calls=ToolCalls(TOOLS, lambda: next(ids)))
    completion, renderer = ChatCompletion("id", 1, "bot"), ChatStream("id", 1, "bot", include_usage=False)
    written: list[bytes] = []
    given: list[Delta] = []

    def take(deltas: Sequence[Delta]) -> None:
        given.extend(deltas)
        completion.add(deltas)
        written.append(renderer.render(deltas))

    for batch in batches:
        take(pipeline.feed([event for event in batch if not isinstance(event, (Done, Error))]))
        if pipeline.finish_reason or (batch and isinstance(batch[-1], (Done, Error))):
            break
    if not pipeline.finish_reason:
        take(pipeline.finish())
    take([Finish(pipeline.finish_reason or "", pipeline.usage(0))])
    has_restarted = any(isinstance(delta, Restart) for delta in given)
    return _of_body(completion.render()), _of_stream(b"".join(written)), has_restarted


def _of_body(body: bytes) -> Answer:
    (choice,) = json.loads(body)["choices"]
    calls = [each["function"] for each in choice["message"].get("tool_calls", ())]
    return choice["message"]["content"] or "", calls, choice["finish_reason"]


def _of_stream(body: bytes) -> Answer:
    events = events_in(body)
    calls: list[dict[str, str]] = []
    reason = ""
    for choice in (each["choices"][0] for each in events if isinstance(each, dict)):
        reason = choice["finish_reason"] or reason
        for piece in choice["delta"].get("tool_calls", ()):
            if piece["index"] == len(calls):
                calls.append(dict(piece["function"]))
            else:
                calls[piece["index"]]["arguments"] += piece["function"]["arguments"]
    return content_of(events), calls, reason
