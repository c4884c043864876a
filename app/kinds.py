"""Kinds: how the text of an environment variable becomes a value, and which texts can be used."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import redis_url
from app.cores import usable_cores
from app.names import is_name

_DEFAULT_WORKERS_LIMIT = 4
_HTTP_URL = "an http:// or https:// address without user, query or fragment"
_PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True)
class Kind:
    """How a variable's text becomes a value.

    ``parse`` raises ``ValueError`` for a text that cannot be used; ``allowed`` says in words what
    can, both in that error and in docs/configuration.md.
    """

    parse: Callable[[str], Any]
    allowed: str


def whole_number(low: int, high: int) -> Kind:
    """An ``int`` from ``low`` to ``high``."""

    def parse(text: str) -> int:
        value = int(text) if text.isascii() else low - 1
        if not low <= value <= high:
            raise ValueError
        return value

    return Kind(parse, f"a whole number from {low} to {high}")


def workers() -> Kind:
    """A number of processes; by default the usable cores, at most 4."""
    number = whole_number(1, 64)

    def parse(text: str) -> int:
        return int(number.parse(text)) if text else min(_DEFAULT_WORKERS_LIMIT, usable_cores())

    return Kind(parse, number.allowed)


def seconds(low: float, high: float) -> Kind:
    """A ``float`` from ``low`` to ``high``."""

    def parse(text: str) -> float:
        value = float(text) if text.isascii() else low - 1
        if not low <= value <= high:  # also refuses NaN
            raise ValueError
        return value

    return Kind(parse, f"a number of seconds from {low:g} to {high:g}")


def seconds_or_zero(low: float, high: float) -> Kind:
    """As ``seconds``, or 0, which switches something off."""
    positive = seconds(low, high)
    return Kind(lambda text: 0.0 if text == "0" else positive.parse(text), f"0, or {positive.allowed}")


def choice(*names: str) -> Kind:
    """One of ``names`` (in lower case), in any case."""

    def parse(text: str) -> str:
        if text.lower() not in names:
            raise ValueError
        return text.lower()

    return Kind(parse, "one of " + ", ".join(names))


def boolean() -> Kind:
    """``true`` or ``false``, in any case."""
    names = choice("true", "false")
    return Kind(lambda text: bool(names.parse(text) == "true"), "true or false")


def text(allowed: str, accepts: Callable[[str], object]) -> Kind:
    """A text as it is, if ``accepts`` returns something true for it."""

    def parse(text: str) -> str:
        if not accepts(text):
            raise ValueError
        return text

    return Kind(parse, allowed)


def optional(kind: Kind) -> Kind:
    """As ``kind``, or ``None`` for an empty text."""
    return Kind(lambda text: kind.parse(text) if text else None, kind.allowed)


def host() -> Kind:
    """A host name or address to listen on."""
    return text("a host name or address", lambda text: text and not re.search(r"[\s/]", text))


def secret(allowed: str) -> Kind:
    """A key or token: printable ASCII without spaces, as a header field needs it."""
    return text(allowed, lambda text: text.isascii() and text.isprintable() and " " not in text)


def endpoint_url() -> Kind:
    """An ``http(s)`` URL, as it is."""
    return text(_HTTP_URL, _is_http_url)


def base_url() -> Kind:
    """An ``http(s)`` URL, without slashes at its end."""
    return Kind(lambda text: endpoint_url().parse(text).rstrip("/"), _HTTP_URL)


def path_prefix() -> Kind:
    """The path of a URL, without a slash at its end; empty for none."""
    prefix = text("a path without a slash at its end, like /poe", _PATH_PREFIX.fullmatch)
    return Kind(lambda text: prefix.parse(text.rstrip("/")), prefix.allowed)


def networks() -> Kind:
    """A tuple of IP networks."""
    return Kind(_networks, "addresses and networks (10.0.0.0/8) with commas between them")


def file(allowed: str) -> Kind:
    """The ``Path`` of a file, which is not opened; ``None`` for an empty text."""
    return optional(Kind(Path, allowed))


def writable_folder() -> Kind:
    """The ``Path`` of a writable folder, which is created if it does not exist."""
    return Kind(_writable_folder, "a folder that exists or can be made, and can be written")


def redis() -> Kind:
    """A Redis URL; ``None`` for an empty text."""
    return optional(Kind(redis_url.checked, "a redis://, rediss:// or unix:// address"))


def _is_http_url(text: str) -> bool:
    parts = urlsplit(text)
    _ = parts.port  # raises ValueError if the port is not a number
    usable = parts.scheme in ("http", "https") and not parts.query
    is_plain = parts.username is None and not parts.fragment and text.isascii() and text.isprintable()
    return bool(usable) and is_plain and " " not in text and parts.port != 0 and is_name(parts.hostname or "")


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in text.replace(",", " ").split())


def _writable_folder(text: str) -> Path:
    folder = Path(text)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError from error
    return folder
