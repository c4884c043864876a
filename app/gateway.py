"""Gateway: Flask without what it would look up for each request and no route here needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter

_HOST = "localhost"  # no route depends on it, and no URL is built with it


class Gateway(Flask):
    """An application whose routes depend on the path alone, and none of whose functions is a coroutine."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return super().create_url_adapter(request)
        return self.url_map.bind(
            _HOST,
            request.root_path,
            url_scheme=request.scheme,
            default_method=request.method,
            path_info=request.path,
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func
