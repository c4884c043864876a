"""Models: ``GET /v1/models`` and ``/v1/models/{id}``, with and without ``/v1``. Needs no key."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response

from app.api.requests import is_anthropics
from app.dialects import models as dialect
from app.errors import model_not_found
from app.models.catalog import Catalog

_LAST_SECOND = 253402300799  # of the last year that ISO 8601 has four digits for


def create_blueprint(catalog: Catalog) -> Blueprint:
    """The routes over ``catalog``."""
    blueprint = Blueprint("models", __name__)

    @blueprint.get("/v1/models")
    @blueprint.get("/models")
    def list_models() -> Response:
        models = catalog.models()
        if is_anthropics():
            return _json(dialect.render_list_for_anthropic(models, _time))
        return _json(dialect.render_list(models))

    @blueprint.get("/v1/models/<path:model_id>")
    @blueprint.get("/models/<path:model_id>")
    def retrieve_model(model_id: str) -> Response:
        model = catalog.find(model_id.rstrip("/"))
        if model is None:
            raise model_not_found(f"The model {model_id[:200]!r} is not in the list.")
        if is_anthropics():
            return _json(dialect.render_for_anthropic(model, _time))
        return _json(dialect.render(model))

    return blueprint


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(min(max(0, seconds), _LAST_SECOND), UTC).isoformat()


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json")
