"""Responses: ``POST /v1/responses`` and ``/responses``."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.exchanges import Exchanges
from app.dialects import responses as dialect


def create_blueprint(exchanges: Exchanges) -> Blueprint:
    """The routes."""
    blueprint = exchanges.blueprint("responses")

    @blueprint.post("/v1/responses")
    @blueprint.post("/responses")
    def create_response() -> Response:
        return exchanges.serve(dialect.decode)

    return blueprint
