"""Metrics: ``GET /metrics``, for Prometheus; on a separate port, if there is one."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from app.errors import not_found
from app.greenlets.concurrency import run_in_thread
from app.metrics import CONTENT_TYPE, Metrics

_PATH = "/metrics"


def create_blueprint(metrics: Metrics, check: Callable[[], None] | None) -> Blueprint:
    """The route, for requests that ``check`` lets pass."""
    blueprint = Blueprint("metrics", __name__)
    if check is not None:
        blueprint.before_request(check)

    @blueprint.get(_PATH)
    def show() -> Response:
        metrics.look()
        return Response(run_in_thread(metrics.text), content_type=CONTENT_TYPE)

    @blueprint.after_request
    def keep_private(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def keep_apart(port: int) -> None:
    """Serve only the metrics on ``port``, and the metrics nowhere else. Raises a 404."""
    is_there = request.environ["SERVER_PORT"] == str(port)
    is_meant = request.path.rstrip("/") == _PATH
    if is_there and not is_meant:
        raise not_found(f"There is nothing but {_PATH} on this port.")
    if is_meant and not is_there:
        raise NotFound
