"""Model: a bot as Poe lists it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

_MILLISECONDS_FROM = 100_000_000_000  # as seconds, the year 5138


class Model(Struct, frozen=True):
    """A bot as the list tells of it. ``created`` in seconds; ``None`` where Poe says nothing.

    ``has_tools``: the list says that the bot takes tools by itself.
    """

    id: str
    created: int = 0
    owned_by: str = "poe"
    description: str | None = None
    context_length: int | None = None
    max_output_tokens: int | None = None
    architecture: Mapping[str, Any] | None = None
    pricing: Mapping[str, Any] | None = None
    parameters: tuple[str, ...] = ()
    has_tools: bool = False


def seconds(created: object) -> int:
    """``created``, be it in seconds or in milliseconds, in seconds; 0 for what is no time."""
    if isinstance(created, bool) or not isinstance(created, (int, float)):
        return 0
    return int(created // 1000 if created >= _MILLISECONDS_FROM else created)
