"""Standard error: output that bypasses the log, as JSON objects if the log is JSON."""

from __future__ import annotations

import io
import logging
import sys
from types import TracebackType

from app.logs import JsonFormatter


class ObjectLines(io.TextIOBase):
    """A text stream that writes each of its lines as a JSON object to ``stream``."""

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream
        self._formatter = JsonFormatter()
        self._rest = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self.say(line)
        return len(text)

    def flush(self) -> None:
        """Do nothing: an object is written when its line ends."""
        self._stream.flush()

    def say(self, text: str, error: BaseException | None = None) -> None:
        """Write an object with ``text``, and with where ``error`` was raised."""
        raised = (type(error), error, error.__traceback__) if error else None
        fields = {"levelno": logging.ERROR, "levelname": "ERROR", "msg": text, "exc_info": raised}
        self._stream.write(f"{self._formatter.format(logging.makeLogRecord(fields))}\n")
        self._stream.flush()


def write_objects() -> None:
    """Write as JSON objects whatever this process and its forks write to standard error.

    The log writes to ``sys.__stderr__``, which stays as it is.
    """
    lines = ObjectLines(sys.__stderr__)  # type: ignore[arg-type]
    sys.stderr = lines

    def end(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        lines.say(f"{type(error).__name__}: {error}", error)

    sys.excepthook = end
