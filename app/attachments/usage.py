"""Usage: the size of the upload cache on disk, for the panel."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from msgspec import Struct

from app.attachments.cache import size_on_disk
from app.turns import Turns

_FRESH_SECONDS = 30.0


class Usage(Struct, frozen=True):
    """How many entries there are, and the bytes that they take."""

    entries: int = 0
    bytes: int = 0


class Meter:
    """Measures ``folder``, at most once in half a minute."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._usage = Usage()
        self._measured_at = float("-inf")

    def read(self) -> Usage:
        """The last measurement; zero if the folder cannot be read."""
        if time.monotonic() - self._measured_at >= _FRESH_SECONDS:
            self._measured_at = time.monotonic()
            self._usage = self._measured()
        return self._usage

    def _measured(self) -> Usage:
        turns, sizes = Turns(), []
        with contextlib.suppress(OSError), os.scandir(self._folder) as files:
            for file in files:
                with contextlib.suppress(FileNotFoundError):
                    sizes.append(size_on_disk(file.stat(follow_symlinks=False)))
                turns.give()
        return Usage(len(sizes), sum(sizes))
