"""Gateway: Flask without what it would look up for each request and no route here needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, Request
from werkzeug.routing import Map, MapAdapter

_HOST = "localhost"  # no route depends on it, and no URL is built with it
_REMEMBERED = 256  # paths: a client can make up any number of them


class Gateway(Flask):
    """An application whose routes depend on the path alone, and none of whose functions is a coroutine."""

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.url_map.strict_slashes = False
        self.url_map.merge_slashes = False
        self._adapter = lru_cache(_REMEMBERED)(_Adapter)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return super().create_url_adapter(request)
        return self._adapter(self.url_map, request.root_path, request.scheme, request.path, request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class _Adapter(MapAdapter):
    """Looks for the rule of one path once, for all requests with one method."""

    def __init__(self, routes: Map, root_path: str, scheme: str, path: str, method: str) -> None:
        super().__init__(routes, _HOST, root_path, routes.default_subdomain, scheme, path, method)
        self._found: Any = None

    def match(self, *arguments: Any, **options: Any) -> Any:
        if arguments or options != {"return_rule": True}:  # as Flask asks for a request
            return super().match(*arguments, **options)
        if self._found is None:
            self._found = super().match(return_rule=True)
        return self._found
