from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import Reasoning, Restart, Text
from app.answer.thinking import Thinking

from .strategies import WIDTHS, cut, fragments, merged, pieces, plain, run, whole


def think(parts: Iterable[str]) -> tuple[str, str]:
    return whole(run(Thinking(), [[Text(part)] for part in parts]))


ANSWERS = {
    "as Poe writes it": (
        "*Thinking...*\n\n> **Planning**\n> \n> I should look at …\n> \n\nThe answer.",
        "The answer.",
        "**Planning**\n\nI should look at …",
    ),
    "without asterisks": ("Thinking...\n\n> a\n> b\n\nAnswer", "Answer", "a\nb"),
    "bold": ("**Thinking...**\n\n> a\n\nAnswer", "Answer", "a"),
    "an ellipsis in one character": ("*Thinking…*\n\n> a\n\nAnswer", "Answer", "a"),
    "with the time that went by": ("*Thinking... (12s elapsed)*\n\n> a\n\nAnswer", "Answer", "a"),
    "with the time and no asterisks": ("Thinking... (1m 2s elapsed)\n\n> a\n\nAnswer", "Answer", "a"),
    "bare signs for empty lines": ("*Thinking...*\n\n> a\n>\n> b\n>\n\nAnswer", "Answer", "a\n\nb"),
    "bare signs throughout": ("*Thinking...*\n\n>a\n>\n>b\n\nAnswer", "Answer", "a\n\nb"),
    "quotes in the quote": ("*Thinking...*\n\n> a\n> > b\n> > > c\n\nAnswer", "Answer", "a\n> b\n> > c"),
    "no empty line after the marker": ("*Thinking...*\n> a\n> b\n\nAnswer", "Answer", "a\nb"),
    "no empty line before the answer": ("*Thinking...*\n\n> a\nAnswer", "Answer", "a"),
    "several empty lines": ("\n\n*Thinking...*\n\n\n\n> a\n\n\n\nAnswer", "Answer", "a"),
    "CRLF": ("*Thinking...*\r\n\r\n> a\r\n> b\r\n\r\nAnswer\r\n", "Answer\r\n", "a\r\nb"),
    "an indented quote": ("*Thinking...*\n\n  > a\n  > b\n\nAnswer", "Answer", "a\nb"),
    "indented code in the reasoning": ("*Thinking...*\n\n>     x = 1\n\nAnswer", "Answer", "x = 1"),
    "an answer that begins indented": ("*Thinking...*\n\n> a\n\n    code\n", "    code\n", "a"),
    "an answer with a quote": ("*Thinking...*\n\n> a\n\n> b", "> b", "a"),
    "an empty quote": ("*Thinking...*\n\n> \n\nAnswer", "Answer", ""),
    "reasoning and no answer": ("*Thinking...*\n\n> a\n> b", "", "a\nb"),
    "a marker of its own": ("*Thinking...*\n\nAnswer", "Answer", ""),
    "a marker alone": ("*Thinking...*", "", ""),
    "a second block": (
        "*Thinking...*\n\n> a\n\nFirst.\n\n*Thinking...*\n\n> b\n\nSecond.",
        "First.\n\nSecond.",
        "a\n\nb",
    ),
    "two blocks in a row": ("*Thinking...*\n\n> a\n\n*Thinking...*\n\n> b\n\nAnswer", "Answer", "a\n\nb"),
    "a block behind the answer's beginning": (
        "First.\n\nThinking...\n\n> b\n\nSecond.",
        "First.\n\nSecond.",
        "b",
    ),
    "a tag": ("<think>\na\nb\n</think>\n\nAnswer", "Answer", "a\nb"),
    "a tag on one line": ("<think>a</think>Answer", "Answer", "a"),
    "a long tag": ("<thinking>\na\n</thinking>\n\nAnswer", "Answer", "a"),
    "a tag behind white space": ("\n <think>a</think> Answer", "Answer", "a"),
    "a tag never closed": ("<think>\na\nb", "", "a\nb"),
    "a long tag never closed": ("<thinking>a </think> b", "", "a </think> b"),
    "an empty tag": ("<think>\n\n</think>\n\nAnswer", "Answer", ""),
    "quotes between tags": ("<think>> a\n\n> b</think>Answer", "Answer", "> a\n\n> b"),
    "signs that close nothing between tags": ("<think>a </b> </thin </think>x", "x", "a </b> </thin"),
    "an indented answer behind a tag": ("<think>a</think>\n\n    code", "    code", "a"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ANSWERS)
def test_thinking_is_told_apart_from_the_answer_whatever_the_cut(name: str, width: int):
    said, text, reasoning = ANSWERS[name]
    assert think(pieces(said, width)) == (text, reasoning)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "said",
    [
        "I was Thinking... about it.\n\n> a quote\n\nYes.",
        "Thinking... is hard.",
        "Thinking...",
        "Thinking...\n\nThat was all.",
        "Thinking about it\n\n> quote",
        "Thinking",
        "*Thin",
        "*Thinking..",
        "**Thinking** matters",
        "> a quote first\n\nAnswer",
        "Answer\n*Thinking...*\n\n> not a paragraph of its own",
        "Answer\n\n*Thinking...* and more\n\n> quote",
        "Answer\n\nThinking... (\n> x",
        "Answer\n\n*Thinking...*\n\nno quote",
        "Answer\n\n*Thinking...*",
        "<thin",
        "<thinker>a</thinker>",
        "<think",
        "< think>a",
        "Use <think>tags</think> like that",
        "text\n<think>late</think>",
        "</think>",
        "  \n indented",
        "*",
        "T",
        "",
        " \n ",
        "Answer \t\r\n\r\n \n",
        "```\n<think>\n```",
        "1. *Thinking...*\n\n> q",
    ],
)
def test_what_only_looks_like_thinking_stays_to_the_byte(said: str, width: int):
    assert think(pieces(said, width)) == (said, "")


