"""Base URLs: what people and clients write before an endpoint's path, of which the endpoint alone counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_SEVERAL_SLASHES = re.compile("//+")
# /v1 twice; where OpenRouter, Groq, DeepSeek, Google and Azure have these APIs, since some clients ask for no
# more than a host; and a whole endpoint, given as the base URL.
_BEFORE = (
    r"v1|api/v1|openai|anthropic|v1beta/openai|openai/deployments/[^/]+"
    r"|chat/completions|responses|messages"
)
_ENDPOINTS = r"(?:chat/completions|responses|messages(?:/count_tokens)?)/?$|models(?:/|$)"
_MISPLACED = re.compile(rf"(?:/(?:{_BEFORE}))+(?=/(?:{_ENDPOINTS}))")
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/chat/completions/?$")
_ENVIRON = "poe2openai.deployment"
_ANTHROPICS = ("/messages", "/messages/count_tokens")


class BaseUrls:
    """WSGI middleware that corrects the path: clients do not follow a redirect, Flask's way, with a POST."""

    def __init__(self, application: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        environ["PATH_INFO"] = endpoint(path)
        if environ["PATH_INFO"] != path and (found := _DEPLOYMENT.search(path)):
            environ[_ENVIRON] = found[1].encode("latin-1").decode(errors="replace")
        return self._application(environ, start_response)


def deployment(environ: Mapping[str, Any]) -> str | None:
    """What Azure calls the model that is asked, if the path has said so."""
    return environ.get(_ENVIRON)


def is_anthropics(path: str) -> bool:
    """Whether an endpoint of Anthropic's API is meant."""
    return path.rstrip("/").endswith(_ANTHROPICS)


def endpoint(path: str) -> str:
    """``path`` with an endpoint behind a known base URL moved below ``/v1``, and repeated slashes merged."""
    if "//" in path:
        path = _SEVERAL_SLASHES.sub("/", path)
    before = _MISPLACED.match(path)
    return f"/v1{path[before.end() :]}" if before else path
