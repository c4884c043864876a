"""Origins: which site's page a request comes from. Only the panel's own may use its API."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

from app.errors import cross_origin

_PORTS = {"http": 80, "https": 443}


def check_origin(request: Request) -> None:
    """Raise ``ApiError`` (403) for a request made by a page of another site.

    Browsers say so themselves (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header); where they do
    not, as over plain HTTP, the host of the page's ``Origin`` must be the requested one. A client that sends
    neither is not a browser.
    """
    site = request.headers.get("Sec-Fetch-Site")
    is_foreign = site not in ("same-origin", "none") if site else _is_of_another_host(request)
    if is_foreign:
        raise cross_origin()


def _is_of_another_host(request: Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        ours, page = urlsplit(f"//{request.host}"), urlsplit(origin)
        port = _PORTS.get(page.scheme)
        return (page.hostname, page.port or port) != (ours.hostname, ours.port or port)
    except ValueError:
        return True
