"""Instructions: text for the bot, added where a conversation begins."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.conversation import Message, Role, TextPart


def added(messages: Sequence[Message], told: str) -> list[Message]:
    """The messages with ``told`` at the end of the first one, if that is a system message.

    If it is not, a system message is added before it.
    """
    part = TextPart(told)
    begun = next(
        (index for index, each in enumerate(messages) if each.role is not Role.SYSTEM), len(messages)
    )
    if not begun:
        return [Message(Role.SYSTEM, [part]), *messages]
    last = messages[begun - 1]
    return [*messages[: begun - 1], replace(last, parts=[*last.parts, part]), *messages[begun:]]
