"""poe2openai: every Poe bot for every program that speaks OpenAI's or Anthropic's API.

``create_app`` is the only place that knows every part.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from flask import Flask

from app.admin import access, assets, bots, config, headers, page, state
from app.admission import Admission
from app.api import absent, chat, health, messages, models, requests, responses
from app.api import metrics as metrics_api
from app.api.access import Access
from app.api.exchanges import Exchanges
from app.attachments.cache import FileUploadCache, UploadCache
from app.attachments.counters import Counters
from app.attachments.hosting import Hosting
from app.attachments.usage import Meter
from app.base_urls import BaseUrls
from app.completion import Completions
from app.coordination import Coordination, coordination_for
from app.coordination.counts import Counts
from app.gateway import Gateway
from app.greenlets.concurrency import run_in_thread, run_together, semaphore, time_limit
from app.greenlets.sockets import ReadWaiter
from app.keys.file import KeyFile
from app.lifecycle import Lifecycle
from app.metrics import Metrics
from app.models.catalog import Catalog
from app.models.listing import Listing
from app.models.seen import Seen
from app.models.store import Store
from app.openapi import route
from app.poe.client import PoeClient
from app.poe.connections import Connections
from app.poe.models import fetch
from app.poe.uploads import Uploads
from app.poe.upstream import Upstream
from app.proxies import Proxies
from app.settings import Settings
from app.tokenizer import o200k

_MEGABYTE = 1024 * 1024
_ROOT = Path(__file__).parent.parent


def create_app(settings: Settings) -> Flask:
    """The application with all its parts, for one process."""
    app = Gateway(__name__)
    poe = _upstream(settings.poe_base_url, settings)
    cdn = _upstream(settings.poe_file_upload_url, settings)
    client = PoeClient(settings, poe, time_limit)
    shared = coordination_for(settings, semaphore)
    listing = _listing(client, shared, settings)
    store = Store(settings.config_dir, listing.names, run_in_thread)
    catalog = Catalog(store, listing, is_strict=settings.strict_models)
    catalog.look()  # before workers fork: one that comes late to a broken file knows the last good one
    counters = Counters()
    hosting = _hosting(Uploads(settings, cdn), shared, counters, settings)
    has_own_key = bool(settings.poe_api_key)
    completions = Completions(client, hosting, o200k(), shared.slots(), has_own_key=has_own_key)
    keys = KeyFile(settings.access_keys) if settings.access_keys else None
    clients = Access(settings.poe_api_key, keys)
    lifecycle = Lifecycle()
    admission = Admission(settings.max_concurrent, settings.max_queue)
    metrics = Metrics(counters.totals, lambda: admission.waiting + completions.waiting)
    tries = shared.counts("tries", access.TRIES, access.TRIES_SECONDS)
    guard = access.Access(settings.admin_username, settings.admin_password, tries)

    port = settings.metrics_port
    requests.install(app, metrics, [partial(metrics_api.keep_apart, port)] if port else [])
    exchanges = Exchanges(completions, clients, catalog, admission, lifecycle, settings)
    _add_api(app, exchanges, catalog, lifecycle)
    _add_metrics(app, metrics, guard, tries, settings)
    if settings.admin_password:
        meter = Meter(settings.config_dir / "url_cache")
        _add_panel(app, guard, state.Sources(settings, time.time(), catalog, listing, store, meter, counters))
    route.install(app)
    _add_middleware(app, settings)
    app.extensions |= {
        "counters": counters,
        "lifecycle": lifecycle,
        "metrics": metrics,
        "prepares": [each.prepare for each in (catalog, keys) if each],
        "looks": [each.look for each in (catalog, keys, metrics) if each],
        "settings": settings,
        "upstreams": [poe, cdn],
    }
    return app


def _add_api(app: Flask, exchanges: Exchanges, catalog: Catalog, lifecycle: Lifecycle) -> None:
    """Add the routes for clients."""
    absent.install(app)
    app.register_blueprint(health.create_blueprint(lifecycle))
    app.register_blueprint(models.create_blueprint(catalog))
    for dialect in (chat, responses, messages):
        app.register_blueprint(dialect.create_blueprint(exchanges))


def _add_middleware(app: Flask, settings: Settings) -> None:
    """Wrap ``app`` in what changes a request's path and address before Flask sees them."""
    app.wsgi_app = BaseUrls(app.wsgi_app)  # type: ignore[method-assign]
    if settings.trusted_proxies or settings.script_name:
        app.wsgi_app = Proxies(app.wsgi_app, settings.trusted_proxies, settings.script_name)  # type: ignore[method-assign]


def _upstream(base_url: str, settings: Settings) -> Upstream:
    return Upstream(Connections(base_url, settings.connect_timeout_seconds, ReadWaiter, time_limit))


def _listing(client: PoeClient, shared: Coordination, settings: Settings) -> Listing:
    return Listing(
        settings.config_dir / ".models.json",
        partial(fetch, client),
        shared.once("fetching"),
        settings.models_cache_seconds,
        board=shared.board(),
    )


def _add_panel(app: Flask, guard: access.Access, sources: state.Sources) -> None:
    """Add the panel. All of it but its assets requires the password."""
    settings, store, listing = sources.settings, sources.store, sources.listing
    static = assets.Assets(_ROOT / "static")
    seen = Seen(settings.config_dir / ".models.seen.json")
    app.register_blueprint(assets.create_blueprint(static))
    for blueprint in (
        page.create_blueprint(static, _ROOT / "templates"),
        bots.create_blueprint(sources.catalog, listing, store, seen),
        config.create_blueprint(store, lambda: seen.remember(listing.names())),
        state.create_blueprint(sources),
    ):
        blueprint.before_request(guard.check)
        blueprint.after_request(headers.secure)
        app.register_blueprint(blueprint)


def _add_metrics(
    app: Flask, metrics: Metrics, guard: access.Access, tries: Counts, settings: Settings
) -> None:
    """Add the metrics, protected by their token, their port or the panel's password; else leave them out."""
    token, port = settings.metrics_token, settings.metrics_port
    if not (token or port or settings.admin_password):
        return
    check = access.TokenAccess(token, tries).check if token else None if port else guard.check
    app.register_blueprint(metrics_api.create_blueprint(metrics, check))


def _hosting(uploads: Uploads, shared: Coordination, counters: Counters, settings: Settings) -> Hosting:
    return Hosting(
        uploads,
        _cache(shared, counters, settings),
        shared.once("uploading"),
        run_together,
        counters,
        semaphore=semaphore(settings.upload_concurrency),
        limit=settings.max_attachments,
        concurrency=settings.upload_concurrency,
    )


def _cache(shared: Coordination, counters: Counters, settings: Settings) -> UploadCache:
    limit, ttl = settings.url_cache_size_mb * _MEGABYTE, settings.url_cache_ttl_seconds
    local = FileUploadCache(settings.config_dir / "url_cache", limit, ttl, settings.workers, counters)
    if not shared.link or not limit:
        return local
    from app.attachments.redis_cache import RedisUploadCache  # noqa: PLC0415 - brings redis

    return RedisUploadCache(shared.link, ttl, local)
