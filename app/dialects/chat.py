"""Chat: a request of OpenAI's Chat Completions API, decoded. ``chat_answer`` renders what comes back.

https://platform.openai.com/docs/api-reference/chat. What becomes of each field of a request stands
in docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct

from app.conversation import Conversation, ResponseFormat
from app.dialects import bodies, chat_forms, chat_messages, chat_tools, parameters, schemas
from app.dialects.chat_answer import ChatCompletion, ChatStream
from app.dialects.form import Head
from app.dialects.offers import Offer
from app.errors import invalid_request

# The request, as far as its types are checked.


class _StreamOptions(Struct):
    include_usage: bodies.Flag | None = None


class _TextFormat(Struct, tag_field="type", tag="text"):
    pass


class _ObjectFormat(Struct, tag_field="type", tag="json_object"):
    schema: schemas.Given | None = None  # not OpenAI's; llama.cpp, Together and Fireworks have it


class _NamedSchema(Struct):
    schema: schemas.Given
    description: str | None = None


class _SchemaFormat(Struct, tag_field="type", tag="json_schema"):
    json_schema: _NamedSchema


# Checked with messages of our own; the schemas are for the API's description.
_Messages = Annotated[list[chat_messages.ChatMessage], Meta(extra_json_schema={"minItems": 1})]
_One = Annotated[bodies.Whole, Meta(extra_json_schema={"const": 1})]
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
    stream: bodies.Flag | None = None
    stream_options: _StreamOptions | None = None
    temperature: bodies.Number | None = None
    stop: str | bodies.Stops | None = None
    max_tokens: bodies.Positive | None = None
    max_completion_tokens: bodies.Positive | None = None
    n: _One | None = None
    logit_bias: dict[str, bodies.Number] | None = None
    tools: list[_AnyTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bodies.Flag | None = None
    functions: list[chat_tools.Function] | None = None
    function_call: str | dict[str, Any] | None = None
    response_format: _TextFormat | _ObjectFormat | _SchemaFormat | None = None
    extra_body: dict[str, Any] | None = None


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
    """A decoded request: what to ask, and how to answer. ``as_functions``: calls in the old form."""

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


def decode(
    body: bytes | bytearray, give_turn: Callable[[], None] = lambda: None, deployment: str | None = None
) -> ChatRequest:
    """Decode the body of ``POST /v1/chat/completions``. ``give_turn`` is called between pieces of work.

    ``deployment`` is the model of a body that names none, as Azure's clients leave it to the path.
    Unknown fields and nulls are accepted; a wrong type, a part of an unknown type or an empty list of
    messages raises ``ApiError`` (400) whose ``param`` is the path of the field.
    """
    fields = chat_forms.usual(bodies.decode_object(body, give_turn), give_turn)
    if deployment and fields.get("model") is None:
        fields["model"] = deployment
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
        messages=chat_messages.messages(request.messages, give_turn),
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
