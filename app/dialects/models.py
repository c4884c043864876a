"""Models: OpenAI's list of models, with fields that other clients look for; and Anthropic's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from app.models.model import Model


def render(model: Model) -> bytes:
    """One model."""
    return msgspec.json.encode(_entry(model))


def render_list(models: Sequence[Model]) -> bytes:
    """The list: ``{"object": "list", "data": […]}``."""
    return msgspec.json.encode({"object": "list", "data": [_entry(model) for model in models]})


def render_for_anthropic(model: Model, time: Callable[[int], str]) -> bytes:
    """One model as Anthropic's clients read it (https://docs.claude.com/en/api/models).

    ``time`` writes seconds since 1970 in ISO 8601.
    """
    return msgspec.json.encode(_anthropic_entry(model, time))


def render_list_for_anthropic(models: Sequence[Model], time: Callable[[int], str]) -> bytes:
    """The list, whole, as Anthropic's clients read it."""
    data = [_anthropic_entry(model, time) for model in models]
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return msgspec.json.encode({"data": data, "has_more": False, "first_id": ends[0], "last_id": ends[1]})


def _anthropic_entry(model: Model, time: Callable[[int], str]) -> dict[str, Any]:
    return {"type": "model", "id": model.id, "display_name": model.id, "created_at": time(model.created)}


def _entry(model: Model) -> dict[str, Any]:
    """OpenAI's four fields (``created`` in seconds), and what else is known, under each client's name."""
    known = {
        "description": model.description,
        "context_length": model.context_length,  # opencode, Continue, OpenRouter's clients
        "context_window": model.context_length,  # Cline, Roo Code
        "max_model_len": model.context_length,  # vLLM's clients
        "max_output_tokens": model.max_output_tokens,
        "architecture": model.architecture,
        "pricing": model.pricing,
        "supported_parameters": list(model.parameters) or None,
    }
    entry = {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
    }
    return entry | {name: value for name, value in known.items() if value is not None}
