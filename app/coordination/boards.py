"""Boards: what one machine has found out, published to the others. A single machine uses files instead."""

from __future__ import annotations

from typing import Protocol


class Board(Protocol):
    """Contents by name, which everyone can read and replace, and which may vanish any time. Never fails."""

    def read(self, name: str) -> bytes | None:
        """The content under ``name``, if there is any and it can be read."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace the content under ``name``."""
        ...
