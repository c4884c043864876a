"""Boards: what one machine has found out, published to the others. A single machine uses files instead."""

from __future__ import annotations

from typing import Protocol


class Board(Protocol):
    """Texts by name, which everybody reads and replaces, and which may be gone at any time. Never fails."""

    def read(self, name: str) -> bytes | None:
        """What stands under ``name``, if anything does that can be read."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put up ``content`` in the place of what stood there."""
        ...
