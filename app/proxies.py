"""Proxies: which X-Forwarded-* fields are trusted, and below which path the gateway is published.

The only mechanism for this: the server's own is switched off in gunicorn.conf.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PORT = re.compile(r":[0-9]{1,5}$")


class Proxies:
    """WSGI middleware that sets ``REMOTE_ADDR``, scheme, host and ``SCRIPT_NAME`` as the client sees them.

    ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Prefix`` count if the connection comes from one of the
    ``trusted`` networks. The client is then the right-most hop that is not trusted: anyone may have written
    what stands to the left of it. Of the other three the last value counts, that of the nearest proxy.

    ``X-Forwarded-Prefix`` is what a proxy has removed from the path. ``prefix`` (``/poe``, or empty) is
    what proxies leave on it: it is removed here.
    """

    def __init__(self, application: Application, trusted: Sequence[Network], prefix: str) -> None:
        self._application = application
        self._trusted = trusted
        self._prefix = prefix

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if self._prefix:
            self._take_off_prefix(environ)
        peer = parse_address(environ["REMOTE_ADDR"])
        if peer is not None and self._trusts(peer):
            self._believe(environ, peer)
        return self._application(environ, start_response)

    def _take_off_prefix(self, environ: Environ) -> None:
        path, prefix = environ["PATH_INFO"], self._prefix
        if path == prefix or path.startswith(prefix + "/"):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
        environ["SCRIPT_NAME"] = prefix

    def _believe(self, environ: Environ, peer: Address) -> None:
        environ["REMOTE_ADDR"] = str(self._client(peer, environ.get("HTTP_X_FORWARDED_FOR", "")))
        scheme = _last(environ, "HTTP_X_FORWARDED_PROTO").lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        host = _last(environ, "HTTP_X_FORWARDED_HOST")
        if _HOST.fullmatch(host):
            environ["HTTP_HOST"] = host
        prefix = _last(environ, "HTTP_X_FORWARDED_PREFIX").rstrip("/")
        if _PREFIX.fullmatch(prefix):
            environ["SCRIPT_NAME"] = prefix

    def _client(self, peer: Address, hops: str) -> Address:
        """The right-most hop that is not trusted, or the last one that is, if no address follows."""
        client = peer
        while hops and self._trusts(client):
            hops, _, hop = hops.rpartition(",")
            further = parse_address(hop)
            if further is None:
                break
            client = further
        return client

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def parse_address(text: str) -> Address | None:
    """The IP address in ``text``, with or without port and brackets; ``None`` if there is none.

    An IPv4 address written as IPv6 (``::ffff:192.0.2.1``) is taken as IPv4.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = _PORT.sub("", text)
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _last(environ: Environ, name: str) -> str:
    value: str = environ.get(name, "")
    return value.rpartition(",")[2].strip()
