"""Server-sent events: bytes in, events out, incrementally, in runs of those that have one name.

Follows the parsing rules of the WHATWG HTML standard (section 9.2.6, "Interpreting an event
stream"), with two leniencies: a last event that lacks its blank line is given at the end, and an event
that has a name needs no data (so Poe's own client has it: a bot may say no more than "done").

Cost: linear in the bytes, however they are cut.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from app.errors import bad_upstream

Run: TypeAlias = tuple[bytes, list[bytes]]  # a name, and the data of one or more events that have it in a row

LIMIT = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"

# How an event begins as Poe writes it: one line with its name, one with its data; an empty one ends it.
_beginning = re.compile(rb"event: ([a-z_]+)(\r\n|\n)data: ").match
_blank_line = re.compile(rb"\n\r?\n").search


class EventStreamDecoder:
    """Decodes bytes into events: ``feed`` returns those completed, ``finish`` the one left open.

    Data stays bytes: it is JSON, whose decoder checks UTF-8 anyway. A line or an event of more
    than ``limit`` bytes raises ``ApiError`` (502).
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._line = bytearray()  # the open line
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0  # bytes in _data
        self._at_start = True
        self._after_cr = False

    def feed(self, data: bytes) -> list[Run]:
        """Take what one read brought and return the events that are complete."""
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):
                data = data[1:]
        self._at_start = self._at_start and (not data or bool(self._line) or data[0] == _BOM[0])
        runs: list[Run] = []
        if (is_open := self._is_open) and (end := _blank_line(data)):
            runs, data = self._read(data[: end.end()]), data[end.end() :]
            is_open = self._is_open
        if not is_open and len(data) <= self._limit:
            run, data = _read_run(data)
            if run is not None:
                runs.append(run)
        return runs + self._read(data) if data else runs

    def finish(self) -> list[Run]:
        """The stream has ended: return the event that was still open, if there is one."""
        rest = [bytes(self._line)] if self._line else []
        self._line.clear()
        return self._read_lines([*rest, b""])

    @property
    def _is_open(self) -> bool:
        """Whether the stream has not begun yet, or an event has begun and is not over."""
        return bool(self._line or self._data or self._event or self._at_start)

    def _read(self, data: bytes) -> list[Run]:
        """The events that ``data`` completes, whatever they look like."""
        if b"\n" not in data and b"\r" not in data:
            self._extend(data)
            return []
        if self._line:
            self._extend(data)
            data = bytes(self._line)
            self._line.clear()
        lines = data.splitlines()  # bytes split at LF, CR and CRLF only
        if data.endswith(b"\r"):
            self._after_cr = True
        elif not data.endswith(b"\n"):
            self._extend(lines.pop())
        return self._read_lines(lines)

    def _extend(self, data: bytes) -> None:
        self._line += data
        if len(self._line) > self._limit and self._line.find(b"\n") < 0 and self._line.find(b"\r") < 0:
            raise bad_upstream(f"Poe sent a line of more than {self._limit} bytes.")

    def _read_lines(self, lines: list[bytes]) -> list[Run]:
        if self._at_start and lines:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        runs: list[Run] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._add_data(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif line.startswith(b"event:"):
                self._event = line[7:] if line.startswith(b" ", 6) else line[6:]
            elif not line:
                self._end_event(runs)
            elif line == b"data":
                self._add_data(b"")
            elif line == b"event":
                self._event = b""
        return runs

    def _end_event(self, runs: list[Run]) -> None:
        """Add the event that an empty line has ended, if there was one, to ``runs``."""
        name, data = self._event, self._data
        self._event, self._data, self._size = b"", [], 0
        if not data and not name:
            return
        whole = data[0] if len(data) == 1 else b"\n".join(data)
        if runs and runs[-1][0] == name:
            runs[-1][1].append(whole)
        else:
            runs.append((name, [whole]))

    def _add_data(self, value: bytes) -> None:
        self._data.append(value)
        self._size += len(value) + 1
        if self._size > self._limit:
            raise bad_upstream(f"Poe sent an event of more than {self._limit} bytes.")


def _read_run(data: bytes) -> tuple[Run | None, bytes]:
    """The events with which ``data`` begins, as long as they have one name and Poe's form; the rest.

    That is most of a long answer. Where nothing lies between two such events but the end of one and
    the beginning of the next, splitting there reads them all at once.
    """
    beginning = _beginning(data)
    if beginning is None:
        return None, data
    opening, name, blank = beginning[0], beginning[1], beginning[2] * 2
    pieces = data[len(opening) :].split(blank + opening)
    pieces[-1], end, rest = pieces[-1].partition(blank)
    if not end:
        rest = opening + pieces.pop()
    joined = b"".join(pieces)
    if not pieces or b"\n" in joined or b"\r" in joined:
        return None, data
    return (name, pieces), rest
