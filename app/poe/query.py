"""Query: a Conversation as the JSON of Poe's bot protocol.

What is not set is absent: ``fastapi_poe`` servers answer 500 to a null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from app.conversation import Conversation, Message, Role, TextPart, Tool, ToolCall
from app.errors import invalid_request, model_not_found
from app.poe.attachments import placed

PROTOCOL_VERSION = "1.2"
_NAME_LIMIT = 255

_ROLES = {
    Role.SYSTEM: "system",
    Role.USER: "user",
    Role.ASSISTANT: "bot",
    Role.TOOL: "tool",
}


def path_segment(bot: str) -> str:
    """The bot's name as one segment of a URL's path, whatever it contains.

    ``.`` and ``..`` cannot be one, however they are written (RFC 3986 section 5.2.4).
    """
    if bot in (".", ".."):
        raise model_not_found(f"There is no bot named {bot!r}.")
    if not bot.strip():
        raise invalid_request("The model is empty: name a bot.", "model")
    if len(bot) > _NAME_LIMIT:
        raise invalid_request(f"The model's name is longer than {_NAME_LIMIT} characters.", "model")
    return quote(bot, safe="")


def encode(conversation: Conversation, give_turn: Callable[[], None] = lambda: None) -> bytes:
    """The body of ``POST /bot/NAME``. ``give_turn`` is called between pieces of work."""
    query: dict[str, Any] = {
        "version": PROTOCOL_VERSION,
        "type": "query",
        "user_id": "",
        "conversation_id": "",
        "message_id": "",
        "query": _messages(conversation, give_turn),
    }
    if conversation.temperature is not None:
        query["temperature"] = conversation.temperature
    if conversation.stop:
        query["stop_sequences"] = list(conversation.stop)
    if conversation.logit_bias:
        query["logit_bias"] = dict(conversation.logit_bias)
    if conversation.tools:
        query |= _tools(conversation)
    return msgspec.json.encode(query)


def texts(conversation: Conversation) -> Iterator[str]:
    """The texts of the query that the bot reads."""
    for message in conversation.messages:
        yield message.text
        for call in message.tool_calls:
            yield call.name
            yield call.arguments
    for tool in conversation.tools:
        yield msgspec.json.encode(_tool(tool)).decode()


def _messages(conversation: Conversation, give_turn: Callable[[], None]) -> list[dict[str, Any]]:
    is_native = bool(conversation.tools)
    said = [
        _as_user(message) if conversation.system_as_user else message
        for message in conversation.messages
        if not (is_native and _is_of_round(message))
    ]
    messages = [_message(message, give_turn) for message in said]
    for index, attachments in placed(said, give_turn).items():
        messages[index]["attachments"] = [
            {"url": each.url, "content_type": each.content_type, "name": each.name} for each in attachments
        ]
    if conversation.parameters:
        _bearer(messages)["parameters"] = dict(conversation.parameters)
    return messages


def _as_user(message: Message) -> Message:
    return replace(message, role=Role.USER) if message.role is Role.SYSTEM else message


def _message(message: Message, give_turn: Callable[[], None]) -> dict[str, Any]:
    give_turn()
    return {
        "role": _ROLES[message.role],
        "content": message.text,
        "content_type": "text/markdown",
    }


def _bearer(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that carries the bot's parameters: the last of the user's, else the last."""
    return next((each for each in reversed(messages) if each["role"] == "user"), messages[-1])


# Tools, natively, as fastapi_poe's types have them. The calls and results with which a conversation
# ends stand beside its messages; earlier ones are text by now (see app.tools.ways).


def _is_of_round(message: Message) -> bool:
    """Whether everything in a message goes into ``tool_calls`` or ``tool_results``."""
    is_silent = all(isinstance(part, TextPart) and not part.text for part in message.parts)
    return message.role is Role.TOOL or (bool(message.tool_calls) and is_silent)


def _tools(conversation: Conversation) -> dict[str, Any]:
    calls = [call for message in conversation.messages for call in message.tool_calls]
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in conversation.tools]}
    if calls:
        names = {call.id: call.name for call in calls}
        results = [message for message in conversation.messages if message.role is Role.TOOL]
        fields["tool_calls"] = [_call(call) for call in calls]
        fields["tool_results"] = [_result(message, names) for message in results]
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool in the form of the protocol, which requires a description and an object's schema."""
    parameters = {"type": "object", "properties": {}} | dict(tool.parameters or {})
    function = {"name": tool.name, "description": tool.description or "", "parameters": parameters}
    return {"type": "function", "function": function}


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _result(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    id = message.tool_call_id or ""
    return {
        "role": "tool",
        "tool_call_id": id,
        "name": message.name or names.get(id, ""),
        "content": message.text,
    }
