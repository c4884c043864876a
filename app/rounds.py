"""Rounds: an answer that is not what was asked for is requested once more.

The bot is shown its answer and told what is wrong with it. The usage covers both rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

from msgspec.structs import replace

from app.answer.deltas import Delta, Failure, Finish, Reasoning, Usage
from app.answer.judges import Judge, Refusal
from app.conversation import Conversation, Message, Role, TextPart
from app.turns import Turns

_JUDGING_SECONDS = 2.0

Answer = Generator[Sequence[Delta], None, None]


def judged(
    ask: Callable[[Conversation], Answer], conversation: Conversation, make_judge: Callable[[], Judge]
) -> Iterator[Sequence[Delta]]:
    """The answer to ``conversation``, batch by batch, as far as its judge lets it pass.

    ``ask`` is called once a round, and each round has a judge of its own. The last batch ends with
    ``Finish`` or ``Failure``.
    """
    first = _Round(make_judge(), Usage(0, 0, 0))
    with closing(ask(conversation)) as answer:
        yield from first.pass_on(answer)
    if first.refusal is None:
        return
    if first.refusal.request is None:
        yield [Failure(first.refusal.error)]
        return
    if first.has_reasoned:
        yield [Reasoning("\n\n")]
    second = _Round(make_judge(), first.spent)
    with closing(ask(_shown(conversation, first.refusal.answer, first.refusal.request))) as answer:
        yield from second.pass_on(answer)
    if second.refusal is not None:
        yield [Failure(second.refusal.error)]


class _Round:
    """One answer and its judge. ``spent`` is the usage of this round and all before it."""

    def __init__(self, judge: Judge, spent: Usage) -> None:
        self._judge = judge
        self.spent = spent
        self.refusal: Refusal | None = None
        self.has_reasoned = False

    def pass_on(self, answer: Answer) -> Iterator[Sequence[Delta]]:
        """What may be passed on; not the end of an answer that is refused."""
        for batch in answer:
            if passed := self._judged(batch):
                self.has_reasoned = self.has_reasoned or any(isinstance(each, Reasoning) for each in passed)
                yield passed

    def _judged(self, batch: Sequence[Delta]) -> Sequence[Delta]:
        match batch[-1]:
            case Finish() as finish:
                passed = self._judge.feed(batch[:-1])
                self.spent += finish.usage
                verdict = self._judge.verdict(finish.reason, Turns(_JUDGING_SECONDS).give)
                if isinstance(verdict, Refusal):
                    self.refusal = verdict
                    return passed
                return [*passed, *verdict, replace(finish, usage=self.spent)]
            case Failure() as failure:
                return [*self._judge.feed(batch[:-1]), failure]
            case _:
                return self._judge.feed(batch)


def _shown(conversation: Conversation, answer: str, request: str) -> Conversation:
    """The conversation with the bot's answer and what is wrong with it."""
    answered = [Message(Role.ASSISTANT, [TextPart(answer)])] if answer.strip() else []
    asked = Message(Role.USER, [TextPart(request)])
    return replace(conversation, messages=[*conversation.messages, *answered, asked])
