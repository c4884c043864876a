"""Models: ``GET /v1/models`` and ``/v1/models/{id}``, with and without ``/v1``. Needs no key."""

from __future__ import annotations

from flask import Blueprint, Response

from app.dialects import models as dialect
from app.errors import model_not_found
from app.models.catalog import Catalog


def create_blueprint(catalog: Catalog) -> Blueprint:
    """The routes over ``catalog``."""
    blueprint = Blueprint("models", __name__)

    @blueprint.get("/v1/models")
    @blueprint.get("/models")
    def list_models() -> Response:
        return _json(dialect.render_list(catalog.models()))

    @blueprint.get("/v1/models/<path:model_id>")
    @blueprint.get("/models/<path:model_id>")
    def retrieve_model(model_id: str) -> Response:
        model = catalog.find(model_id.rstrip("/"))
        if model is None:
            raise model_not_found(f"The model {model_id[:200]!r} is not in the list.")
        return _json(dialect.render(model))

    return blueprint


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json")
