"""Attachments: which message of a query carries which.

Poe lets the user's messages carry attachments. What stands elsewhere goes to the user's next
message, or to the last one if none follows. The images that a bot has shown in an earlier answer,
which is how image bots answer, go to the user's next message: with them "make it red" has something
to be done to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from app.conversation import HostedPart, Message, Role
from app.poe import cdn

SHOWN_IMAGES = 10  # of the images shown by the bot, the latest ones, are attached; each once


def placed(
    messages: Sequence[Message], give_turn: Callable[[], None] = lambda: None
) -> Mapping[int, Sequence[HostedPart]]:
    """The attachments of each message that carries any, by its index, in the conversation's order.

    ``give_turn`` is called between pieces of work.
    """
    users = [index for index, message in enumerate(messages) if message.role is Role.USER]
    own = [(index, part) for index, message in enumerate(messages) for part in _hosted(message)]
    placed: defaultdict[int, list[tuple[int, HostedPart]]] = defaultdict(list)
    for index, part in [*_shown(messages, {part.url for _, part in own}, give_turn), *own]:
        following = bisect_left(users, index)
        carrier = users[min(following, len(users) - 1)] if users else index
        placed[carrier].append((index, part))
    return {
        carrier: [part for _, part in sorted(parts, key=lambda each: each[0])]
        for carrier, parts in placed.items()
    }


def _hosted(message: Message) -> list[HostedPart]:
    return [part for part in message.parts if isinstance(part, HostedPart)]


def _shown(
    messages: Sequence[Message], known: set[str], give_turn: Callable[[], None]
) -> list[tuple[int, HostedPart]]:
    """The images that the bot showed last, except those attached anyway."""
    last_user = max(
        (index for index, message in enumerate(messages) if message.role is Role.USER), default=-1
    )
    latest: dict[str, tuple[int, HostedPart]] = {}
    for index, message in enumerate(messages[: last_user + 1]):
        if message.role is Role.ASSISTANT:
            for part in cdn.shown_images(message.text):
                latest.pop(part.url, None)
                latest[part.url] = (index, part)
                give_turn()
            give_turn()
    return [each for url, each in latest.items() if url not in known][-SHOWN_IMAGES:]
