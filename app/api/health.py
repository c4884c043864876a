"""Health: what this is, and whether it is up. None of these asks anybody."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response

blueprint = Blueprint("health", __name__)

_ABOUT = {
    "name": "poe2openai",
    "description": "Every Poe bot for every program that speaks OpenAI's API.",
    "endpoints": ["/v1/chat/completions", "/v1/models"],
}


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), content_type="application/json")


@blueprint.get("/")
def about() -> Response:
    """What this is."""
    return _json(_ABOUT)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process is up."""
    return _json({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Requests are welcome."""
    return _json({"status": "ready"})
