from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import ToolCallArguments, ToolCallStart
from app.dialects.calls import CallsInTurn, Piece


def start(index: int) -> ToolCallStart:
    return ToolCallStart(index, f"call_{index}", "f")


def in_turn(pieces: Sequence[Piece], *, is_cut: bool = False) -> tuple[list[Piece], list[Piece]]:
    """The deltas passed on at once, and those passed on at the end."""
    calls = CallsInTurn()
    return [out for piece in pieces for out in calls.take(piece)], list(calls.end(is_cut=is_cut))


def test_a_call_that_begins_behind_a_whole_one_goes_on_at_once() -> None:
    pieces = [start(0), ToolCallArguments(0, '{"a"'), ToolCallArguments(0, ":1}"), start(1)]
    assert in_turn(pieces) == (pieces, [ToolCallArguments(1, "{}")])
    assert in_turn(pieces, is_cut=True) == (pieces, [])


def test_a_call_waits_for_what_the_open_one_lacks() -> None:
    pieces = [start(0), start(1), ToolCallArguments(0, "{"), ToolCallArguments(1, "{}")]
    assert in_turn([*pieces, ToolCallArguments(0, "}")]) == (
        [pieces[0], pieces[2], ToolCallArguments(0, "}")],
        [pieces[1], pieces[3]],
    )


def test_what_comes_for_a_closed_call_is_dropped() -> None:
    pieces = [start(0), ToolCallArguments(0, "{}"), start(1)]
    assert in_turn([*pieces, ToolCallArguments(0, "x")]) == in_turn(pieces)


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=4), max_size=4), st.randoms(use_true_random=False))
def test_however_calls_interlace_each_is_together(arguments: list[list[str]], chance: Random) -> None:
    pending = [
        [start(index), *(ToolCallArguments(index, each) for each in said)]
        for index, said in enumerate(arguments)
    ]
    pieces: list[Piece] = []
    while any(pending):
        pieces.append(chance.choice([each for each in pending if each]).pop(0))
    at_once, in_the_end = in_turn(pieces)
    out = [*at_once, *in_the_end]
    begun = [piece.index for piece in pieces if isinstance(piece, ToolCallStart)]
    expected: list[Piece] = []
    for index in begun:
        said = [ToolCallArguments(index, each) for each in arguments[index]]
        expected += [start(index), *(said or [ToolCallArguments(index, "{}")])]
    assert out == expected
