from __future__ import annotations

import pytest

from app.tools.prose import Margin, Prose

WIDTHS = (1, 2, 3, 7, 10**6)


def plain(text: str, width: int) -> str:
    """The parts of ``text`` outside of code."""
    prose, margin, held, out = Prose(), Margin(), "", ""
    for start in range(0, len(text), width):
        held += text[start : start + width]
        position = 0
        while position < len(held):
            place = prose.skip(held, position)
            margin.feed(held[position:place])
            if place == len(held) or (len(held) - place < 4 and start + width < len(text)):
                position = place
                break
            is_sign = held[place] == "<"
            position = prose.enter(held, place, is_line_start=margin.is_line_start)
            margin.feed(held[place:position])
            out += held[place + 1] if is_sign and place + 1 < len(held) else ""
        held = held[position:]
    return out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("<a <b `<c` <d----", "abd"),
        ("``<a`<b`` <c----", "c"),
        ("` <a\n<b----", "b"),
        ("```\n<a\n```\n<b----", "b"),
        ("```\n<a\n``\n<b\n````\n<c----", "c"),
        ("````\n<a\n```\n<b\n  ````  \n<c----", "c"),
        ("```x\n<a\n```x\n<b\n> ```\n<c----", "c"),
        ("``` <a ``` <b\n<c----", "bc"),
        ("x ```py\n<a\n```\n<b----", "b"),
        ("x ```a b\n<a----", "a"),
        ("```a b\n<a\n```\r\n<b----", "b"),
        ("```\n" + " " * 200 + "```\n<a----", ""),
    ],
)
def test_places_in_code_are_passed_over_whatever_the_cut(text: str, signs: str, width: int):
    assert plain(text, width) == signs


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("text", "kept", "held"),
    [
        ("a", "a", ""),
        ("a ", "a ", ""),
        ("a \n\t ", "a ", "\n\t "),
        ("a\r\n", "a", "\r\n"),
        (" \n ", "", " \n "),
        (" a\n b \n", " a\n b ", "\n"),
        ("", "", ""),
    ],
)
def test_line_ends_wait_for_what_follows(text: str, kept: str, held: str, width: int):
    margin = Margin()
    assert "".join(margin.feed(text[start : start + width]) for start in range(0, len(text), width)) == kept
    assert margin.is_line_start == (bool(held) or not text)
    assert margin.finish() == held
