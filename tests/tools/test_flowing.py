from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tools.flowing import Flowing
from tests.answer.strategies import cut, pieces


def flowed(parts: list[str], name: str | None = None) -> tuple[str, Flowing]:
    """The arguments in an object that comes in ``parts``, closed if they are incomplete."""
    flowing = Flowing(name)
    out = ""
    for part in parts:
        flowing.feed(part, 0)
        out += flowing.take()
    return out + flowing.finish(), flowing


def values() -> st.SearchStrategy[Any]:
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
    )
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    )


def written() -> st.SearchStrategy[str]:
    """An object as JSON, in one of the ways in which it is written."""
    return st.builds(
        lambda value, indent, is_ascii: json.dumps(value, indent=indent, ensure_ascii=is_ascii),
        st.dictionaries(st.text(max_size=5), values(), max_size=4),
        st.sampled_from([None, 0, 2]),
        st.booleans(),
    )


@given(st.data())
def test_arguments_come_out_to_the_byte(data: st.DataObject) -> None:
    arguments = data.draw(written())
    key = data.draw(st.sampled_from(["arguments", "parameters", "input"]))
    said = f'{{"id": [1, {{"name": "g"}}], "name": "f", "{key}": {arguments} , "more": {{}}}}'
    out, flowing = flowed(data.draw(cut(said)))
    assert (out, flowing.name, flowing.is_whole, flowing.is_broken) == (arguments, "f", True, False)


@given(st.data())
def test_an_object_may_be_the_arguments_alone(data: st.DataObject) -> None:
    arguments = data.draw(written())
    out, flowing = flowed(data.draw(cut(arguments)), "f")
    assert (out, flowing.is_whole) == (arguments, True)


@given(st.data())
def test_what_ends_or_breaks_anywhere_is_closed(data: st.DataObject) -> None:
    arguments = data.draw(written())
    begun = arguments[: data.draw(st.integers(1, len(arguments)))]
    said = begun + data.draw(st.sampled_from(["", "\n", "#", "]", "}", '"', "\\x", "tru", "\x00"]))
    out, _ = flowed(data.draw(cut(said)), "f")
    assert isinstance(json.loads(out), dict)
    assert flowed(pieces(said, 1), "f")[0] == out


@pytest.mark.parametrize(
    ("said", "has_arguments"),
    [
        ('{"name": "f", "arguments": {', True),
        ('{"name": "f", "arguments": "{', False),
        ('{"name": "f", "arguments": [', False),
        ('{"arguments": {"a": 1}, "name": "f"', False),
        ('{"name": "f", "other": {"arguments": {', False),
        ('{"name": {"name": "f"}, "arguments": {', False),
    ],
)
def test_arguments_flow_once_name_and_brace_have_come(said: str, has_arguments: bool) -> None:
    flowing = Flowing()
    flowing.feed(said, 0)
    assert flowing.has_arguments is has_arguments


def test_where_the_object_ends_is_told() -> None:
    flowing = Flowing("f")
    assert flowing.feed('..{"a": tr', 2) == 10
    assert flowing.feed("..ue} and", 2) == 5


def test_pieces_leave_while_they_come() -> None:
    flowing = Flowing("f")
    out = []
    for part in ('{"content', '": "one', " two\\", 'n", "n": 1', "2", ', "a": tru', "e", "}"):
        flowing.feed(part, 0)
        out.append(flowing.take())
    assert out == ["{", '"content": "one', " two", '\\n"', "", ', "n": 12', "", ', "a": true}']
