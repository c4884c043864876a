"""Seen: the bots in Poe's list when models.yaml was last saved, to tell which are new and which are gone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from app import files
from app.logs import logger

_SIZE_LIMIT = 16 * 1024 * 1024  # bytes


class Seen:
    """The names stored at ``path``, for all processes that share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Sequence[str] | None:
        """The names as they were spelled; ``None`` if there are none yet, or the file is broken."""
        try:
            return msgspec.json.decode(files.read(self._path, _SIZE_LIMIT), type=list[str])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def remember(self, names: Sequence[str]) -> None:
        """Store ``names``, unless there are none: then no list is known.

        A disk that fails costs a warning.
        """
        if not names:
            return
        try:
            files.replace(self._path, msgspec.json.encode(names))
        except OSError as error:
            logger.warning("which bots are new is not kept: %s (%s)", error.strerror, self._path)
