"""Bots: ``/api/models``, every bot, for the panel."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response

from app.admin import answers
from app.errors import ApiError
from app.models.catalog import Catalog
from app.models.config import BotConfig
from app.models.listing import Listing
from app.models.model import Model
from app.models.seen import Seen
from app.models.shape import Entry
from app.models.store import Store


def create_blueprint(catalog: Catalog, listing: Listing, store: Store, seen: Seen) -> Blueprint:
    """The route. Which bots are new in Poe's list, or gone, follows from what ``seen`` remembers."""
    blueprint = Blueprint("bots", __name__)

    @blueprint.get("/api/models")
    def read() -> Response:
        state = store.latest()
        _ensure_list(catalog, listing)
        fetched_at = listing.known().fetched_at
        bots = Bots(catalog.shape().entries, state.fields, seen.names())
        return answers.json(
            {
                "data": bots.rows(),
                "list": {
                    "fetched_at": fetched_at if math.isfinite(fetched_at) else None,
                    "error": listing.failure,
                },
                "file": {"version": state.version, "error": answers.error(state.error)},
            }
        )

    return blueprint


def _ensure_list(catalog: Catalog, listing: Listing) -> None:
    """Wait for a list if there never was one, but not repeatedly while Poe is down."""
    if listing.failure:
        catalog.refresh_in_background()
        return
    with contextlib.suppress(ApiError):  # listing.failure says why there is none
        catalog.models()


class Bots:
    """The panel's rows for ``entries``; ``fields`` is the file's content, ``seen`` an earlier list."""

    def __init__(
        self, entries: Sequence[Entry], fields: Mapping[str, Any], seen: Sequence[str] | None
    ) -> None:
        self._entries = entries
        self._seen = None if seen is None else {name.casefold(): name for name in seen}
        self._options: dict[str, Any] = {}
        for name, options in (fields.get("models") or {}).items():
            self._options.setdefault(name.casefold(), options or {})  # the first of two such keys counts

    def rows(self) -> list[dict[str, Any]]:
        """All of them; last those that are gone from Poe's list and known from nowhere else."""
        known = {entry.model.id.casefold() for entry in self._entries}
        gone = [name for key, name in (self._seen or {}).items() if key not in known]
        return [self._row(entry) for entry in (*self._entries, *map(_nowhere, gone))]

    def _row(self, entry: Entry) -> dict[str, Any]:
        model, key = entry.model, entry.model.id.casefold()
        was_seen = self._seen is None or key in self._seen
        return {
            "id": model.id,
            "name": entry.names[0] if entry.names else entry.options.mapping or model.id,
            "aliases": entry.names[1:],
            "shown": entry.shown,
            "custom": entry.custom,
            "listed": entry.listed,
            "new": entry.listed and not was_seen,
            "gone": not entry.listed and self._seen is not None and was_seen,
            "owned_by": model.owned_by,
            "created": model.created,
            "description": model.description,
            "context_length": model.context_length,
            "max_output_tokens": model.max_output_tokens,
            "input_modalities": _modalities(model, "input_modalities"),
            "output_modalities": _modalities(model, "output_modalities"),
            "pricing": model.pricing,
            "tools_native": model.has_tools,
            "parameters": model.parameters,
            "options": self._options.get(key, {}),
            "conflict": entry.conflict.message if entry.conflict else None,
        }


def _nowhere(name: str) -> Entry:
    return Entry(model=Model(name), names=(), shown=False, listed=False, custom=False, options=BotConfig())


def _modalities(model: Model, which: str) -> list[str]:
    found = (model.architecture or {}).get(which)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
