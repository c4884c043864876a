"""Turns: long work of one request is done in pieces, between which the others have their turn."""

from __future__ import annotations

import time

_WORK_SECONDS = 0.004
# Not 0: gevent would come straight back, without a look at what sockets have become ready.
_PAUSE_SECONDS = 0.000_1


class Turns:
    """Of one piece of work after another. Call ``give`` between two."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def give(self) -> None:
        """Let others run, if this work has run for long."""
        if time.monotonic() - self._since > _WORK_SECONDS:
            time.sleep(_PAUSE_SECONDS)
            self._since = time.monotonic()
