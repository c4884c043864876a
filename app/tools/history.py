"""History: what was called and what came of it, as text, for bots that know no tools.

Calls are written in the notation in which a bot writes them, results as ``<tool_result>`` in
messages of the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from msgspec.structs import replace

from app.conversation import Message, Part, Role, TextPart
from app.tools import writing


def has_tools(messages: Sequence[Message]) -> bool:
    """Whether there are any calls or results."""
    return any(message.tool_calls or message.role is Role.TOOL for message in messages)


def written(messages: Sequence[Message], give_turn: Callable[[], None] = lambda: None) -> list[Message]:
    """The messages with all calls and results as text, in their order.

    Consecutive results become one message. A result of an unknown call is written without the tool's name,
    a call without a result alone. ``give_turn`` is called between
    messages.
    """
    names: dict[str, str] = {}  # of the tools, by the ids of their last calls
    passed: list[Message] = []
    for is_result, group in groupby(messages, lambda message: message.role is Role.TOOL):
        if is_result:
            passed.append(Message(Role.USER, [part for each in group for part in _result(each, names)]))
            continue
        for message in group:
            give_turn()
            names |= {call.id: call.name for call in message.tool_calls if call.id}
            passed.append(_with_calls(message) if message.tool_calls else message)
    return passed


def last_round(messages: Sequence[Message]) -> int:
    """Where the round of calls and results at the end of the messages begins; their number if there is none.

    It counts only if each of its calls has an id and one result, of text alone, and there is a message
    before it: that is what Poe's protocol has fields for.
    """
    end = len(messages)
    start = end
    while start and messages[start - 1].role is Role.TOOL:
        start -= 1
    start -= 1
    if start < 1 or start == end - 1:
        return end
    called = [call.id for call in messages[start].tool_calls]
    results = messages[start + 1 :]
    is_clean = (
        sorted(called) == sorted(result.tool_call_id or "" for result in results)
        and len({*called, ""}) == len(called) + 1
        and all(_is_text(result) for result in results)
    )
    return start if is_clean else end


def _with_calls(message: Message) -> Message:
    return replace(
        message, parts=[*message.parts, TextPart(writing.write(message.tool_calls))], tool_calls=()
    )


def _result(message: Message, names: Mapping[str, str]) -> list[Part]:
    name = message.name or names.get(message.tool_call_id or "")
    attributes = _attribute("name", name) + _attribute("id", message.tool_call_id)
    opening, closing = f"<tool_result{attributes}>", "</tool_result>"
    if _is_text(message):
        return [TextPart(f"{opening}\n{message.text}\n{closing}")]
    return [TextPart(opening), *message.parts, TextPart(closing)]


def _is_text(message: Message) -> bool:
    return all(isinstance(part, TextPart) for part in message.parts)


def _attribute(name: str, value: str | None) -> str:
    quoted = (value or "").replace('"', "&quot;")
    return f' {name}="{quoted}"' if quoted else ""
