"""Parameters: a bot's parameters, picked from a request's fields and translated to Poe's names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.errors import invalid_request

# How other APIs say how much to think: where the value is, and Poe's name for it.
_TRANSLATIONS: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "thinking": ((("budget_tokens",), "thinking_budget"),),  # Anthropic
    "reasoning": ((("effort",), "reasoning_effort"), (("max_tokens",), "thinking_budget")),  # OpenRouter
    "google": (
        (("thinking_config", "thinking_budget"), "thinking_budget"),
        (("thinking_config", "thinking_level"), "thinking_level"),
    ),
}


def pick(fields: Mapping[str, Any], defined: Collection[str], path: str = "") -> dict[str, Any]:
    """The fields that are not ``defined`` by the dialect, typed as given; nulls are left out.

    ``extra_body`` counts as if its fields stood beside it. If a field is given twice, the request's own
    level takes precedence over ``extra_body``, and a plain name over a translated one.
    """
    picked: dict[str, Any] = {}
    extra = fields.get("extra_body")
    if isinstance(extra, dict):
        picked |= pick(extra, defined, f"{path}extra_body.")
    elif extra is not None:
        raise invalid_request(f"{path}extra_body: an object is expected.", f"{path}extra_body")
    left_out = {*defined, *_TRANSLATIONS, "extra_body"}
    picked |= _translated(fields)
    return picked | {
        name: value for name, value in fields.items() if name not in left_out and value is not None
    }


def _translated(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, translations in _TRANSLATIONS.items():
        given = fields.get(field)
        if isinstance(given, dict):
            for way, name in translations:
                value = _follow(given, way)
                if value is not None:
                    found[name] = value
        elif given is not None:
            found[field] = given
    if isinstance(thinking := fields.get("thinking"), dict) and thinking.get("type") == "disabled":
        found["thinking_budget"] = 0
    return found


def _follow(value: Any, way: tuple[str, ...]) -> Any:
    for name in way:
        value = value.get(name) if isinstance(value, dict) else None
    return value
