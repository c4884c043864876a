"""Messages: ``POST /v1/messages`` and ``/v1/messages/count_tokens``, with and without ``/v1``."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.exchanges import Exchanges
from app.dialects import messages as dialect
from app.dialects import messages_answer


def create_blueprint(exchanges: Exchanges) -> Blueprint:
    """The routes."""
    blueprint = exchanges.blueprint("messages")

    @blueprint.post("/v1/messages")
    @blueprint.post("/messages")
    def create_message() -> Response:
        return exchanges.serve(dialect.decode)

    @blueprint.post("/v1/messages/count_tokens")
    @blueprint.post("/messages/count_tokens")
    def count_tokens() -> Response:
        tokens = exchanges.count(dialect.decode)
        return Response(messages_answer.render_count(tokens), content_type="application/json")

    return blueprint
