"""State: ``/api/admin/state``, the state of the service. Cheap, since the panel polls it."""

from __future__ import annotations

import math
from typing import Any

from flask import Blueprint, Response
from msgspec import Struct

from app.admin import answers
from app.attachments.counters import Counters
from app.attachments.usage import Meter
from app.models.catalog import Catalog
from app.models.listing import Listing
from app.models.store import Store
from app.settings import Settings
from app.version import VERSION

_MEGABYTE = 1024 * 1024
# Not secret; a test makes sure that a new setting is considered.
_SETTINGS = (
    "host",
    "port",
    "log_level",
    "log_format",
    "metrics_port",
    "trusted_proxies",
    "script_name",
    "max_request_size",
    "max_concurrent",
    "max_queue",
    "max_requests",
    "rate_limit_ms",
    "strict_models",
    "models_cache_seconds",
    "url_cache_ttl_seconds",
    "url_cache_size_mb",
    "poe_base_url",
    "poe_file_upload_url",
    "max_attachments",
    "upload_concurrency",
    "upload_timeout_seconds",
    "heartbeat_seconds",
    "head_timeout_seconds",
    "body_timeout_seconds",
    "send_timeout_seconds",
    "connect_timeout_seconds",
    "first_byte_timeout_seconds",
    "idle_timeout_seconds",
    "answer_timeout_seconds",
    "drain_seconds",
    "graceful_timeout",
)


class Sources(Struct, frozen=True):
    """Where the state comes from. ``started_at`` is in seconds since 1970."""

    settings: Settings
    started_at: float
    catalog: Catalog
    listing: Listing
    store: Store
    meter: Meter
    counters: Counters


def create_blueprint(sources: Sources) -> Blueprint:
    """The route over ``sources``."""
    blueprint = Blueprint("state", __name__)

    @blueprint.get("/api/admin/state")
    def read() -> Response:
        sources.catalog.refresh_in_background()
        settings = sources.settings
        return answers.json(
            {
                "version": VERSION,
                "started_at": sources.started_at,
                "workers": settings.workers,
                "poe": _poe(sources.listing),
                "file": _file(sources.store),
                "cache": _cache(sources),
                "settings": {name: _plain(getattr(settings, name)) for name in _SETTINGS},
            }
        )

    return blueprint


def _poe(listing: Listing) -> dict[str, Any]:
    """Whether Poe answered the last request for its list; ``None`` before the first."""
    known = listing.known()
    checked_at = known.fetched_at if math.isfinite(known.fetched_at) else None
    has_answered = None if checked_at is None else True
    return {
        "reachable": False if listing.failure else has_answered,
        "checked_at": checked_at,
        "models": len(known.models),
        "error": listing.failure,
    }


def _file(store: Store) -> dict[str, Any]:
    state = store.current()
    return {
        "path": str(store.path),
        "exists": state.exists,
        "version": state.version,
        "modified": state.modified,
        "error": answers.error(state.error),
    }


def _cache(sources: Sources) -> dict[str, Any]:
    usage, totals = sources.meter.read(), sources.counters.totals()
    names = ("hits", "misses", "uploads", "evictions")
    return {
        "entries": usage.entries,
        "bytes": usage.bytes,
        "limit_bytes": sources.settings.url_cache_size_mb * _MEGABYTE,
    } | {name: totals[name] for name in names}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value
