"""Models: Poe's list of bots, read defensively: every field but ``id`` may be missing or odd."""

from __future__ import annotations

from typing import Any

import msgspec

from app.errors import bad_upstream
from app.models.model import Model, seconds
from app.poe.client import PoeClient
from app.poe.exchange import QueryFailed

_FEATURES = ("supported_features", "supported_parameters")  # lists of words, "tools" among them


def fetch(client: PoeClient, token: str | None = None) -> list[Model]:
    """Ask Poe for its list, with ``token`` or without. Raises ``ApiError`` if that fails."""
    try:
        return decode(client.models(token))
    except QueryFailed as failed:
        raise failed.error from failed


def decode(body: bytes) -> list[Model]:
    """Decode Poe's answer to ``GET /v1/models``. Raises ``ApiError`` (502) if it is not a list."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        content = None
    entries = content.get("data") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise bad_upstream("Poe's list of models is not a list.")
    return [_model(entry) for entry in entries if isinstance(entry, dict) and _text(entry.get("id"))]


def _model(entry: dict[str, Any]) -> Model:
    window = entry.get("context_window")
    window = window if isinstance(window, dict) else {"context_length": window}
    return Model(
        id=entry["id"],
        created=seconds(entry.get("created")),
        owned_by=_text(entry.get("owned_by")) or "poe",
        description=_text(entry.get("description")),
        context_length=_number(window.get("context_length")) or _number(entry.get("context_length")),
        max_output_tokens=_number(window.get("max_output_tokens")) or _number(entry.get("max_output_tokens")),
        architecture=_mapping(entry.get("architecture")),
        pricing=_mapping(entry.get("pricing")),
        parameters=_names(entry.get("parameters")),
        has_tools=any("tools" in _list(entry.get(name)) for name in _FEATURES),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _mapping(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _names(parameters: object) -> tuple[str, ...]:
    named = (each for each in _list(parameters) if isinstance(each, dict))
    return tuple(each["name"] for each in named if _text(each.get("name")))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
