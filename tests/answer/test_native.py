from __future__ import annotations

import itertools

import pytest

from app.answer.deltas import Finish, Reasoning, Restart, Text, ToolCallArguments, ToolCallStart, Usage
from app.answer.limits import MaxTokens, StopStrings
from app.answer.native import NativeCalls
from app.answer.pipeline import Pipeline
from app.answer.usage import UsageMeter
from app.poe.events import Event, Replace, ToolCallPiece
from app.poe.events import Text as TextEvent
from app.tokenizer import o200k


def calls(*, parallel: bool = True) -> NativeCalls:
    numbers = itertools.count()
    return NativeCalls(lambda: f"made_{next(numbers)}", parallel=parallel)


def passed(*pieces: ToolCallPiece, parallel: bool = True) -> list[ToolCallStart | ToolCallArguments]:
    stage = calls(parallel=parallel)
    return [*stage.feed(pieces), *stage.finish()]


def test_calls_are_passed_on_as_they_come():
    assert passed(
        ToolCallPiece(0, "a", "f", ""),
        ToolCallPiece(0, arguments='{"x'),
        ToolCallPiece(3, "b", "g", "{ }"),
        ToolCallPiece(0, arguments='": 1}'),
    ) == [
        ToolCallStart(0, "a", "f"),
        ToolCallArguments(0, '{"x'),
        ToolCallStart(1, "b", "g"),
        ToolCallArguments(1, "{ }"),
        ToolCallArguments(0, '": 1}'),
    ]


def test_ids_and_names_that_are_repeated_count_once():
    pieces = [ToolCallPiece(0, "a", "f", "{"), ToolCallPiece(0, "a", "f", "}")]
    assert passed(*pieces) == [
        ToolCallStart(0, "a", "f"),
        ToolCallArguments(0, "{"),
        ToolCallArguments(0, "}"),
    ]


def test_what_is_missing_is_put_in():
    assert passed(ToolCallPiece(0, None, "f")) == [
        ToolCallStart(0, "made_0", "f"),
        ToolCallArguments(0, "{}"),
    ]


def test_arguments_wait_for_the_name():
    pieces = [ToolCallPiece(0, "a", None, "{"), ToolCallPiece(0, None, "f", "}")]
    assert passed(*pieces) == [ToolCallStart(0, "a", "f"), ToolCallArguments(0, "{}")]


def test_without_indexes_an_id_tells_calls_apart():
    pieces = [
        ToolCallPiece(None, "a", "f", "{"),
        ToolCallPiece(None, None, None, "}"),
        ToolCallPiece(None, "b", "g", "{}"),
    ]
    assert [(each.index, type(each)) for each in passed(*pieces)] == [
        (0, ToolCallStart),
        (0, ToolCallArguments),
        (0, ToolCallArguments),
        (1, ToolCallStart),
        (1, ToolCallArguments),
    ]


def test_only_the_first_passes_if_they_are_not_parallel():
    pieces = [ToolCallPiece(1, "a", "f", "{}"), ToolCallPiece(2, "b", "g", "{}")]
    assert passed(*pieces, parallel=False) == [ToolCallStart(0, "a", "f"), ToolCallArguments(0, "{}")]


@pytest.mark.parametrize("arguments", ["{", '{"a', '{"a": "\\', '{"a": [1, ', "[", '{"a": tru'])
def test_who_stops_inside_of_arguments_is_cut(arguments: str):
    stage = calls()
    stage.feed([ToolCallPiece(0, "a", "f", "{}"), ToolCallPiece(1, "b", "g")])
    assert not stage.is_cut
    stage.feed([ToolCallPiece(1, arguments=piece) for piece in arguments])
    assert stage.is_cut


def test_arguments_may_be_nested_deeper_than_can_be_decoded():
    """How deep that is depends on the version of Python, and on the stack."""
    for arguments in ("[" * 1_000_000, "[" * 1_000_000 + "]" * 1_000_000):
        stage = calls()
        assert stage.feed([ToolCallPiece(0, "a", "f", arguments)])[1:] == [ToolCallArguments(0, arguments)]
        assert not stage.is_cut


@pytest.mark.parametrize("arguments", ["", "{}", '{"a": "b"}', "{a}", "oops", '{"a": 1}}', "1"])
def test_what_is_no_beginning_of_json_is_not_cut(arguments: str):
    stage = calls()
    stage.feed([ToolCallPiece(0, "a", "f", arguments)])
    assert not stage.is_cut


@pytest.mark.parametrize("index", [-5, 3, 10**30])
def test_calls_are_counted_from_0_whatever_the_bot_counts(index: int):
    pieces = [ToolCallPiece(index, "a", "f", "{}"), ToolCallPiece(index + 7, "b", "g")]
    assert [each.index for each in passed(*pieces)] == [0, 0, 1, 1]


