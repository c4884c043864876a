"""Poe's events: runs of server-sent events in, typed events out.

The events are those of Poe's bot protocol as ``fastapi_poe`` writes and reads them. What says
nothing about the answer (``meta``, ``suggested_reply``, ``data``, ``ping``, other indexes, events
of the future) is left out; what is broken is left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from app.poe.sse import Run

_OBJECT_LIMIT = 1024 * 1024  # bytes of an event that is not text
_NUMBER_LENGTH = 16 * 1024  # characters; anything longer is not an index


class Text(Struct, frozen=True, gc=False):
    """``text``, or the text of a ``json`` event: appended to the answer.

    ``index`` is declared only to be decoded: nearly always that of the only answer.
    """

    text: str
    index: None = None


class ToolCallPiece(Struct, frozen=True, gc=False):
    """A piece of a tool call from a ``json`` event, with those fields that have come."""

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Replace(Struct, frozen=True, gc=False):
    """``replace_response``: replaces all text before it."""

    text: str


class File(Struct, frozen=True, gc=False):
    """``file``: an attachment; the text may refer to it by ``inline_ref``."""

    url: str
    content_type: str = "application/octet-stream"
    name: str = ""
    inline_ref: str | None = None


class Error(Struct, frozen=True, gc=False):
    """``error``: the bot failed. ``allow_retry`` false means that asking again is pointless."""

    text: str | None = None
    error_type: str | None = None
    allow_retry: bool = True


class Done(Struct, frozen=True, gc=False):
    """``done``: nothing that matters follows."""


Event: TypeAlias = Text | ToolCallPiece | Replace | File | Error | Done
_Decode: TypeAlias = Callable[[bytes], "Event | list[Event] | None"]


class _TextData(Struct, gc=False):
    """Text that needs a closer look. Its ``index`` is left as it is: it may be of millions of values."""

    text: str
    index: Raw = Raw(b"null")


class EventReader:
    """Decodes the events of one answer, and counts those that it had to drop.

    ``seen`` counts all events of Poe's protocol, ``broken`` those with unusable data.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.broken = 0

    def read(self, runs: Iterable[Run]) -> list[Event]:
        """Decode what ``EventStreamDecoder.feed`` returned, up to the first event that ends the answer.

        So ``Done`` and ``Error`` can only be the last.
        """
        events: list[Event] = []
        for name, run in runs:
            if name == b"text" and (texts := _texts(run)):
                self.seen += len(run)
                events += texts
                continue
            for data in run:
                found = self._decode(name, data)
                events += found
                if found and isinstance(found[-1], (Done, Error)):
                    return events
        return events

    def _decode(self, name: bytes, data: bytes) -> Sequence[Event]:
        decode = _DECODERS.get(name)
        if decode is None:
            self.seen += name in _SILENT
            return ()
        self.seen += 1
        try:
            event = decode(data) if len(data) <= _OBJECT_LIMIT else self._read_long(decode, data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            event = self._mend(decode, data)
        if event is None:
            return ()
        return event if isinstance(event, list) else (event,)

    def _read_long(self, decode: _Decode, data: bytes) -> Event | list[Event] | None:
        """Decode a long event, which may only be text: as many values would take seconds to decode."""
        if decode in (_text, _replace, _done):
            return decode(data)
        self.broken += decode is not _error
        return Error() if decode is _error else None

    def _mend(self, decode: _Decode, data: bytes) -> Event | list[Event] | None:
        """Try once more with the broken text mended."""
        try:
            return decode(_mended(data))
        except (msgspec.MsgspecError, RecursionError):
            self.broken += 1
            return None


def _is_first_answer(index: object) -> bool:
    """Whether an event belongs to the first of several answers, the one that is passed on."""
    return index == 0 or not isinstance(index, int)


# Half of a pair (RFC 8259, section 7), where no other escape begins with two backslashes.
_HALF_PAIR = re.compile(r"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F]..)")


def _mended(data: bytes) -> bytes:
    """``data`` with U+FFFD in place of bytes that are not UTF-8 and half surrogate pairs."""
    text = data.decode("utf-8", "replace")
    if "\\ud" in text or "\\uD" in text:
        text = _HALF_PAIR.sub(r"\\ufffd", text.replace(r"\\", r"\u005c"))
    return text.encode()


_decode_text = msgspec.json.Decoder(_TextData).decode


_decode_texts = msgspec.json.Decoder(Text).decode_lines


def _texts(run: Sequence[bytes]) -> list[Text] | None:
    """Events of text, as most are, decoded at once, a line each; ``None`` if one needs a closer look."""
    lines = b"\n".join(run)
    if lines.count(b"\n") >= len(run):
        return None
    try:
        texts = _decode_texts(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return texts if len(texts) == len(run) else None


def _number(index: Raw) -> object:
    written = bytes(index)
    return msgspec.json.decode(written) if len(written) <= _NUMBER_LENGTH else None


def _text(data: bytes) -> Event | None:
    decoded = _decode_text(data)
    return Text(decoded.text) if _is_first_answer(_number(decoded.index)) else None


def _replace(data: bytes) -> Event | None:
    decoded = _decode_text(data)
    return Replace(decoded.text) if _is_first_answer(_number(decoded.index)) else None


def _file(data: bytes) -> Event | None:
    fields = _object(data)
    if not _is_first_answer(fields.get("index")):
        return None
    return msgspec.convert({key: value for key, value in fields.items() if value is not None}, File)


def _json(data: bytes) -> list[Event]:
    """What an event in the form of OpenAI's chunks says: ``choices[0].delta``."""
    fields = _object(data)
    choices = fields.get("choices")
    if not _is_first_answer(fields.get("index")):
        return []
    if not isinstance(choices, list):
        return [_openai_error(fields["error"])] if fields.get("error") else []
    return [event for choice in choices for event in _delta(choice)]


def _openai_error(error: object) -> Error:
    """A failure in the form of OpenAI's, in the place of a chunk."""
    text = error.get("message") if isinstance(error, dict) else error
    return Error(text if isinstance(text, str) else None)


def _delta(choice: object) -> Iterator[Event]:
    if not isinstance(choice, dict) or not _is_first_answer(choice.get("index")):
        return
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return
    content, calls = delta.get("content"), delta.get("tool_calls")
    if isinstance(content, str) and content:
        yield Text(content)
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and (piece := _piece(call)):
            yield piece


def _piece(call: dict[str, Any]) -> ToolCallPiece | None:
    """A piece of a call; ``None`` if there is nothing in it."""
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    index, id, name = call.get("index"), _words(call.get("id")), _words(function.get("name"))
    arguments = _words(function.get("arguments")) or ""
    if not (id or name or arguments):
        return None
    return ToolCallPiece(index if type(index) is int else None, id, name, arguments)


def _words(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _error(data: bytes) -> Event | None:
    """An error stays one, whatever its fields: dropping it would turn a failure into a success."""
    try:
        fields = _object(data)
    except (msgspec.MsgspecError, RecursionError):
        return Error()
    if not _is_first_answer(fields.get("index")):
        return None
    text, kind = fields.get("text"), fields.get("error_type")
    return Error(
        text if isinstance(text, str) else None,
        kind if isinstance(kind, str) else None,
        fields.get("allow_retry") is not False,
    )


def _done(_data: bytes) -> Event:
    return Done()


def _object(data: bytes) -> dict[str, Any]:
    return msgspec.json.decode(data, type=dict[str, Any])


_DECODERS: dict[bytes, _Decode] = {
    b"text": _text,
    b"replace_response": _replace,
    b"file": _file,
    b"json": _json,
    b"error": _error,
    b"done": _done,
}
_SILENT = frozenset({b"meta", b"suggested_reply", b"data", b"ping"})
