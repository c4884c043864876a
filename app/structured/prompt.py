"""Prompt: the JSON that an answer must be, described in words for the bot."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from app import instructions
from app.conversation import Conversation, ResponseFormat

_OBJECT = """# Answer format

Answer with one JSON object and nothing else: no words before or after it, no code fence."""

_SCHEMA = """# Answer format

Answer with JSON and nothing else: no words before or after it, no code fence. It must fit this JSON Schema:

{schema}"""

_PURPOSE = "What it is for: {description}"
_UNLESS_CALLED = "If you call a tool, all of this does not hold for the call."

_AGAIN = """Your answer is not accepted. {reason}

Give the whole answer once more, corrected: {answer} alone, no words before or after it, no code fence."""


def prepare(conversation: Conversation, *, may_call: bool) -> Conversation:
    """The conversation with instructions on its format, if it has one, in the system message.

    ``may_call``: there are tools, too.
    """
    wanted = conversation.response_format
    if wanted is None:
        return conversation
    told = tell(wanted, may_call=may_call)
    return replace(conversation, messages=instructions.added(conversation.messages, told))


def tell(wanted: ResponseFormat, *, may_call: bool) -> str:
    """The instructions on the format."""
    schema = wanted.schema
    told = [_OBJECT if schema is None else _SCHEMA.format(schema=msgspec.json.encode(schema).decode())]
    if wanted.description and wanted.description.strip():
        told.append(_PURPOSE.format(description=wanted.description.strip()))
    if may_call:
        told.append(_UNLESS_CALLED)
    return "\n\n".join(told)


def ask_again(wanted: ResponseFormat, reason: str) -> str:
    """The message about an answer that does not fit."""
    answer = "one JSON object" if wanted.schema is None else "the JSON that fits the schema"
    return _AGAIN.format(reason=reason, answer=answer)
