"""CDN: the host of Poe's files, from which bots fetch them as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from app import media
from app.conversation import HostedPart

_HOST = "poecdn.net"
_HOSTS = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*poecdn\.net", re.ASCII | re.IGNORECASE)
_ALT_LIMIT = 1000  # characters between ``![`` and ``](`` that are looked at
_SHOWN = re.compile(r"\]\(\s{0,8}<?(https://[^\s()<>\"\x00-\x1f\x7f]{1,8192}+)(?=[\s>)])", re.IGNORECASE)


def holds(url: SplitResult) -> bool:
    """Whether ``url`` is on the CDN: its host is Poe's or a subdomain, reached as browsers would."""
    is_poe = _HOSTS.fullmatch(url.hostname or "") is not None
    return is_poe and url.scheme == "https" and url.port in (None, 443) and url.username is None


def hosted(
    source: str, url: SplitResult, kind: str, name: str | None = None, content_type: str | None = None
) -> HostedPart:
    """The attachment at ``source``, of which ``url`` is the parsed form. Its path tells what is not given."""
    name = name or media.clean_name(unquote(url.path))
    by_kind = media.of_kind("image" if "/image/" in url.path else kind)
    content_type = content_type or media.of_name(name) or by_kind
    return HostedPart(source, content_type, name or media.name_for(kind, content_type))


def shown_images(text: str) -> Iterator[HostedPart]:
    """The images on the CDN that the Markdown in ``text`` shows (``![title](url)``)."""
    if _HOST not in text.lower():
        return
    for found in _SHOWN.finditer(text):
        if _HOST not in found[1].lower():
            continue
        title = text[max(0, found.start() - _ALT_LIMIT) : found.start()].rpartition("![")
        if not title[1] or "\n" in title[2] or "]" in title[2]:
            continue
        url = _split(found[1])
        if url is not None and holds(url):
            yield hosted(found[1], url, "image")


def _split(source: str) -> SplitResult | None:
    try:
        url = urlsplit(source)
        _ = url.port
    except ValueError:
        return None
    return url
