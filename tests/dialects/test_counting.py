"""Counting the values in a JSON text without decoding it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialects import counting
from app.dialects.bodies import decode_object
from app.errors import ApiError

_STRINGS = st.text(alphabet=st.sampled_from('ab,[{"\\\n四'))
_VALUES = st.recursive(
    st.integers() | _STRINGS | st.none(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_STRINGS, inner, max_size=5),
    max_leaves=30,
)


def nothing() -> None:
    """Give no turn."""


def marks(value: object) -> int:
    """The commas and opening brackets with which a value is written."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(0, len(value) - 1) + sum(map(marks, inner))
    return 0


@given(value=_VALUES, step=st.integers(2, 50))
def test_strings_do_not_count_wherever_the_text_is_cut(value: object, step: int) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_STEP", step)
        assert not counting.holds_more(body, marks(value), nothing)
        assert counting.holds_more(bytearray(body), marks(value) - 1, nothing)


@given(st.binary())
def test_anything_can_be_counted(body: bytes) -> None:
    counting.holds_more(body, 0, nothing)


@pytest.mark.parametrize("value", ["[]", "{}", "0", '""', '{"a": 1}'])
def test_more_values_than_can_be_decoded_in_one_go_are_refused(value: str) -> None:
    body = f'{{"x": [{", ".join([value] * 250_000)}]}}'.encode()
    with pytest.raises(ApiError, match="400") as refused:
        decode_object(body)
    assert "200000 values" in refused.value.message


def test_a_long_text_with_many_commas_and_brackets_is_no_such_thing() -> None:
    text = 'if (a[i] == "\\"") { f(a, b, c); }\n' * 100_000
    assert decode_object(json.dumps({"x": text}).encode()) == {"x": text}


def test_others_have_their_turn_meanwhile() -> None:
    turns = 0

    def give() -> None:
        nonlocal turns
        turns += 1

    decode_object(b'{"x": "' + b"," * 10_000_000 + b'"}', give)
    assert turns > 50
