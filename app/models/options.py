"""Options: the options of a bot in models.yaml, applied to a request."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.conversation import Conversation
from app.models.config import BotConfig

_BOTH = ("reasoning_content", "reasoning")


def reasoning_fields(options: BotConfig) -> Sequence[str]:
    """The fields of a chat answer that carry the bot's reasoning."""
    field = options.reasoning_field or _BOTH[0]
    return _BOTH if field == "both" else (field,)


def applied(conversation: Conversation, options: BotConfig) -> Conversation:
    """The conversation with the bot's defaults where the request itself says nothing."""
    defaults = {name: value for name, value in (options.parameters or {}).items() if value is not None}
    if not defaults and not options.replace_response:
        return conversation
    return replace(
        conversation,
        parameters=defaults | dict(conversation.parameters),
        system_as_user=bool(options.replace_response),
    )
