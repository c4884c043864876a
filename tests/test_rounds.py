"""Rounds: what leaves of an answer that is judged, and when it is asked for again."""

from __future__ import annotations

from collections.abc import Sequence

from app import rounds
from app.answer.deltas import (
    Delta,
    Failure,
    Finish,
    Reasoning,
    Restart,
    Text,
    ToolCallArguments,
    ToolCallStart,
    Usage,
)
from app.answer.judges import RequiredCall
from app.conversation import Conversation, Message, Role, TextPart, ToolChoice
from app.errors import rate_limited

USAGE = Usage(10, 2, 1)
CALL = [ToolCallStart(0, "a", "f"), ToolCallArguments(0, "{}")]
ASKED = Conversation(model="bot", messages=[Message(Role.USER, [TextPart("hi")])])


class Bot:
    """Answers with one list of batches after another, and remembers what it was asked."""

    def __init__(self, *answers: Sequence[Sequence[Delta]]) -> None:
        self._answers = list(answers)
        self.asked: list[Conversation] = []
        self.closed = 0

    def ask(self, conversation: Conversation) -> rounds.Answer:
        self.asked.append(conversation)
        try:
            yield from self._answers[len(self.asked) - 1]
        finally:
            self.closed += 1

    def answer(self, choice: ToolChoice = ToolChoice("required")) -> list[Delta]:  # noqa: B008
        batches = list(rounds.judged(self.ask, ASKED, lambda: RequiredCall(choice)))
        assert all(batches), "an empty batch says nothing"
        assert self.closed == len(self.asked)
        return [delta for batch in batches for delta in batch]


def finish(reason: str = "stop") -> Finish:
    return Finish(reason, USAGE)


def test_text_waits_for_the_call_and_reasoning_does_not():
    bot = Bot([[Reasoning("Hm")], [Text("Let ")], [Text("me."), *CALL], [finish("tool_calls")]])
    batches = list(rounds.judged(bot.ask, ASKED, lambda: RequiredCall(ToolChoice("required"))))
    assert batches == [[Reasoning("Hm")], [Text("Let "), Text("me."), *CALL], [finish("tool_calls")]]
    assert len(bot.asked) == 1


def test_an_answer_that_begins_anew_has_new_text():
    bot = Bot([[Text("Draft"), Restart(), Text("Now."), *CALL, finish("tool_calls")]])
    assert bot.answer() == [Restart(), Text("Now."), *CALL, finish("tool_calls")]


def test_the_second_answer_takes_the_place_of_the_first():
    bot = Bot([[Text("No."), finish()]], [[Text("Yes."), *CALL, finish("tool_calls")]])
    assert bot.answer() == [Text("Yes."), *CALL, Finish("tool_calls", USAGE + USAGE)]
    said = [(each.role, each.text) for each in bot.asked[1].messages]
    assert said[:2] == [(Role.USER, "hi"), (Role.ASSISTANT, "No.")]
    assert said[2][0] is Role.USER
    assert "one of the tools" in said[2][1]


def test_the_thoughts_of_both_rounds_are_set_apart():
    bot = Bot([[Reasoning("a"), finish()]], [[Reasoning("b"), *CALL, finish()]])
    assert "".join(each.text for each in bot.answer() if isinstance(each, Reasoning)) == "a\n\nb"
    assert [each.role for each in bot.asked[1].messages] == [Role.USER, Role.USER]


def test_two_answers_without_a_call_are_a_failure():
    bot = Bot([[Text("No."), finish()]], [[Text("No!"), finish()]])
    (failure,) = bot.answer(ToolChoice("required", "f"))
    assert isinstance(failure, Failure)
    assert (failure.error.status, failure.error.code) == (502, "tool_call_missing")
    assert "the tool f" in failure.error.message
    assert "the tool f" in bot.asked[1].messages[-1].text


def test_a_failure_is_no_reason_to_ask_again():
    failure = Failure(rate_limited("Slow down."))
    assert Bot([[Text("a"), failure]]).answer() == [failure]
    assert Bot([[Text("No."), finish()]], [[failure]]).answer() == [failure]


def test_closing_it_closes_the_query():
    bot = Bot([[*CALL], [finish()]])
    answer = rounds.judged(bot.ask, ASKED, lambda: RequiredCall(ToolChoice("required")))
    next(answer)
    answer.close()
    assert bot.closed == 1
