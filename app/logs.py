"""Logging: one format for the server and the application, on standard error."""

from __future__ import annotations

import logging
import traceback
from typing import Any

logger = logging.getLogger("poe2openai")

_LEVELS = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}


def configuration(level: str) -> dict[str, Any]:
    """The ``logging.config`` dictionary for ``level`` (debug, info, warn or error).

    Also has logging leave out what no line shows (https://docs.python.org/3/howto/logging.html#optimization).
    """
    logging.logThreads = logging.logMultiprocessing = False
    own = {"handlers": ["console"], "level": _LEVELS[level], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "format": "%(asctime)s %(levelname)s [%(process)d] %(message)s",
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "poe2openai": own,
            "gunicorn.error": own,
            "gunicorn.access": {"handlers": [], "propagate": False},
        },
    }


def fault(error: BaseException) -> str:
    """Where ``error`` came from, on one line, without its message.

    A message may quote what a client wrote; the class and the frames tell a developer enough.
    """
    frames = traceback.extract_tb(error.__traceback__)
    trail = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {trail or 'no frame'}"
