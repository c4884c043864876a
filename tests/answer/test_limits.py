from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import Reasoning, Restart, Text
from app.answer.limits import MaxTokens, StopStrings
from app.answer.tokens import UNBROKEN_LIMIT
from app.tokenizer import o200k

from .strategies import WIDTHS, cut, fragments, merged, pieces, run, whole


def stopped(stop: Sequence[str], texts: Sequence[str]) -> tuple[str, str | None]:
    stage = StopStrings(stop)
    deltas = run(stage, [[Text(text)] for text in texts])
    return whole(deltas)[0], stage.finish_reason


def bounded(limit: int, items: Sequence[Any]) -> tuple[list[Any], str | None]:
    stage = MaxTokens(limit, o200k())
    return merged(run(stage, [[item] for item in items])), stage.finish_reason


def first_tokens(text: str, limit: int) -> str:
    """The first tokens of ``text``, without a character of which they have only a part."""
    tokens = o200k().encode(text)[:limit]
    while True:
        try:
            return o200k().decode(tokens)
        except ValueError:
            tokens.pop()


STOPS = {
    "in the middle": (["END"], "one END two", "one "),
    "at once": (["END"], "ENDED", ""),
    "at the very end": (["END"], "one END", "one "),
    "behind its own beginning": (["END"], "one EEND", "one E"),
    "behind a false start": (["aab"], "aaaab", "aa"),
    "the first of two": (["two", "one"], "zero one two", "zero "),
    "the longer that begins first": (["bc", "abcd"], "xabcd", "x"),
    "the shorter if the longer does not come": (["bc", "abcd"], "xabce", "xa"),
    "one inside another": (["b", "abc"], "xabcd", "x"),
    "the same beginning": (["ab", "abc"], "xabc", "x"),
    "a line end": (["\n"], "one\r\ntwo", "one\r"),
    "characters of several bytes": (["。停"], "你好。停。", "你好"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", STOPS)
def test_the_answer_ends_before_the_stop_string(name: str, width: int):
    stop, said, shown = STOPS[name]
    assert stopped(stop, pieces(said, width)) == (shown, "stop")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("stop", "said"), [(["END"], "one EN"), (["bc", "abcd"], "xab"), ([""], "x"), (["x"], "")]
)
def test_what_is_no_stop_string_goes_on(stop: list[str], said: str, width: int):
    assert stopped(stop, pieces(said, width)) == (said, None)


def test_text_that_begins_no_stop_string_leaves_at_once():
    stage = StopStrings(["END"])
    assert stage.feed([Text("one ")]) == [Text("one ")]
    assert stage.feed([Text("two E")]) == [Text("two ")]
    assert stage.feed([Text("x")]) == [Text("Ex")]


def test_nothing_follows_a_stop_string():
    stage = StopStrings(["END"])
    stage.feed([Text("a END b")])
    assert [*stage.feed([Text("c"), Reasoning("d")]), *stage.finish()] == []


def test_a_stop_string_in_the_reasoning_stops_nothing():
    deltas = [Reasoning("the END"), Text("a")]
    assert run(StopStrings(["END"]), [deltas]) == deltas


def test_a_stop_string_does_not_reach_over_a_restart():
    assert run(StopStrings(["END"]), [[Text("EN"), Restart(), Text("D")]]) == [Restart(), Text("D")]


_STOP_TEXT = st.text("abc", max_size=24)


@given(st.lists(st.text("abc", min_size=1, max_size=5), max_size=4), st.data())
def test_stop_strings_are_found_whatever_the_cuts(stop: list[str], data: st.DataObject):
    text = data.draw(_STOP_TEXT)
    found = [text.index(each) for each in stop if each in text]
    expected = (text[: min(found)], "stop") if found else (text, None)
    assert stopped(stop, data.draw(cut(text))) == expected


def test_a_stop_string_holds_no_more_than_its_own_length():
    """Text that is held back is searched again with every piece: as it is bounded, the cost is linear."""
    stage = StopStrings(["a" * 50 + "b", "abc"])
    for _ in range(5000):
        stage.feed([Text("a")])
        assert len(stage._held) <= 50


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("limit", [1, 2, 5, 9, 10, 11, 30])
@pytest.mark.parametrize(
    "said",
    [
        "one two three four five six seven eight nine ten",
        "internationalization of antidisestablishmentarianism",
        "🧑‍🚀👩‍👩‍👧‍👦🏳️‍🌈",
        "敏捷的棕色狐狸，跳过了懒狗。你好世界",
        "a\n\n\nb   c\t\td  ",
        "x" * 64,
    ],
)
def test_the_answer_has_exactly_so_many_tokens(said: str, limit: int, width: int):
    deltas, reason = bounded(limit, [Text(piece) for piece in pieces(said, width)])
    assert whole(deltas)[0] == first_tokens(said, limit)
    assert reason == ("length" if o200k().count(said) > limit else None)


@pytest.mark.parametrize("width", [1, 5, 4000, 10**6])
@pytest.mark.parametrize("limit", [1000, 8192, 9000, 12_000])
def test_long_answers_have_exactly_so_many_tokens(limit: int, width: int):
    said = "The quick brown fox, 1234 times; 敏捷的棕色狐狸。\n" * 600
    deltas, _ = bounded(limit, [Text(piece) for piece in pieces(said, width)])
    assert whole(deltas)[0] == first_tokens(said, limit)


def test_an_answer_of_just_so_many_tokens_is_not_cut():
    said = "one two three"
    assert bounded(3, [Text(said)]) == ([Text(said)], None)
    assert bounded(2, [Text(said)]) == ([Text("one two")], "length")


def test_half_a_character_takes_no_text_with_it_that_was_shown():
    """The token in front of the smile holds the space and three of its four bytes."""
    assert bounded(5, [Text("a b c d"), Text(" "), Text("😀")])[0] == bounded(5, [Text("a b c d 😀")])[0]


def test_reasoning_counts_too():
    items = [Reasoning("one two"), Text("three four")]
    assert bounded(4, items) == (items, None)
    assert bounded(3, items) == ([Reasoning("one two"), Text("three")], "length")
    assert bounded(2, items) == ([Reasoning("one two")], "length")
    assert bounded(1, items) == ([Reasoning("one")], "length")


def test_the_bound_begins_anew_with_a_restart():
    deltas, reason = bounded(3, [Text("one two three"), Restart(), Text("four five six")])
    assert (whole(deltas)[0], reason) == ("four five six", None)


def test_an_answer_ends_as_soon_as_its_bound_is_crossed():
    stage = MaxTokens(2, o200k())
    stage.feed([Text("one two")])
    assert stage.finish_reason is None
    stage.feed([Text(" ")])
    assert stage.finish_reason == "length"


def test_text_far_from_the_bound_leaves_at_once():
    stage = MaxTokens(1000, o200k())
    assert stage.feed([Text("inter")]) == [Text("inter")]
    assert stage.feed([Text("national")]) == [Text("national")]


@given(st.data(), st.integers(1, 40))
def test_bounds_are_exact_whatever_the_cuts(data: st.DataObject, limit: int):
    text = data.draw(fragments(20))
    deltas, reason = bounded(limit, [Text(part) for part in data.draw(cut(text))])
    assert whole(deltas)[0] == first_tokens(text, limit)
    assert reason == ("length" if o200k().count(text) > limit else None)


@given(st.data(), st.integers(1, 30))
def test_cuts_of_text_and_reasoning_change_nothing(data: st.DataObject, limit: int):
    items: list[Any] = []
    recut: list[Any] = []
    for kind in data.draw(st.lists(st.sampled_from([Text, Reasoning]), max_size=5)):
        text = data.draw(fragments(6))
        items.append(kind(text))
        recut += [kind(part) for part in data.draw(cut(text))]
    assert bounded(limit, recut) == bounded(limit, items)


@pytest.mark.parametrize("limit", [100, 5000, 30_000, 10**9])
@pytest.mark.parametrize("said", ["x", "word ", "字", " ", "a\n"])
def test_what_is_held_stays_small_however_long_the_answer(said: str, limit: int):
    """Open text is copied with every piece: as it is bounded, the cost is linear."""
    stage = MaxTokens(limit, o200k())
    for _ in range(20_000):
        stage.feed([Text(said)])
        assert len(stage._open) <= UNBROKEN_LIMIT


@pytest.mark.parametrize("limit", [1500, 4000, 10**6])
def test_unbroken_text_is_cut_at_the_same_place_whatever_the_cuts(limit: int):
    for said in ("ab " + "x" * 50_000 + " cd", "字" * 30_000):
        ends = [bounded(limit, [Text(piece) for piece in pieces(said, width)]) for width in (3, 5000, 10**6)]
        assert ends[0] == ends[1] == ends[2]
