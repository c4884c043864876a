"""Slashes: several in a row, where a base URL ends with one and a path begins with one, are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_SEVERAL = re.compile("//+")


class SingleSlashes:
    """WSGI middleware. Flask's own way, a redirect, is nothing that clients follow with a POST."""

    def __init__(self, application: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "//" in environ["PATH_INFO"]:
            environ["PATH_INFO"] = _SEVERAL.sub("/", environ["PATH_INFO"])
        return self._application(environ, start_response)
