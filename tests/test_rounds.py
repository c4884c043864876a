"""Rounds: what is passed on of a judged answer, and when the bot is asked again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from app.answer.judges import FittingJson, Judge, RequiredCall
from app.conversation import Conversation, Message, ResponseFormat, Role, TextPart, ToolChoice
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
        return self.judged(lambda: RequiredCall(choice))

    def json(self, schema: dict[str, object] | None = None) -> list[Delta]:
        return self.judged(lambda: FittingJson(ResponseFormat(schema, param="s")))

    def judged(self, make_judge: Callable[[], Judge]) -> list[Delta]:
        batches = list(rounds.judged(self.ask, ASKED, make_judge))
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


def test_a_call_of_a_certain_tool_comes_without_talk():
    bot = Bot([[Reasoning("Hm"), Text("Let me.")], [*CALL], [Text("Done."), finish("tool_calls")]])
    assert bot.answer(ToolChoice("required", "f")) == [Reasoning("Hm"), *CALL, finish("tool_calls")]


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


# JSON that must fit.


def test_only_the_json_leaves_and_reasoning_does_not_wait():
    bot = Bot([[Reasoning("Hm")], [Text("Here: {")], [Text('"a": 1}')], [Text(" Well?"), finish()]])
    assert bot.json() == [Reasoning("Hm"), Text('{"a": 1}'), finish()]


def test_json_is_cut_the_same_however_it_comes():
    said = 'Well: {"a": "\u00e9 {"}\n'
    for width in range(1, len(said) + 1):
        pieces = [[Text(said[start : start + width])] for start in range(0, len(said), width)]
        assert Bot([*pieces, [finish()]]).json() == [Text('{"a": "\u00e9 {"}'), finish()]


def test_json_that_is_begun_anew_is_the_new_one():
    assert Bot([[Text('{"a": 1}'), Restart(), Text('{"b": 1}'), finish()]]).json() == [
        *(Restart(), Text('{"b": 1}'), finish())
    ]


def test_the_second_json_takes_the_place_of_the_first():
    bot = Bot([[Text("[]"), finish()]], [[Text('{"a": 1}'), finish()]])
    assert bot.json() == [Text('{"a": 1}'), Finish("stop", USAGE + USAGE)]
    answer, request = bot.asked[1].messages[-2:]
    assert (answer.role, answer.text) == (Role.ASSISTANT, "[]")
    assert '$: it must be of type "object"' in request.text


def test_the_longest_json_is_the_one_that_is_told_of():
    schema = {"type": "object", "required": ["name"]}
    bot = Bot([[Text('As in [1]: {"nome": "x"} {}'), finish()]], [[Text("{}"), finish()]])
    (failure,) = bot.json(schema)
    assert isinstance(failure, Failure)
    assert (failure.error.status, failure.error.code) == (502, "structured_output_failed")
    assert '"name" is missing' in failure.error.message
    assert '$: "name" is missing' in bot.asked[1].messages[-1].text


def test_a_call_lets_all_go():
    bot = Bot([[Text("Let me.")], [*CALL, finish("tool_calls")]])
    assert bot.json() == [Text("Let me."), *CALL, finish("tool_calls")]


def test_what_was_cut_leaves_as_it_is():
    assert Bot([[Text('Well: {"a'), finish("length")]]).json() == [Text('Well: {"a'), finish("length")]


def test_a_check_that_takes_too_long_is_no_reason_to_ask_again():
    bot = Bot([[Text(f'"{"a" * 200}b"'), finish()]])
    (failure,) = bot.json({"pattern": "^(a|aa)+$"})
    assert isinstance(failure, Failure)
    assert (failure.error.status, failure.error.param, len(bot.asked)) == (400, "s", 1)


def test_an_answer_without_end_is_not_searched():
    bot = Bot([[Text("{}" + " " * 2_000_000), finish()]], [[Text("{}"), finish()]])
    assert bot.json() == [Text("{}"), Finish("stop", USAGE + USAGE)]
