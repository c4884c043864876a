"""Conversation: the common form of every request, which a query to Poe is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from msgspec import Struct


class Role(StrEnum):
    """Who speaks, in terms that all dialects share."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class TextPart(Struct, frozen=True):
    """Text, as the client wrote it."""

    text: str


class AttachmentPart(Struct, frozen=True):
    """An image, a file, audio or video as the client sent it: Poe cannot reach it yet.

    ``source`` is an http(s) or data: URL, or bare base64. ``param`` is the part's path in the
    request (``messages[0].content[1]``), for errors. ``format`` is the type that the part itself declares.
    """

    kind: Literal["image", "file", "audio", "video"]
    source: str
    param: str
    name: str | None = None
    format: str | None = None


class HostedPart(Struct, frozen=True):
    """An attachment that is on Poe's CDN: a bot can fetch it by its ``url``."""

    url: str
    content_type: str
    name: str


Part: TypeAlias = TextPart | AttachmentPart | HostedPart


class ToolCall(Struct, frozen=True):
    """A call that the assistant made. ``arguments`` is JSON, as the client sent it back."""

    id: str
    name: str
    arguments: str


class Message(Struct, frozen=True):
    """One message: its parts in the order in which the client sent them.

    ``tool_calls`` are an assistant's; ``tool_call_id`` says which of them a tool's message answers,
    ``name`` the tool's name where the client gives it.
    """

    role: Role
    parts: Sequence[Part] = ()
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """The text parts, separated by blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart) and part.text)


class Tool(Struct, frozen=True):
    """A tool that the client offers. ``parameters`` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None


class ToolChoice(Struct, frozen=True):
    """Whether tools may or must be called; ``name`` is the only one that may be, if set."""

    mode: Literal["none", "auto", "required"] = "auto"
    name: str | None = None


class ResponseFormat(Struct, frozen=True):
    """The answer must be JSON: any object, or what fits ``schema`` (a JSON Schema).

    ``param`` is the schema's path in the request, for errors; ``description`` says what the answer is for.
    """

    schema: Mapping[str, Any] | bool | None = None
    description: str | None = None
    param: str | None = None


class Conversation(Struct, frozen=True, kw_only=True):
    """A request for one completion.

    ``model`` is the name as the client wrote it. ``parameters`` are the bot's own (``aspect``,
    ``thinking_budget``, …), typed as given. ``max_tokens`` bounds the whole answer, reasoning
    included, in tokens of o200k. ``system_as_user``: the bot gets system messages as the user's.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    stop: Sequence[str] = ()
    max_tokens: int | None = None
    logit_bias: Mapping[str, float] | None = None
    parameters: Mapping[str, Any] = {}
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    response_format: ResponseFormat | None = None
    system_as_user: bool = False
