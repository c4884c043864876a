"""Turns: long work of one request is done in pieces, with turns for other requests in between."""

from __future__ import annotations

import math
import time

_WORK_SECONDS = 0.004
# Not 0: gevent would come straight back, without a look at what sockets have become ready.
_PAUSE_SECONDS = 0.000_1


class Turns:
    """The turns of one long piece of work. Call ``give`` between its steps.

    ``limit`` is how many seconds of work there may be, pauses not counted.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self._left = limit
        self._since = time.monotonic()

    def give(self) -> None:
        """Let others run if this work has run for a while. Raises ``TimeoutError`` beyond the limit."""
        worked = time.monotonic() - self._since
        if worked > _WORK_SECONDS:
            self._left -= worked
            if self._left < 0:
                raise TimeoutError
            time.sleep(_PAUSE_SECONDS)
            self._since = time.monotonic()
