"""Messages: the types of what the routes of Anthropic's Messages API answer."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType


class _Closed(Struct, forbid_unknown_fields=True):
    pass


class _ErrorDetails(_Closed):
    """A code, and the fields that clients can do without."""

    error_code: str
    unsupported: list[str]


class MessagesErrorFields(_Closed):
    """What went wrong, for a person (`message`) and for a program."""

    type: Literal[
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
        "rate_limit_error",
        "api_error",
        "overloaded_error",
        "timeout_error",
    ]
    message: str
    details: _ErrorDetails | UnsetType = UNSET


class MessagesError(_Closed):
    """Every error of the Messages API has this body."""

    type: Literal["error"]
    error: MessagesErrorFields
    request_id: str


class _TextBlock(_Closed, tag_field="type", tag="text"):
    text: str


class _ThinkingBlock(_Closed, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class _ToolUseBlock(_Closed, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any]


class MessageUsage(_Closed):
    """Counted by the gateway, with the o200k vocabulary."""

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int


class AssistantMessage(_Closed):
    """A whole answer."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[_TextBlock | _ThinkingBlock | _ToolUseBlock]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]
    stop_sequence: str | None
    usage: MessageUsage


class MessageStreamEvent(Struct):
    """What else an event has depends on its type. The last is message_stop, or error if the answer fails."""

    type: Literal[
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    ]


class TokenCount(_Closed):
    """The tokens that a bot would see."""

    input_tokens: int


class MessagesModel(_Closed):
    """A bot, for clients that send anthropic-version."""

    type: Literal["model"]
    id: str
    display_name: str
    created_at: str


class MessagesModelList(_Closed):
    """All bots, for clients that send anthropic-version."""

    data: list[MessagesModel]
    has_more: Literal[False]
    first_id: str | None
    last_id: str | None
