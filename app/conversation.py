"""Conversation: what every dialect is turned into, and what a query to Poe is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct


class Role(StrEnum):
    """Who speaks, in terms that all dialects share."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class TextPart(Struct, frozen=True):
    """Text as the client wrote it."""

    text: str


class AttachmentPart(Struct, frozen=True):
    """An image, a file, audio or video.

    ``source`` is an http(s) or data: URL, or bare base64. ``param`` is the part's path in the
    request (``messages[0].content[1]``), for errors.
    """

    kind: str
    source: str
    param: str
    name: str | None = None
    format: str | None = None


class Message(Struct, frozen=True):
    """One message: its parts in the order in which the client sent them."""

    role: Role
    parts: Sequence[TextPart | AttachmentPart] = ()

    @property
    def text(self) -> str:
        """The text parts, a blank line between two of them."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart) and part.text)


class Conversation(Struct, frozen=True, kw_only=True):
    """A request for one completion.

    ``model`` is the name as the client wrote it. ``parameters`` are the bot's own (``aspect``,
    ``thinking_budget``, …), typed as given. ``max_tokens`` bounds the whole answer, reasoning
    included, in tokens of o200k.
    """

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    stop: Sequence[str] = ()
    max_tokens: int | None = None
    logit_bias: Mapping[str, float] | None = None
    parameters: Mapping[str, Any] = {}