@given(st.data())
def test_cuts_change_nothing(data: st.DataObject):
    text = data.draw(fragments())
    parts = data.draw(cut(text))
    once = merged(run(Thinking(), [[Text(text)]]))
    assert merged(run(Thinking(), [[Text(part)] for part in parts])) == once
    assert merged(run(Thinking(), [[Text(part) for part in parts]])) == once


CALL = 'Well.\n\n<parameter name="text">\n\n*Thinking...*\n\n> a\n</parameter>'


@pytest.mark.parametrize("width", WIDTHS)
def test_where_calls_may_come_what_stands_in_one_is_no_marker(width: int):
    deltas = run(
        Thinking(may_call=True), [[Text(part)] for part in pieces(f"*Thinking...*\n\n> b\n\n{CALL}", width)]
    )
    assert whole(deltas) == (CALL, "b")


@given(st.data())
def test_cuts_change_nothing_where_calls_may_come(data: st.DataObject):
    text = data.draw(fragments())
    parts = data.draw(cut(text))
    once = merged(run(Thinking(may_call=True), [[Text(text)]]))
    assert merged(run(Thinking(may_call=True), [[Text(part)] for part in parts])) == once
    if "<" not in text:
        assert once == merged(run(Thinking(), [[Text(text)]]))


@given(st.data())
def test_text_without_markers_passes_unchanged(data: st.DataObject):
    text = data.draw(plain())
    assert think(data.draw(cut(text))) == (text, "")


@given(fragments(), fragments())
def test_a_restart_begins_from_nothing(before: str, after: str):
    stage = Thinking()
    deltas = run(stage, [[Text(before)], [Restart(), Text(after)]])
    assert merged(deltas[deltas.index(Restart()) + 1 :]) == merged(run(Thinking(), [[Text(after)]]))


@pytest.mark.parametrize("gap", [" ", "\n", "\t\n"])
@pytest.mark.parametrize(
    "said",
    [
        "{gap}<think>a</think>b",
        "{gap}*Thinking...*\n\n> a\n\nb",
        "*Thinking...*{gap}\n\n> a\n\nb",
        "*Thinking...*\n{gap}\n> a\n\nb",
        "<think>{gap}a</think>b",
        "<think>a{gap}b</think>c",
        "<think>a{gap}</think>b",
        "<think>a</think>{gap}b\n\n*Thinking...*\n> c",
        "a\n\n*Thinking...*{gap}\n> b",
        "*Thinking...*\n\n> a{gap}> b\n\nc",
    ],
)
def test_even_a_vast_gap_changes_nothing_when_cut(said: str, gap: str):
    text = said.replace("{gap}", gap * 1500)
    once = merged(run(Thinking(), [[Text(text)]]))
    for width in (1, 7, 1000):
        assert merged(run(Thinking(), [[Text(part)] for part in pieces(text, width)])) == once


def test_an_answer_leaves_at_once():
    stage = Thinking()
    assert stage.feed([Text("The")]) == [Text("The")]
    assert stage.feed([Text(" answer.\n")]) == [Text(" answer.\n")]
    assert stage.feed([Text("\n")]) == [Text("\n")]
    assert stage.feed([Text("More")]) == [Text("More")]


def test_reasoning_leaves_at_once():
    stage = Thinking()
    stage.feed([Text("*Thinking...*\n\n> Let me")])
    assert stage.feed([Text(" see")]) == [Reasoning(" see")]


HELD = {
    "words": "The answer. ",
    "markers' beginnings": "\n\n*Thinking.. ",
    "markers": "\n\n*Thinking...*\n\nno ",
    "quotes": "\n\n*Thinking...*\n> a\nb",
    "empty lines": "\n",
    "blanks": " ",
    "blank lines": " \n",
}


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("before", ["", "<think>", "<think>a", "*Thinking...*\n\n> ", "*Thinking...*\n", "a"])
def test_what_is_held_stays_small_however_long_the_answer(name: str, before: str):
    """Text that is held back is searched again with every piece: as it is bounded, the cost is linear."""
    stage = Thinking()
    for part in pieces(before + HELD[name] * 3000, 1):
        stage.feed([Text(part)])
        assert len(stage._held) <= 4096
