"""Chat: ``POST /v1/chat/completions`` and ``/chat/completions``."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from app import base_urls
from app.api import requests
from app.api.exchanges import Exchanges
from app.dialects import chat as dialect


def create_blueprint(exchanges: Exchanges) -> Blueprint:
    """The routes."""
    blueprint = exchanges.blueprint("chat")

    @blueprint.post("/v1/chat/completions")
    @blueprint.post("/chat/completions")
    def create_completion() -> Response:
        deployment = base_urls.deployment(requests.served().environ)
        return exchanges.serve(
            partial(dialect.decode, deployment=deployment) if deployment else dialect.decode
        )

    return blueprint
