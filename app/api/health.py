"""Health: what this is, and whether it is up. Nothing here contacts Poe."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

from app import errors
from app.lifecycle import Lifecycle

_ABOUT = {
    "name": "poe2openai",
    "description": "Every Poe bot for every program that speaks OpenAI's or Anthropic's API.",
    "endpoints": ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/models"],
}


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), content_type="application/json")


def create_blueprint(lifecycle: Lifecycle) -> Blueprint:
    """The routes; ``/readyz`` reports the state of ``lifecycle``."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/")
    @blueprint.get("/v1")
    def about() -> Response:
        return _json(_ABOUT)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return _json({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        if lifecycle.is_draining:
            raise errors.stopping()
        return _json({"status": "ready"})

    return blueprint
