"""What a completion holds on to while its bot answers."""

from __future__ import annotations

import weakref
from typing import Any

from app import errors
from app.answer.deltas import Failure
from app.completion import Completions, Trace
from app.conversation import AttachmentPart, Conversation, HostedPart, Message, Role
from app.poe.exchange import QueryFailed

HOSTED = Conversation(
    model="bot",
    messages=[Message(Role.USER, [HostedPart("https://poecdn.net/a.png", "image/png", "a.png")])],
)


class Source(str):
    """A text that tells when nobody needs it any more."""

    __slots__ = ("__weakref__",)


def conversation_with(source: str) -> Conversation:
    part = AttachmentPart("image", source, "messages[0].content[0]")
    return Conversation(model="bot", messages=[Message(Role.USER, [part])])


def test_what_was_uploaded_is_let_go_before_the_bot_is_asked() -> None:
    class Hosting:
        def host(self, conversation: Conversation, key: str) -> Conversation:
            assert source() is not None
            return HOSTED

    class Poe:
        def ask(self, *_: object) -> Any:
            needed.append(source() is not None)
            raise QueryFailed(errors.bad_upstream("no answer"))

    needed: list[bool] = []
    text = Source("data:image/png;base64,QUJD")
    source = weakref.ref(text)
    hosting: Any = Hosting()
    poe: Any = Poe()
    tokenizer: Any = None
    completions = Completions(poe, hosting, tokenizer, slots=None)
    running = completions.run(conversation_with(text), "bot", "a-key-of-somebody", Trace(), "xml")
    del text
    (batch,) = running
    assert isinstance(batch[-1], Failure)
    assert needed == [False]