def test_no_two_calls_have_one_id():
    pieces = [ToolCallPiece(0, "a", "f", "{}"), ToolCallPiece(1, "a", "f", "{}")]
    assert [each.id for each in passed(*pieces) if isinstance(each, ToolCallStart)] == ["a", "made_0"]


def test_a_piece_of_nothing_is_no_call():
    assert passed(ToolCallPiece(0), ToolCallPiece(1, "a", None, "{}")) == []


# In the pipeline.


def answer(*events: Event, **limits: object) -> tuple[list[object], str | None]:
    pipeline = Pipeline(o200k(), native_calls=calls(), **limits)  # type: ignore[arg-type]
    deltas: list[object] = []
    for event in events:
        deltas += pipeline.feed([event])
        if pipeline.finish_reason:
            return deltas, pipeline.finish_reason
    deltas += pipeline.finish()
    together = Pipeline(o200k(), native_calls=calls(), **limits)  # type: ignore[arg-type]
    once = [*together.feed(events), *(() if together.finish_reason else together.finish())]
    assert (once, together.finish_reason) == (deltas, pipeline.finish_reason)
    return deltas, pipeline.finish_reason


CALL = ToolCallPiece(0, "a", "f", "{}")
CALLED = [ToolCallStart(0, "a", "f"), ToolCallArguments(0, "{}")]


def test_a_call_lets_go_what_was_held_before_it():
    events = [TextEvent("Thinking... (1s elapsed)"), CALL]
    assert answer(*events) == ([Text("Thinking... (1s elapsed)"), *CALLED], "tool_calls")


def test_nothing_that_follows_a_call_is_shown():
    events = [
        TextEvent("Well."),
        CALL,
        TextEvent("More."),
        Replace("Other."),
        ToolCallPiece(1, "b", "g", "{}"),
    ]
    calls = [*CALLED, ToolCallStart(1, "b", "g"), ToolCallArguments(1, "{}")]
    assert answer(*events) == ([Text("Well."), *calls], "tool_calls")


def test_an_answer_may_be_nothing_but_a_call():
    assert answer(CALL) == (CALLED, "tool_calls")


def test_a_limit_in_the_text_before_a_call_ends_the_answer():
    assert answer(TextEvent("The END."), CALL, stop=["END"]) == ([Text("The ")], "stop")
    assert answer(TextEvent("The EN"), CALL, stop=["END"]) == (
        [Text("The "), Text("EN"), *CALLED],
        "tool_calls",
    )
    assert answer(TextEvent("one two three four"), CALL, max_tokens=2)[1] == "length"


def test_without_tools_a_bots_calls_are_nothing():
    pipeline = Pipeline(o200k())
    assert pipeline.feed([CALL, TextEvent("a")]) == [Text("a")]


# In the stages behind it.


def test_stop_strings_let_calls_pass_in_order():
    stage = StopStrings(["END"])
    assert stage.feed([Text("a EN"), *CALLED]) == [Text("a "), Text("EN"), *CALLED]
    assert stage.feed([Text("D")]) == [Text("D")]


def test_a_stop_string_before_a_call_ends_the_answer():
    stage = StopStrings(["END", "ENDE"])
    assert stage.feed([Text("a END"), *CALLED]) == [Text("a ")]
    assert stage.finish_reason == "stop"


def test_the_bound_on_tokens_lets_calls_pass_in_order():
    stage = MaxTokens(5, o200k())
    long = ToolCallArguments(0, "word " * 50)
    passed = stage.feed([Text("one two"), CALLED[0], long, Text(" three")])
    assert "".join(item.text for item in passed[:-2] if isinstance(item, Text)) == "one two"
    assert (passed[-2:], stage.finish_reason) == ([CALLED[0], long], None)
    assert stage.finish() == [Text(" three")]


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_calls_are_counted_whatever_the_cut(cut: int):
    arguments = '{"text": "' + "many words " * 1000 + '"}'
    meter = UsageMeter(o200k())
    meter.feed([Reasoning("Hm"), Text("Well."), ToolCallStart(0, "a", "write_file")])
    for start in range(0, len(arguments), cut):
        meter.feed([ToolCallArguments(0, arguments[start : start + cut])])
    meter.feed([Restart(), Text("a")])
    expected = o200k().count("write_file" + arguments) + 1
    assert meter.total(7) == Usage(7, expected, 0)


def test_usages_add_up():
    assert Usage(1, 2, 3) + Usage(10, 20, 30) == Usage(11, 22, 33)
    assert Finish("stop", Usage(1, 2, 3) + Usage(0, 0, 0)).usage == Usage(1, 2, 3)
