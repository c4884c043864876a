"""Metrics: ``GET /metrics``, for Prometheus; on a port of its own, if there is one."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import NotFound

from app.metrics import CONTENT_TYPE, Metrics
from app.streaming import apart

_ENDPOINT = "metrics.metrics"


def create_blueprint(metrics: Metrics, check: Callable[[], None] | None) -> Blueprint:
    """The route, for whom ``check`` lets pass."""
    blueprint = Blueprint("metrics", __name__)
    if check is not None:
        blueprint.before_request(check)

    @blueprint.get("/metrics", endpoint="metrics")
    def show() -> Response:
        metrics.look()
        return Response(apart(metrics.text), content_type=CONTENT_TYPE)

    @blueprint.after_request
    def keep_private(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def keep_apart(app: Flask, port: int) -> None:
    """Have nothing but the metrics on ``port``, and the metrics nowhere else."""

    @app.before_request
    def separate() -> None:
        is_there = request.environ["SERVER_PORT"] == str(port)
        if is_there != (request.endpoint == _ENDPOINT):
            raise NotFound
