"""Counters: what a worker has done about attachments since it began."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Counters:
    """Uploads made and their ``bytes``; how often the cache knew a content; what it had to forget.

    ``bytes`` counts what was sent from here: an external URL is fetched by Poe and costs none.
    """

    uploads: int = 0
    failures: int = 0
    bytes: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0
