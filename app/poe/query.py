"""Query: a Conversation as the JSON of Poe's bot protocol.

What is not set is absent: ``fastapi_poe`` servers answer 500 to a null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from app.conversation import Conversation, Message, Role
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
    return msgspec.json.encode(query)


def _messages(conversation: Conversation, give_turn: Callable[[], None]) -> list[dict[str, Any]]:
    messages = [_message(message, give_turn) for message in conversation.messages]
    for index, attachments in placed(conversation.messages, give_turn).items():
        messages[index]["attachments"] = [
            {"url": each.url, "content_type": each.content_type, "name": each.name} for each in attachments
        ]
    if conversation.parameters:
        _bearer(messages)["parameters"] = dict(conversation.parameters)
    return messages


def _message(message: Message, give_turn: Callable[[], None]) -> dict[str, Any]:
    give_turn()
    return {
        "role": _ROLES[message.role],
        "content": message.text,
        "content_type": "text/markdown",
    }


def _bearer(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that carries the bot's parameters: the user's last, else the last."""
    return next((each for each in reversed(messages) if each["role"] == "user"), messages[-1])
