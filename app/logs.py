"""Logging: one format for the server and the application, on standard error."""

from __future__ import annotations

import hashlib
import logging
import math
import mmap
import time
import traceback
from pathlib import Path
from typing import Any

logger = logging.getLogger("poe2openai")

_REPEAT_SECONDS = 60.0
_LEVELS = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}


def configuration(level: str) -> dict[str, Any]:
    """The ``logging.config`` dictionary for ``level`` (debug, info, warn or error).

    Also has logging leave out what no line shows (https://docs.python.org/3/howto/logging.html#optimization).
    """
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None
    own = {"handlers": ["console"], "level": _LEVELS[level], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "class": "app.logs.LineFormatter",
                "format": "%(asctime)s %(levelname)s [%(process)d] %(message)s",
            }
        },
        "handlers": {"console": {"class": "app.logs.ConsoleHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "poe2openai": own,
            "gunicorn.error": own,
            "gunicorn.access": {"handlers": [], "propagate": False},
        },
    }


class LineFormatter(logging.Formatter):
    """Writes the time (ISO 8601, to the second) anew only when it is another."""

    _second = -1
    _time = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._time = time.strftime(datefmt or "%Y-%m-%dT%H:%M:%S%z", self.converter(second))
        return self._time


class ConsoleHandler(logging.StreamHandler[Any]):
    """Standard error. Needs no lock: a line is one write, in which no greenlet waits."""

    def createLock(self) -> None:  # noqa: N802
        self.lock = None


class DiskWarning:
    """Says that ``path`` fails, and what that costs: once a minute, however often it fails."""

    def __init__(self, cost: str, path: Path) -> None:
        self._cost = cost
        self._path = path
        self._said_at = -math.inf

    def give(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._said_at >= _REPEAT_SECONDS:
            self._said_at = now
            reason = error.strerror or type(error).__name__
            logger.warning("%s: %s (%s)", self._cost, reason, self._path)


def fault(error: BaseException) -> str:
    """Where ``error`` came from, on one line, without its message.

    A message may quote what a client wrote; the class and the frames tell a developer enough.
    """
    frames = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {trail or 'no frame'}"


class News:
    """What was said last, by this process or by one that was forked from the same: not to be said again."""

    def __init__(self) -> None:
        self._last = mmap.mmap(-1, hashlib.sha256().digest_size)  # shared by all of them

    def is_news(self, text: str) -> bool:
        """Whether ``text`` is another than the last; from now on it is the last."""
        digest = hashlib.sha256(text.encode(errors="replace")).digest()
        is_news = self._last[:] != digest
        self._last[:] = digest
        return is_news
