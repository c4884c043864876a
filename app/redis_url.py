"""The URL of a Redis server, checked before it is used. It may contain a password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from app.names import is_name

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OPTIONS = {
    "redis": {"db"},
    "rediss": {"db", "ssl_cert_reqs", "ssl_check_hostname", *_FILES},
    "unix": {"db", "password"},
}
_DATABASE = re.compile(r"/?|/\d{1,5}")


def checked(url: str) -> str:
    """``url``, if redis-py reads it as it is meant. Raises ``ValueError``, which quotes nothing of it."""
    parts = urlsplit(url)
    is_one_word = url.isascii() and url.isprintable() and " " not in url
    if not is_one_word or parts.fragment or not _has_place(parts):
        raise ValueError
    _check_options(parts)
    return url


def _has_place(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return parts.path.startswith("/") and not parts.hostname
    return is_name(parts.hostname or "") and parts.port != 0 and bool(_DATABASE.fullmatch(parts.path))


def _check_options(parts: SplitResult) -> None:
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    allowed = _OPTIONS.get(parts.scheme)
    if allowed is None or options.keys() - allowed or not options.get("db", "0").isdecimal():
        raise ValueError
    if options.get("ssl_cert_reqs", "required") not in ("required", "none"):
        raise ValueError
    try:
        for name in _FILES:
            if name in options:
                Path(options[name]).read_bytes()
    except OSError as error:
        raise ValueError from error
