"""Messages: a request of Anthropic's Messages API, decoded. ``messages_answer`` renders what comes back.

https://docs.claude.com/en/api/messages. What becomes of each field of a request stands in
docs/messages.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from app.conversation import AttachmentPart, Conversation, Message, ResponseFormat, Role, TextPart, ToolCall
from app.dialects import bodies, message_blocks, message_tools, parameters, schemas
from app.dialects.form import Head
from app.dialects.message_blocks import Block
from app.dialects.messages_answer import MessageStream, WholeMessage
from app.errors import invalid_request, threads_unsupported

# The request, as far as its types are checked.


class _Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class _Thinking(Struct):
    type: str | None = None


class _OutputFormat(Struct):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class _OutputConfig(Struct):
    effort: str | None = None
    format: _OutputFormat | None = None


_Messages = Annotated[list[_Turn], Meta(extra_json_schema={"minItems": 1})]


class CreateMessage(Struct):
    """The body of a request. A plain value in a field that is not named here is a parameter of the bot."""

    model: bodies.BotName
    messages: _Messages
    max_tokens: bodies.Positive | None = None
    system: str | list[Block] | None = None
    stream: bodies.Flag | None = None
    temperature: bodies.Number | None = None
    stop_sequences: bodies.Stops | None = None
    tools: list[message_tools.AnyTool] | None = None
    tool_choice: message_tools.MessageToolChoice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None
    output_format: _OutputFormat | None = None
    thread: Any = None


# Fields that Anthropic defines and that mean nothing to a Poe bot, or are read above. Other plain
# values are the bot's parameters.
_NOT_PARAMETERS = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "stream", "temperature", "stop_sequences"),
        *("tools", "tool_choice", "output_config", "output_format", "thread"),
        *("top_p", "top_k", "metadata", "service_tier", "container", "mcp_servers", "context_management"),
        *("cache_control", "inference_geo", "speed", "betas", "user_profile_id", "diagnostics", "fallbacks"),
    }
)


class MessagesRequest(Struct, frozen=True):
    """A decoded request. ``shows_thinking``: the client asked to see what the bot thinks."""

    conversation: Conversation
    stream: bool
    shows_thinking: bool = False

    def streamed(self, head: Head) -> MessageStream:
        return MessageStream(head, shows_thinking=self.shows_thinking)

    def whole(self, head: Head) -> WholeMessage:
        return WholeMessage(head, shows_thinking=self.shows_thinking)


def decode(body: bytes | bytearray, give_turn: Callable[[], None] = lambda: None) -> MessagesRequest:
    """Decode the body of ``POST /v1/messages``, or of ``/v1/messages/count_tokens``.

    ``give_turn`` is called between pieces of work. Unknown fields and nulls are accepted; a wrong type, a
    block of an unknown type or an empty list of messages raises ``ApiError`` (400) whose ``param`` is the
    path of the field.
    """
    fields = bodies.decode_object(body, give_turn)
    give_turn()
    request = bodies.convert(fields, CreateMessage)
    give_turn()
    bodies.check_name(request.model)
    if request.thread is not None:
        raise threads_unsupported()
    if not request.messages:
        raise invalid_request("messages is empty: there is nothing to answer.", "messages")
    messages = list(_messages(request, give_turn))
    if not messages:
        raise invalid_request(
            "messages contains nothing that a bot reads: there is nothing to answer.", "messages"
        )
    offer = message_tools.offer(request.tools, request.tool_choice, _found_tools(request))
    conversation = Conversation(
        model=request.model,
        messages=messages,
        temperature=request.temperature,
        stop=bodies.stops(request.stop_sequences or (), "stop_sequences"),
        max_tokens=request.max_tokens,
        parameters=_parameters(fields, request),
        tools=offer.tools,
        tool_choice=offer.choice,
        parallel_tool_calls=offer.parallel,
        response_format=_response_format(request, give_turn),
    )
    thinking = request.thinking.type if request.thinking else None
    return MessagesRequest(conversation, bool(request.stream), thinking in ("enabled", "adaptive"))


def _found_tools(request: CreateMessage) -> set[str]:
    contents = (message.content for message in request.messages)
    return {
        name for content in contents if isinstance(content, list) for name in message_blocks.tools_of(content)
    }


def _parameters(fields: dict[str, Any], request: CreateMessage) -> dict[str, Any]:
    """The bot's own parameters. Objects and lists are none, as new fields of Anthropic's often are."""
    plain = {name: value for name, value in fields.items() if not isinstance(value, (dict, list))}
    given = plain | {name: fields[name] for name in ("thinking", "extra_body") if name in fields}
    picked = parameters.pick(given, _NOT_PARAMETERS)
    if request.output_config and request.output_config.effort:
        return {"reasoning_effort": request.output_config.effort} | picked
    return picked


def _response_format(request: CreateMessage, give_turn: Callable[[], None]) -> ResponseFormat | None:
    configured = request.output_config.format if request.output_config else None
    wanted, path = (
        (configured, "output_config.format") if configured else (request.output_format, "output_format")
    )
    if wanted is None:
        return None
    schemas.check(wanted.schema, f"{path}.schema", give_turn)
    return ResponseFormat(wanted.schema, None, f"{path}.schema")


def _messages(request: CreateMessage, give_turn: Callable[[], None]) -> Iterator[Message]:
    if request.system:
        yield Message(Role.SYSTEM, _parts(request.system, "system"))
    for index, message in enumerate(request.messages):
        give_turn()
        path = f"messages[{index}].content"
        if message.role == "assistant":
            yield _assistant(message, path)
        elif message.role == "system":
            yield Message(Role.SYSTEM, _parts(message.content, path))
        else:
            yield from _user(message, path)


def _parts(content: str | Sequence[Block], path: str) -> list[TextPart | AttachmentPart]:
    if isinstance(content, str):
        return [TextPart(content)]
    return list(message_blocks.parts(content, path))


def _assistant(message: _Turn, path: str) -> Message:
    blocks = message.content if isinstance(message.content, list) else []
    calls = [
        _call(message_blocks.call(block, f"{path}[{number}]"))
        for number, block in enumerate(blocks)
        if block.get("type") == "tool_use"
    ]
    return Message(Role.ASSISTANT, _parts(message.content, path), calls)


def _call(given: message_blocks.Call) -> ToolCall:
    return ToolCall(given.id, given.name, msgspec.json.encode(given.input).decode())


def _user(message: _Turn, path: str) -> Iterator[Message]:
    """The user's message, and a message for each tool result in it, in their order."""
    if isinstance(message.content, str):
        yield Message(Role.USER, [TextPart(message.content)])
        return
    parts: list[TextPart | AttachmentPart] = []
    for number, block in enumerate(message.content):
        place = f"{path}[{number}]"
        if block.get("type") != "tool_result":
            parts += message_blocks.parts([block], place, is_alone=True)
            continue
        if parts:
            yield Message(Role.USER, parts)
            parts = []
        result = message_blocks.result(block, place)
        yield Message(Role.TOOL, list(result.parts), tool_call_id=result.id)
    if parts or not message.content:
        yield Message(Role.USER, parts)
