"""Merging: new content over old, which keeps what a client does not know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.models import config

_TOKEN = "api_token"  # noqa: S105 - its name


def merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """``after``, with the token and the foreign keys of ``before`` that ``after`` does not have.

    A null removes such a key.
    """
    fields = with_token_of(before, after) if _TOKEN not in after else dict(after)
    fields = _with_unknown(before, fields, config.KNOWN)
    if fields.get(_TOKEN) in (None, ""):  # any other wrong value is refused, not taken for none
        fields.pop(_TOKEN, None)
    _merge_models(before, fields)
    _merge_custom(before, fields)
    return fields


def with_token_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """``after`` with the API token of ``before``."""
    fields = {key: value for key, value in after.items() if key != _TOKEN}
    return fields | ({_TOKEN: before[_TOKEN]} if before.get(_TOKEN) else {})


def _merge_models(before: Mapping[str, Any], fields: dict[str, Any]) -> None:
    old, new = before.get("models"), fields.get("models")
    if isinstance(old, dict) and isinstance(new, dict):
        fields["models"] = {
            name: _entry(old.get(name), options, config.KNOWN_OF_BOT) for name, options in new.items()
        }


def _merge_custom(before: Mapping[str, Any], fields: dict[str, Any]) -> None:
    old, new = before.get("custom_models"), fields.get("custom_models")
    if isinstance(old, list) and isinstance(new, list):
        known = {id: each for each in old if (id := _id(each)) is not None}
        fields["custom_models"] = [
            _entry(known.get(_id(each) or ""), each, config.KNOWN_OF_CUSTOM) for each in new
        ]


def _id(entry: Any) -> str | None:
    """The id of a custom model; ``None`` for a value that is not one, and is refused later."""
    id = entry.get("id") if isinstance(entry, dict) else None
    return id if isinstance(id, str) else None


def _entry(old: Any, new: Any, known: Collection[str]) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return _with_unknown(old, new, known)
    return new


def _with_unknown(old: Mapping[str, Any], new: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    kept = {key: value for key, value in old.items() if key not in known and key not in new}
    gone = {
        key for key, value in new.items() if key not in known and value is None and old.get(key) is not None
    }
    return {key: value for key, value in new.items() if key not in gone} | kept
