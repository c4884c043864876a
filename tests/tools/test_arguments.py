from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tools.arguments import Arguments
from app.tools.entities import Entities, decoded

WIDTHS = (1, 2, 3, 5, 10**6)
PARAMETERS = {"properties": {"n": {"type": "integer"}, "maybe": {"type": ["string", "null"]}}}


def cut(text: str, width: int) -> list[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]


def argue(name: str, pieces: Iterable[str], *, is_verbatim: bool = False) -> object:
    arguments = Arguments(PARAMETERS)
    out = [arguments.begin(name, is_verbatim=is_verbatim), *map(arguments.feed, pieces), arguments.end()]
    return json.loads("".join([*out, arguments.close()]))[name]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", ""),
        ("a", "a"),
        ("\na\n", "a"),
        ("\r\na\r\n", "a"),
        ("\r\na\n", "a"),
        ("\n\n", ""),
        ("\n", "\n"),
        ("\r\n", "\r\n"),
        ("\r", "\r"),
        ("\ra\n", "\ra\n"),
        ("\na", "\na"),
        ("a\n", "a\n"),
        ("\na\nb\n", "\na\nb\n"),
        ("\n\na\n", "\n\na\n"),
        ("\na\n\n", "\na\n\n"),
        ("\na\n ", "\na\n "),
        ("\n a\t\n", " a\t"),
        ("&#10;a&#10;", "a"),
        ("&lt;a&gt;", "<a>"),
        ("&amp;lt;", "&lt;"),
        ("a > b &amp; c", "a > b &amp; c"),
        ("a & b &amp; c", "a & b &amp; c"),
        ("&am", "&am"),
        ("&amp;&am", "&&am"),
        ('"\\\x00\x1f\u2028', '"\\\x00\x1f\u2028'),
    ],
)
def test_a_string_is_spelled_out_whatever_the_cut(written: str, value: str, width: int):
    assert argue("text", cut(written, width)) == value


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("n", "5", 5),
        ("n", "\n5\n", 5),
        ("n", "\nfive\n", "five"),
        ("n", "&#53;", 5),
        ("n", "-", "-"),
        ("n", " ", " "),
        ("maybe", "null", None),
        ("maybe", "nullable", "nullable"),
        ("maybe", "\nabc\n", "abc"),
        ("maybe", "", ""),
    ],
)
def test_other_values_wait_for_their_end(name: str, written: str, value: object, width: int):
    assert argue(name, cut(written, width)) == value


def test_what_is_verbatim_has_no_entities():
    assert argue("text", ["&lt;"], is_verbatim=True) == "&lt;"


def test_several_parameters_are_one_object():
    arguments = Arguments(None)
    out = ""
    for name, value in (("a", "1"), ('"', "2"), ("", "3")):
        out += arguments.begin(name) + arguments.feed(value) + arguments.end()
    assert json.loads(out + arguments.close()) == {"a": "1", '"': "2", "": "3"}
    assert Arguments(None).close() == "{}"


@given(
    st.lists(st.sampled_from(["&amp;", "&", "&l", "t;", "&#6", "0;", "&#x3C;", "<", "a", ";", "&nbsp;", "#"]))
)
def test_entities_are_decided_at_the_first_sign_whatever_the_cut(pieces: list[str]):
    def read(parts: Iterable[str]) -> str:
        entities = Entities()
        return "".join([*map(entities.feed, parts), entities.finish()])

    text = "".join(pieces)
    assert read(pieces) == read([text]) == read(text)
    assert read([text]) in (text, decoded(text))


@pytest.mark.parametrize("text", ["&#0;", "&#xD800;", "&#x110000;", "&#99999999;", "&AMP;", "&#;", "&nbsp;"])
def test_what_names_no_character_is_no_entity(text: str):
    assert decoded(text) == text
