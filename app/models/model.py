"""Model: a bot as Poe lists it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

_MILLISECONDS_FROM = 100_000_000_000  # as seconds, the year 5138


class Model(Struct, frozen=True):
    """A bot as the list describes it; ``None`` where Poe says nothing. ``created`` is in seconds.

    ``has_tools``: according to the list, the bot supports tools natively.
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
    """``created``, given in seconds or milliseconds, in seconds; 0 if it is not a time."""
    if isinstance(created, bool) or not isinstance(created, (int, float)):
        return 0
    return int(created // 1000 if created >= _MILLISECONDS_FROM else created)
