"""Route: ``GET /openapi.json``. Needs no key, since the document is public."""

from __future__ import annotations

import msgspec
from flask import Flask, Response, request

from app.openapi import document


def install(app: Flask) -> None:
    """Add the route. Call it when ``app`` has all others, which the document describes."""

    @app.get("/openapi.json")
    def describe() -> Response:
        servers = [{"url": request.script_root or "/"}]
        response = Response(msgspec.json.encode(described | {"servers": servers}))
        response.content_type = "application/json"
        response.add_etag()
        response.make_conditional(request)
        return response

    described = document.build({rule.rule for rule in app.url_map.iter_rules()})
