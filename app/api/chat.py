"""Chat: ``POST /v1/chat/completions`` and ``/chat/completions``."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.exchanges import Exchanges
from app.dialects import chat as dialect


def create_blueprint(exchanges: Exchanges) -> Blueprint:
    """The routes."""
    blueprint = exchanges.blueprint("chat")

    @blueprint.post("/v1/chat/completions")
    @blueprint.post("/chat/completions")
    def create_completion() -> Response:
        return exchanges.serve(dialect.decode)

    return blueprint
