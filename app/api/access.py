"""Access: a client's key, and the key that its queries to Poe are sent with."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request

from app.errors import invalid_api_key
from app.keys.file import KeyFile

_POE_HINT = "Send your Poe API key (https://poe.com/api_key) as 'Authorization: Bearer KEY'."
_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
_OWN_HINT = "Send a key of this gateway, which you get from its operator, as 'Authorization: Bearer KEY'."


@dataclass(frozen=True)
class Grant:
    """``poe_key`` is sent to Poe; ``name`` is that of the client's key, if it is one of the gateway's own."""

    poe_key: str
    name: str | None = None


class Access:
    """Requires Poe keys of clients, or, with ``keys``, the gateway's own keys, which use its ``poe_key``."""

    def __init__(self, poe_key: str = "", keys: KeyFile | None = None) -> None:
        self._poe_key = poe_key
        self._keys = keys

    def grant(self, request: Request) -> Grant:
        """What ``request`` is granted. Raises ``ApiError`` (401) without a usable key.

        Whether a Poe key is valid, Poe decides.
        """
        if self._keys is None:
            return Grant(_api_key(request, _POE_HINT))
        name = self._keys.name_of(_api_key(request, _OWN_HINT))
        if name is None:
            raise invalid_api_key(f"The API key is not one of this gateway's. {_OWN_HINT}")
        return Grant(self._poe_key, name)


def _api_key(request: Request, hint: str) -> str:
    """The key in ``Authorization: Bearer``, in one of ``_HEADERS``, or alone in ``Authorization``."""
    scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
    is_bearer = scheme.lower() == "bearer"
    key = credentials.strip() if is_bearer else ""
    key = key or next(filter(None, (request.headers.get(name, "").strip() for name in _HEADERS)), "")
    if not (key or is_bearer or credentials):
        key = scheme
    if not (key or is_bearer) and scheme:
        raise invalid_api_key(f"The Authorization header does not use the scheme Bearer. {hint}")
    if not key:
        raise invalid_api_key(f"There is no API key in the request. {hint}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise invalid_api_key(f"The API key contains characters that no key has. {hint}")
    return key
