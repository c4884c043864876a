"""Responses: ``POST /v1/responses`` and ``/responses``."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api import requests
from app.api.exchanges import Exchanges
from app.dialects import responses as dialect
from app.dialects.responses_answer import named
from app.errors import ApiError


def create_blueprint(exchanges: Exchanges) -> Blueprint:
    """The routes."""
    blueprint = exchanges.blueprint("responses")
    blueprint.register_error_handler(ApiError, lambda error: requests.render_error(named(error)))

    @blueprint.post("/v1/responses")
    @blueprint.post("/responses")
    def create_response() -> Response:
        return exchanges.serve(dialect.decode)

    return blueprint
