"""Form: the interface of a dialect: a request decoded, and its answer, streamed or whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from app.answer.deltas import Delta
from app.conversation import Conversation
from app.errors import ApiError


class Head(Struct, frozen=True):
    """What an answer begins with. ``token``: 32 unique hex digits, for its ids; ``created``: in seconds.

    ``model`` is the name as the client wrote it, ``request_id`` the request's id in the log.
    ``reasoning_fields``: where reasoning goes, if the dialect leaves a choice. ``prompt_tokens`` are counted
    by the time the first delta comes.
    """

    token: str
    created: int
    model: str
    reasoning_fields: Sequence[str] = ()
    request_id: str = ""
    prompt_tokens: Callable[[], int] = lambda: 0


class StreamedAnswer(Protocol):
    """Renders deltas as server-sent events, each batch as the bytes of one write."""

    heartbeat: bytes

    def render(self, deltas: Sequence[Delta]) -> bytes: ...

    def render_error(self, error: ApiError) -> bytes:
        """The end of a stream that fails half-way."""
        ...


class WholeAnswer(Protocol):
    """Collects deltas, and renders them as one body."""

    @property
    def is_over(self) -> bool: ...

    def add(self, deltas: Sequence[Delta]) -> None:
        """Take a batch. Raises the ``ApiError`` of a ``Failure``."""
        ...

    def render(self) -> bytes:
        """The body (JSON), once the answer is over."""
        ...


class Request(Protocol):
    """A decoded request: what to ask, and how to answer."""

    @property
    def conversation(self) -> Conversation: ...

    @property
    def stream(self) -> bool: ...

    def streamed(self, head: Head) -> StreamedAnswer: ...

    def whole(self, head: Head) -> WholeAnswer: ...


GiveTurn: TypeAlias = Callable[[], None]
# Decodes a body; its second argument is called between pieces of work. Raises ``ApiError`` (400).
Decode: TypeAlias = Callable[[bytes | bytearray, GiveTurn], Request]
