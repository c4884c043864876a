"""Chat: a request of OpenAI's Chat Completions API, decoded. ``chat_answer`` renders what comes back.

https://platform.openai.com/docs/api-reference/chat. What becomes of each field of a request stands
in docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, assert_never

from msgspec import Meta, Struct

from app.conversation import AttachmentPart, Conversation, Message, ResponseFormat, Role, TextPart, ToolCall
from app.dialects import bodies, chat_forms, chat_tools, parameters, schemas
from app.dialects.chat_answer import ChatCompletion, ChatStream
from app.dialects.form import Head
from app.dialects.offers import Offer
from app.errors import invalid_request

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
    name: str | None = None
    tool_calls: list[chat_tools.Call] | None = None
    tool_call_id: str | None = None
    function_call: chat_tools.CalledFunction | None = None


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _TextFormat(Struct, tag_field="type", tag="text"):
    pass


class _ObjectFormat(Struct, tag_field="type", tag="json_object"):
    schema: dict[str, Any] | bool | None = None  # not OpenAI's; llama.cpp, Together and Fireworks have it


class _NamedSchema(Struct):
    schema: dict[str, Any] | bool
    description: str | None = None


class _SchemaFormat(Struct, tag_field="type", tag="json_schema"):
    json_schema: _NamedSchema


# Checked in words of our own; the schemas are for those who read the API's description.
_Messages = Annotated[list[_Message], Meta(extra_json_schema={"minItems": 1})]
_One = Annotated[int, Meta(extra_json_schema={"const": 1})]
_AnyTool = Annotated[
    dict[str, Any],
    Meta(
        description="A function; tools of other types are ignored.",
        extra_json_schema={
            "properties": {"type": {"type": ["string", "null"], "default": "function"}},
            "if": {"properties": {"type": {"enum": ["function", None]}}},
            "then": {
                "properties": {"function": {"$ref": "#/components/schemas/Function"}},
                "required": ["function"],
            },
        },
    ),
]


class Request(Struct):
    """The body of a request. Each field that is not named here is a parameter of the bot."""

    model: bodies.BotName
    messages: _Messages
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    stop: str | bodies.Stops | None = None
    max_tokens: bodies.Positive | None = None
    max_completion_tokens: bodies.Positive | None = None
    n: _One | None = None
    logit_bias: dict[str, float] | None = None
    tools: list[_AnyTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    functions: list[chat_tools.Function] | None = None
    function_call: str | dict[str, Any] | None = None
    response_format: _TextFormat | _ObjectFormat | _SchemaFormat | None = None
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
        *("max_tokens", "max_completion_tokens", "extra_body", "response_format"),
        *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
        *("top_p", "seed", "user", "store", "metadata", "presence_penalty", "frequency_penalty"),
        *("logprobs", "top_logprobs", "service_tier", "modalities", "audio", "prediction"),
        *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "web_search_options"),
        *("prompt_cache_options", "moderation"),
    }
)


class ChatRequest(Struct, frozen=True):
    """A decoded request: what to ask, and how to answer. ``as_functions``: calls in the deprecated form."""

    conversation: Conversation
    stream: bool
    include_usage: bool
    as_functions: bool = False

    def streamed(self, head: Head) -> ChatStream:
        return ChatStream(
            *_identity(head),
            include_usage=self.include_usage,
            as_functions=self.as_functions,
            reasoning_fields=head.reasoning_fields,
        )

    def whole(self, head: Head) -> ChatCompletion:
        return ChatCompletion(
            *_identity(head), as_functions=self.as_functions, reasoning_fields=head.reasoning_fields
        )


def _identity(head: Head) -> tuple[str, int, str]:
    return f"chatcmpl-{head.token}", head.created, head.model


def decode(body: bytes | bytearray, give_turn: Callable[[], None] = lambda: None) -> ChatRequest:
    """Decode the body of ``POST /v1/chat/completions``. ``give_turn`` is called between pieces of work.

    Unknown fields and nulls are fine; a wrong type, a part of an unknown type or an empty list of
    messages is an ``ApiError`` (400) whose ``param`` is the path of the field.
    """
    fields = bodies.with_whole_numbers(bodies.decode_object(body, give_turn), _WHOLE_NUMBERS)
    fields = chat_forms.usual(fields, give_turn)
    request = bodies.convert(fields, Request)
    give_turn()
    bodies.check_name(request.model)
    if not request.messages:
        raise invalid_request("messages is empty: there is nothing to answer.", "messages")
    if request.n not in (None, 1):
        raise invalid_request("n must be 1: Poe gives one answer per query.", "n", "unsupported_value")
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    as_functions = bool(request.functions and not request.tools)
    offer = _offer(request, as_functions=as_functions)
    conversation = Conversation(
        model=request.model,
        messages=[_message(message, index, give_turn) for index, message in enumerate(request.messages)],
        temperature=request.temperature,
        stop=bodies.stops(stop, "stop"),
        max_tokens=request.max_completion_tokens or request.max_tokens,
        logit_bias=request.logit_bias or None,
        parameters=parameters.pick(fields, _NOT_PARAMETERS),
        tools=offer.tools,
        tool_choice=offer.choice,
        parallel_tool_calls=offer.parallel,
        response_format=_response_format(request, give_turn),
    )
    include_usage = bool(request.stream_options and request.stream_options.include_usage)
    return ChatRequest(conversation, bool(request.stream), include_usage, as_functions)


def _offer(request: Request, *, as_functions: bool) -> Offer:
    if as_functions:
        return chat_tools.offer_of_functions(request.functions or (), request.function_call)
    return chat_tools.offer(request.tools, request.tool_choice, parallel=request.parallel_tool_calls)


def _response_format(request: Request, give_turn: Callable[[], None]) -> ResponseFormat | None:
    match request.response_format:
        case _SchemaFormat(named):
            path = "response_format.json_schema.schema"
            schemas.check(named.schema, path, give_turn)
            return ResponseFormat(named.schema, named.description, path)
        case _ObjectFormat(schema) if schema is not None:
            path = "response_format.schema"
            schemas.check(schema, path, give_turn)
            return ResponseFormat(schema, param=path)
        case _ObjectFormat():
            return ResponseFormat()
        case _:
            return None


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
    match role := _ROLES[message.role]:
        case Role.ASSISTANT:
            return Message(role, parts, _calls(message, f"messages[{index}]"))
        case Role.TOOL:
            return Message(role, parts, tool_call_id=message.tool_call_id, name=message.name)
        case _:
            return Message(role, parts)


def _calls(message: _Message, path: str) -> list[ToolCall]:
    given = enumerate(message.tool_calls or ())
    calls = [chat_tools.call(call, f"{path}.tool_calls[{number}]") for number, call in given]
    if message.function_call is not None and not calls:
        calls.append(chat_tools.function_call(message.function_call))
    return calls


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
                    f"{path}.file has neither file_data nor file_url (a file_id cannot be used).",
                    f"{path}.file",
                )
            return AttachmentPart("file", source, path, file.filename)
        case _:
            assert_never(part)
