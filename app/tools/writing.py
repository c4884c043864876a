"""Writing: calls in the notation of docs/tools.md, as a bot is to write them and has written them.

A call stands plainly, its values raw, if it would be read back the same from that; else as JSON,
whose escapes leave nothing to misread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import msgspec

from app.conversation import ToolCall

_ATTRIBUTE = re.compile(r"(?!\s)[^\x00-\x1f\x7f-\x9f\u2028\u2029\"'<>&]+(?<!\s)")
_AMBIGUOUS = re.compile(r"</\s*parameter|\A\s*<!\[CDATA\[|\A\r?\n(?:[^\n]*\n)?\Z", re.IGNORECASE)
_MARKUP = re.compile(r"[<>&]")
_ENTITY = re.compile(r"&#?\w+;")
_ESCAPES = str.maketrans({"<": "\\u003c", "&": "\\u0026"})  # which only strings can hold


def write(calls: Sequence[ToolCall]) -> str:
    """The calls of one message, in their order."""
    blocks = []
    for is_plain, group in groupby(
        ((_invoke(call), call) for call in calls), lambda pair: pair[0] is not None
    ):
        if is_plain:
            blocks.append("\n".join(["<tool_call>", *(invoke or "" for invoke, _ in group), "</tool_call>"]))
        else:
            blocks += [f"<tool_call>\n{_as_json(call)}\n</tool_call>" for _, call in group]
    return "\n".join(blocks)


def invoke(name: str, parameters: Sequence[tuple[str, str]]) -> str:
    """One call, from its parameters as they are written in the notation."""
    lines = [f'<parameter name="{key}">{value}</parameter>' for key, value in parameters]
    return "\n".join([f'<invoke name="{name}">', *lines, "</invoke>"])


def _invoke(call: ToolCall) -> str | None:
    """The call with raw values, or ``None`` if it would be read as a different one."""
    members = _members(call.arguments)
    if members is None or not all(map(_ATTRIBUTE.fullmatch, [call.name, *members])):
        return None
    values = [_value(raw) for raw in members.values()]
    parameters = [(key, value) for key, value in zip(members, values, strict=True) if value is not None]
    return invoke(call.name, parameters) if len(parameters) == len(members) else None


def _members(arguments: str) -> dict[str, bytes] | None:
    """The members of a JSON object, each as it was written; none if there are no arguments."""
    try:
        decoded = msgspec.json.decode(arguments.strip() or "{}", type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return {key: bytes(raw).strip() for key, raw in decoded.items()}


def _value(raw: bytes) -> str | None:
    if raw.startswith(b'"'):
        text: str = msgspec.json.decode(raw)
        return text if _reads_back(text) else None
    json = raw.decode()
    return json if _reads_back(json) else json.translate(_ESCAPES)


def _reads_back(text: str) -> bool:
    """Whether ``text``, between the tags of a parameter, is read back unchanged."""
    first = _MARKUP.search(text)
    is_decoded = first is not None and _ENTITY.match(text, first.start()) is not None
    return not is_decoded and not _AMBIGUOUS.search(text)


def _as_json(call: ToolCall) -> str:
    """The call as one JSON object, with arguments that are not an object as a string."""
    is_object = _members(call.arguments) is not None
    arguments = (call.arguments.strip() or "{}") if is_object else _encode(call.arguments)
    return f'{{"name": {_encode(call.name)}, "arguments": {arguments}}}'.translate(_ESCAPES)


def _encode(text: str) -> str:
    return msgspec.json.encode(text).decode()
