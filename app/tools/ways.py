"""Ways: how the tools of a request are passed to a bot.

``native``: in the fields that Poe's protocol has for them. ``xml``: described in the system message,
with calls read out of the bot's text. ``off``: not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from msgspec.structs import replace

from app import instructions
from app.conversation import Conversation, Tool
from app.tools import history, prompt

Mode: TypeAlias = Literal["auto", "native", "xml", "off"]
Way: TypeAlias = Literal["native", "xml", "off"]


def offered(conversation: Conversation, way: Way) -> Sequence[Tool]:
    """The tools that this answer may call; if it must call a certain one, only that."""
    choice = conversation.tool_choice
    if way == "off" or choice.mode == "none":
        return ()
    if choice.name:
        return [tool for tool in conversation.tools if tool.name == choice.name]
    return conversation.tools


def prepare(
    conversation: Conversation, way: Way, give_turn: Callable[[], None] = lambda: None
) -> Conversation:
    """The conversation as it goes to the bot. ``give_turn`` is called between pieces of work.

    In the native way, the offered tools and the calls and results at the end of the conversation stay: the
    protocol has fields for them. Everything else about tools becomes text. A conversation without any of
    that is returned as it is.
    """
    messages = conversation.messages
    if not conversation.tools and not history.has_tools(messages):
        return conversation
    tools = offered(conversation, way)
    if tools and way == "native":
        end = history.last_round(messages)
        return replace(
            conversation, tools=tools, messages=[*history.written(messages[:end], give_turn), *messages[end:]]
        )
    messages = history.written(messages, give_turn)
    if tools:
        choice, parallel = conversation.tool_choice, conversation.parallel_tool_calls
        messages = instructions.added(messages, prompt.tell(tools, choice, parallel=parallel))
    return replace(conversation, tools=(), messages=messages)
