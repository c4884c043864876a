"""Access: the key that a request carries. It is passed on to Poe, which decides about it."""

from __future__ import annotations

from flask import Request

from app.errors import invalid_api_key

_HINT = "Send your Poe API key (https://poe.com/api_key) as 'Authorization: Bearer KEY'."


def api_key(request: Request) -> str:
    """The key in ``Authorization: Bearer``, ``x-api-key`` or ``api-key``.

    Raises ``ApiError`` (401) if there is none, or none that can be a key.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        key = credentials.strip()
    else:
        key = (request.headers.get("x-api-key") or request.headers.get("api-key") or "").strip()
        if not key and scheme and scheme.lower() != "bearer":
            raise invalid_api_key(f"The Authorization header does not use the scheme Bearer. {_HINT}")
    if not key:
        raise invalid_api_key(f"There is no API key in the request. {_HINT}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise invalid_api_key(f"The API key has characters that no key has. {_HINT}")
    return key
