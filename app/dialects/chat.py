"""Chat: OpenAI's Chat Completions API, decoded and rendered.

https://platform.openai.com/docs/api-reference/chat. What becomes of each field of a request stands
in docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, assert_never

import msgspec
from msgspec import Meta, Struct

from app.answer.deltas import Delta, Failure, Finish, Reasoning, Restart, Text, Usage
from app.conversation import AttachmentPart, Conversation, Message, Role, TextPart
from app.dialects import bodies, parameters
from app.errors import ApiError, invalid_request

# The request, as far as its types are checked.


class _TextPart(Struct, tag_field="type", tag="text"):
    text: str


class _ImageUrl(Struct):
    url: str


class _ImagePart(Struct, tag_field="type", tag="image_url"):
    image_url: _ImageUrl | str


class _File(Struct):
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _FilePart(Struct, tag_field="type", tag="file"):
    file: _File


class _Audio(Struct):
    data: str
    format: str | None = None


class _AudioPart(Struct, tag_field="type", tag="input_audio"):
    input_audio: _Audio


class _VideoPart(Struct, tag_field="type", tag="video_url"):
    video_url: _ImageUrl | str


class _RefusalPart(Struct, tag_field="type", tag="refusal"):
    refusal: str


_Part = _TextPart | _ImagePart | _FilePart | _AudioPart | _VideoPart | _RefusalPart


class _Message(Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None


class _StreamOptions(Struct):
    include_usage: bool | None = None


_Positive = Annotated[int, Meta(ge=1)]


class _Request(Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    stop: str | list[str] | None = None
    max_tokens: _Positive | None = None
    max_completion_tokens: _Positive | None = None
    n: int | None = None
    logit_bias: dict[str, float] | None = None
    extra_body: dict[str, Any] | None = None


_WHOLE_NUMBERS = ("n", "max_tokens", "max_completion_tokens")

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}

# Fields that OpenAI defines and that mean nothing to a Poe bot, or are read above. All others are
# the bot's parameters.
_NOT_PARAMETERS = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "temperature", "stop", "n", "logit_bias"),
        *("max_tokens", "max_completion_tokens", "extra_body"),
        *("top_p", "seed", "user", "store", "metadata", "presence_penalty", "frequency_penalty"),
        *("logprobs", "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls"),
        *("functions", "function_call", "service_tier", "modalities", "audio", "prediction"),
        *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "web_search_options"),
        *("prompt_cache_options", "moderation"),
    }
)


class ChatRequest(Struct, frozen=True):
    """A decoded request: what to ask, and how to answer."""

    conversation: Conversation
    stream: bool
    include_usage: bool


def decode(body: bytes, give_turn: Callable[[], None] = lambda: None) -> ChatRequest:
    """Decode the body of ``POST /v1/chat/completions``. ``give_turn`` is called between pieces of work.

    Unknown fields and nulls are fine; a wrong type, a part of an unknown type or an empty list of
    messages is an ``ApiError`` (400) whose ``param`` is the path of the field.
    """
    fields = bodies.with_whole_numbers(bodies.decode_object(body), _WHOLE_NUMBERS)
    give_turn()
    request = bodies.convert(fields, _Request)
    give_turn()
    if not request.model.strip():
        raise invalid_request("model is empty: name a bot.", "model")
    if not request.messages:
        raise invalid_request("messages is empty: there is nothing to answer.", "messages")
    if request.n not in (None, 1):
        raise invalid_request("n must be 1: Poe gives one answer a query.", "n", "unsupported_value")
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    conversation = Conversation(
        model=request.model,
        messages=[_message(message, index, give_turn) for index, message in enumerate(request.messages)],
        temperature=request.temperature,
        stop=[each for each in stop if each],
        max_tokens=request.max_completion_tokens or request.max_tokens,
        logit_bias=request.logit_bias or None,
        parameters=parameters.pick(fields, _NOT_PARAMETERS),
    )
    options = request.stream_options
    return ChatRequest(conversation, bool(request.stream), bool(options and options.include_usage))


def _message(message: _Message, index: int, give_turn: Callable[[], None]) -> Message:
    give_turn()
    content = message.content
    if content is None:
        parts: list[TextPart | AttachmentPart] = []
    elif isinstance(content, str):
        parts = [TextPart(content)]
    else:
        path = f"messages[{index}].content"
        parts = [_part(part, f"{path}[{number}]") for number, part in enumerate(content)]
    return Message(_ROLES[message.role], parts)


def _part(part: _Part, path: str) -> TextPart | AttachmentPart:
    match part:
        case _TextPart(text) | _RefusalPart(text):
            return TextPart(text)
        case _ImagePart(image):
            return AttachmentPart("image", image if isinstance(image, str) else image.url, path)
        case _VideoPart(video):
            return AttachmentPart("video", video if isinstance(video, str) else video.url, path)
        case _AudioPart(audio):
            return AttachmentPart("audio", audio.data, path, format=audio.format)
        case _FilePart(file):
            source = file.file_data or file.file_url
            if source is None:
                raise invalid_request(
                    f"{path}.file has neither file_data nor file_url (a file_id means nothing here).",
                    f"{path}.file",
                )
            return AttachmentPart("file", source, path, file.filename)
        case _:
            assert_never(part)


# The answer.


_encode_lines = msgspec.json.Encoder().encode_lines


class ChatStream:
    """Renders deltas as ``chat.completion.chunk`` events, each batch as the bytes of one write.

    ``id``, ``created`` (seconds) and ``model`` are the same on every chunk.
    """

    def __init__(self, id: str, created: int, model: str, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        head = {
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._head = msgspec.json.encode(head)[:-1]
        choice = b'data: %b,"choices":[{"index":0,"delta":' % self._head
        self._text = choice + b'{"content":'
        self._reasoning = choice + b'{"reasoning_content":'
        self._end_of_delta = b'},"logprobs":null,"finish_reason":null}]}\n\n'
        self._choice = choice
        self._has_begun = False
        self._has_text = False

    def render(self, deltas: Sequence[Delta]) -> bytes:
        """The chunks for a batch; the first carries the role, the end its usage and ``[DONE]``."""
        texts = [delta.text for delta in deltas if type(delta) is Text]
        if self._has_text and texts and len(texts) == len(deltas):  # nothing else, as nearly always
            return self._render_texts(texts)
        encode, end = msgspec.json.encode, self._end_of_delta
        chunks: list[bytes] = []
        for delta in deltas:
            match delta:
                case Text(text):
                    chunks += (self._text, encode(text), end)
                    self._has_text = True
                case Reasoning(text):
                    chunks += (self._reasoning, encode(text), end)
                case Restart():
                    if self._has_text:
                        chunks += (self._text, b'"\\n\\n"', end)
                case Finish(reason, usage):
                    chunks.append(self._finish(reason, usage))
                case Failure(error):
                    chunks.append(render_stream_error(error))
                case _:
                    assert_never(delta)
        if chunks and not self._has_begun:
            self._has_begun = True
            chunks[:0] = (self._choice, b'{"role":"assistant","content":""', end)
        return b"".join(chunks)

    def _render_texts(self, texts: Sequence[str]) -> bytes:
        """A chunk for each: all encoded at once, a line each, for JSON never holds a line's end itself."""
        end = self._end_of_delta
        lines = _encode_lines(texts)[:-1]
        return b"".join((self._text, lines.replace(b"\n", end + self._text), end))

    def _finish(self, reason: str, usage: Usage) -> bytes:
        end = b'%b{},"logprobs":null,"finish_reason":"%b"}]}\n\n' % (
            self._choice,
            reason.encode(),
        )
        if self._include_usage:
            counted = msgspec.json.encode(_usage(usage))
            end += b'data: %b,"choices":[],"usage":%b}\n\n' % (self._head, counted)
        return end + b"data: [DONE]\n\n"


def render_stream_error(error: ApiError) -> bytes:
    """A failure in the middle of a stream: every client raises on it, none takes it for an end."""
    return b"data: %b\n\ndata: [DONE]\n\n" % render_error(error)


def render_error(error: ApiError) -> bytes:
    """OpenAI's error body."""
    fields = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    return msgspec.json.encode({"error": fields})


class ChatCompletion:
    """Collects deltas and renders them as one ``chat.completion``."""

    def __init__(self, id: str, created: int, model: str) -> None:
        self._head = {
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": model,
        }
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._finish: Finish | None = None

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
                case Finish():
                    self._finish = delta
                case Failure(error):
                    raise error
                case _:
                    assert_never(delta)

    @property
    def is_over(self) -> bool:
        return self._finish is not None

    def render(self) -> bytes:
        """The body, once the completion is over."""
        assert self._finish is not None
        message = {"role": "assistant", "content": "".join(self._text), "refusal": None}
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self._finish.reason,
        }
        return msgspec.json.encode(self._head | {"choices": [choice], "usage": _usage(self._finish.usage)})


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
