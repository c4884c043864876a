from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tools.objects import LONG, Object, ObjectCall, may_call, object_call

NAMES = {"now"}


def read(text: str, width: int, limit: int | None = LONG) -> tuple[Object, int]:
    """The object at the beginning of ``text``, and how much of it was read."""
    found = Object(limit)
    taken = 0
    for start in range(0, len(text), width):
        piece = text[start : start + width]
        reached = found.feed(piece, 0)
        taken += reached
        if reached < len(piece):
            break
    return found, taken


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON), st.integers(1, 9), st.booleans())
def test_an_object_ends_where_its_last_brace_is(value: dict[str, object], width: int, is_ascii: bool):
    text = json.dumps(value, ensure_ascii=is_ascii)
    found, taken = read(text + "}{ <more>", width, limit=None)
    assert (found.is_whole, found.is_broken, found.text, taken) == (True, False, text, len(text))


@pytest.mark.parametrize("width", [1, 100])
@pytest.mark.parametrize("text", ['{"a": <', '{"a": 1}}'[:-2] + "</tool_call>", "{a: 'b'}", "{`"])
def test_what_no_json_has_breaks_it_at_once(text: str, width: int):
    assert read(text, width)[0].is_broken


@pytest.mark.parametrize(
    ("beginning", "may", "may_strictly"),
    [
        ("{", True, True),
        ('{"na', True, True),
        ('{ "name" : "no', True, True),
        ('{"name":"now"', True, True),
        ('{"name":"other"', False, False),
        ('{"name": 5', True, True),
        ('{"arguments":', True, True),
        ('{"id": 5', True, False),
    ],
)
def test_a_beginning_may_show_what_is_no_call(beginning: str, may: bool, may_strictly: bool):
    assert may_call(beginning, NAMES, is_strict=False) is may
    assert may_call(beginning, NAMES, is_strict=True) is may_strictly


@pytest.mark.parametrize(
    ("text", "arguments", "strictly"),
    [
        ('{"name":"now","arguments":{"a" : 1.0} }', '{"a" : 1.0}', True),
        ('{"parameters":{},"name":"now"}', "{}", True),
        ('{"name":"now","input":"{\\"a\\":\\"\\u00e9\\"}"}', '{"a":"é"}', True),
        ('{"name":"now","arguments":" "}', "{}", True),
        ('{"name":"now","arguments":null}', "{}", True),
        ('{"name":"now"}', "{}", False),
        ('{"name":"now","arguments":{},"id":1}', "{}", False),
        ('{"name":"now","city":"Paris"}', None, False),
        ('{"name":"now","arguments":[]}', None, False),
        ('{"name":"now","arguments":"x"}', None, False),
        ('{"name":"other","arguments":{}}', None, False),
        ('{"name":["now"],"arguments":{}}', None, False),
        ('{"name":"now","arguments":{"a":' + "[" * 10**5 + "]" * 10**5 + "}}", None, False),
        ('{"name":"now",}', None, False),
        ("{}", None, False),
    ],
)
def test_an_object_is_a_call_or_not(text: str, arguments: str | None, strictly: bool):
    call = None if arguments is None else ObjectCall("now", arguments)
    assert object_call(text, NAMES, is_strict=False) == call
    assert object_call(text, NAMES, is_strict=True) == (call if strictly else None)
