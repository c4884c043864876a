from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.tokens import UNBROKEN_LIMIT, TokenMeter, last_boundary, slices
from app.tokenizer import o200k

from .strategies import cut, fragments, pieces

LONG = [
    pytest.param("The quick brown fox, 1234 times.\n" * 2000, id="prose"),
    pytest.param("敏捷的棕色狐狸跳过了懒狗。你好，世界！" * 2000, id="Chinese"),
    pytest.param("def f(x):\n    return x  # why\n\n" * 2000, id="code"),
    pytest.param(("a" + " " * 3000 + "b") * 9, id="spaces"),
    pytest.param(("x" + "\n\n\t \n" * 1000 + " y") * 9, id="blank lines"),
]


def count(texts: list[str]) -> int:
    meter = TokenMeter(o200k())
    for text in texts:
        meter.add(text)
    return meter.total()


@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("width", [1, 1000, 10**6])
def test_long_text_counts_exactly_however_it_is_cut(text: str, width: int):
    assert count(pieces(text, width)) == o200k().count(text)


def test_unbroken_text_counts_the_same_however_it_is_cut():
    for text in ("x" * 30_000, "a " + "字" * 30_000 + " b", "Zm9v" * 5000 + " " + "YmFy" * 5000):
        assert len({count(pieces(text, width)) for width in (1, 999, 8192, 10**6)}) == 1


@given(st.data())
def test_text_counts_exactly_however_it_is_cut(data: st.DataObject):
    text = data.draw(fragments(30))
    assert count(data.draw(cut(text))) == o200k().count(text)


@given(fragments(30) | st.text())
def test_text_can_be_cut_at_a_boundary(text: str):
    place = last_boundary(text)
    assert o200k().count(text[:place]) + o200k().count(text[place:]) == o200k().count(text)


@given(fragments(30), st.integers(0, 20))
def test_the_last_boundary_is_the_same_wherever_the_search_begins_before_it(text: str, start: int):
    place = last_boundary(text)
    assert last_boundary(text, start) == (place if start <= place else 0)


@pytest.mark.parametrize("text", [*LONG, "", "x", "字" * 20_000])
def test_slices_are_small_and_add_up(text: str):
    found = list(slices(text))
    assert "".join(found) == text
    assert max(map(len, found)) <= UNBROKEN_LIMIT
