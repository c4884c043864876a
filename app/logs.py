"""Logging: one format for the server and the application, as text or JSON, on standard error."""

from __future__ import annotations

import hashlib
import logging
import math
import mmap
import re
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

logger = logging.getLogger("poe2openai")

_REPEAT_SECONDS = 60.0
_LEVELS = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}


_WORD_LENGTH = 200  # characters of a value that are shown
_KEY_LENGTH = 32
_LONG = re.compile(rf"[\w-]{{{_KEY_LENGTH},}}", re.ASCII)


def configuration(level: str, form: str = "text") -> dict[str, Any]:
    """The ``logging.config`` dictionary for ``level`` (debug, info, warn, error) and ``form`` (text, json).

    Also has logging leave out what no line shows (https://docs.python.org/3/howto/logging.html#optimization),
    and take in Python's warnings.
    """
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.captureWarnings(capture=True)
    own = {"handlers": ["console"], "level": _LEVELS[level], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "class": "app.logs.JsonFormatter" if form == "json" else "app.logs.LineFormatter",
                "format": "%(asctime)s %(levelname)s [%(process)d] %(message)s",
            }
        },
        "handlers": {
            "console": {
                "class": "app.logs.ConsoleHandler",
                "formatter": "line",
                "stream": "ext://sys.__stderr__",
            }
        },
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "poe2openai": own,
            "gunicorn.error": own,
            "gunicorn.access": {"handlers": [], "propagate": False},
        },
    }


class Line:
    """What is said with ``fields`` (text and numbers; without those that are ``None``), for either form."""

    def __init__(self, says: str, fields: Mapping[str, object]) -> None:
        self.says = says
        self.fields = fields

    def __str__(self) -> str:
        fields = [
            f"{name}={_quoted(value) if isinstance(value, str) else value}"
            for name, value in self.fields.items()
            if value is not None
        ]
        return " ".join([self.says, *fields])


def word(text: str) -> str:
    """A client's text as one word of a line or a message: printable and short."""
    if text.isprintable() and " " not in text:
        return text[:_WORD_LENGTH]
    return "".join(each if each.isprintable() and each != " " else "?" for each in text[:_WORD_LENGTH])


def masked(text: str) -> str:
    """``text`` without what may be a key in the wrong place: what is long and has letters and digits."""
    return text if len(text) < _KEY_LENGTH else _LONG.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    has_both = any(map(str.isalpha, found[0])) and any(map(str.isdigit, found[0]))
    return "***" if has_both else found[0]


def _quoted(text: str) -> str:
    if text.isalnum():
        return text[:_WORD_LENGTH]
    shown = word(text)
    if '"' in shown or "\\" in shown:
        shown = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown}"'


def _printable(text: str) -> str:
    """``text`` on one line."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class LineFormatter(logging.Formatter):
    """A line of text. Writes the time (ISO 8601, to the second) anew only when it is another."""

    _second = -1
    _time = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        second = int(record.created)
        if second != self._second:
            self._second = second
            self._time = time.strftime(datefmt or "%Y-%m-%dT%H:%M:%S%z", self.converter(second))
        return self._time

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return _printable(super().formatMessage(record))


class JsonFormatter(LineFormatter):
    """An object a line: ``time``, ``level``, ``pid``, ``message``, and the fields of a ``Line``."""

    def format(self, record: logging.LogRecord) -> str:
        said: object = record.msg
        content: dict[str, object] = {
            "time": self.formatTime(record, self.datefmt),
            "level": record.levelname.lower(),
            "pid": record.process,
            "message": said.says if isinstance(said, Line) else _printable(record.getMessage()),
        }
        if isinstance(said, Line):
            content |= {name: _plain(value) for name, value in said.fields.items() if value is not None}
        if record.exc_info and record.exc_info[1]:
            content["exception"] = fault(record.exc_info[1])
        return msgspec.json.encode(content).decode()


def _plain(value: object) -> object:
    return word(value) if isinstance(value, str) else value


class ConsoleHandler(logging.StreamHandler[Any]):
    """Standard error. Takes no lock: a line is one write, in which no greenlet waits."""

    def handle(self, record: logging.LogRecord) -> bool:
        self.emit(record)
        return True

    def flush(self) -> None:
        self.stream.flush()

    def createLock(self) -> None:  # noqa: N802
        # Python 3.13 enters the lock without looking whether there is one.
        self.lock: Any = _NoLock()


class _NoLock:
    """A lock that everybody has at all times."""

    def acquire(self) -> None:
        pass

    def release(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


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
