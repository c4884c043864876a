"""Headers: the fields of the panel's answers that restrict what a browser does with them."""

from __future__ import annotations

from flask import Response

# The playground shows what bots paint, wherever it is; by plain HTTP only where nobody listens on the way.
_PICTURES = "'self' data: blob: https: http://127.0.0.1:* http://localhost:*"
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": _PICTURES,
    "media-src": _PICTURES,
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def secure(response: Response) -> Response:
    """Add the headers. A response that does not say how long it may be cached is not cached."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
