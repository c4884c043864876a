from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.structured import extraction

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.sampled_from(["```", "\n```\n", "{}", "]", '{"a": 1}', '"', "\\"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)  # fmt: skip
CONTAINERS = JSON.map(lambda value: value if isinstance(value, (dict, list)) else [value])
# Talk that neither opens a fence nor may be taken for the beginning of JSON, but for small things.
TALK = st.text(st.characters(exclude_characters="`[]{}", exclude_categories=["Cs"])) | st.sampled_from(
    ["{name}", "It is {done", "[see below]", "- [x] done", "`code`", "{{ template }}", "a } b ] c", "100 %"]
)
INDENT = st.sampled_from([None, 0, 2])


def texts(text: str) -> list[str]:
    return [value.text for value in extraction.values(text, lambda: None)]


def steps(text: str) -> int:
    """How many pieces of work searching ``text`` takes."""
    count = 0

    def give_turn() -> None:
        nonlocal count
        count += 1

    for _ in extraction.values(text, give_turn):
        pass
    return count


@given(JSON, INDENT, st.booleans(), st.text(" \t\r\n", max_size=3))
def test_what_is_json_as_a_whole_is_it(value: Any, indent: int | None, is_ascii: bool, space: str) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    (found,) = extraction.values(space + text + space, lambda: None)
    assert found.text == text
    assert json.dumps(found.content) == json.dumps(value)


@given(JSON, INDENT, st.booleans(), TALK, TALK, st.sampled_from(["json", "", "JSON", " jsonc"]))
def test_any_json_in_a_fence_comes_back_to_the_byte(
    value: Any, indent: int | None, is_ascii: bool, before: str, after: str, info: str
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    said = f"{before}\n```{info}\n{text}\n```\n{after}"
    assert texts(said)[0] == text


@given(CONTAINERS, INDENT, st.booleans(), TALK, TALK)
def test_an_object_or_list_in_talk_comes_back_to_the_byte(
    value: Any, indent: int | None, is_ascii: bool, before: str, after: str
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    assert text in texts(f"{before} {text} {after}")


@given(st.text(st.sampled_from('{}[]",:`\\ \nt1ae')))
def test_whatever_is_said_only_json_comes_of_it(said: str) -> None:
    for value in extraction.values(said, lambda: None):
        assert value.text in said
        assert json.loads(value.text) == value.content


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", []),
        ("No.", []),
        ("The answer is 42.", []),
        ('{"a": 1} {"b": 2}', ['{"a": 1}', '{"b": 2}']),
        ('{"a": 1}\n\n{"b": [2]}\n', ['{"a": 1}', '{"b": [2]}']),
        ('Draft: {"a": 1}\n```json\n{"b": 2}\n```', ['{"b": 2}', '{"a": 1}']),
        ('```json\n{"a": 1}\n```\nor\n```json\n{"b": 2}\n```', ['{"a": 1}', '{"b": 2}']),
        ('{"a": 1}\n```\nf = {}\n```', ['{"a": 1}', "{}"]),
        ('As in [1]:\n```\n// a\n{"a": 1}\n```', ["[1]", '{"a": 1}']),
        ('Not {"b": 2}:\n```json\n{"a": 1}```\nIs it?', ['{"a": 1}', '{"b": 2}']),
        ('```json\n{"a": 1}', ['{"a": 1}']),
        ('```json\n{"a": 1}```', ['{"a": 1}']),
        ('```json {"a": 1}```', ['{"a": 1}']),
        ('````\n```\n{"a": 1}\n```\n````', ['{"a": 1}']),
        ('   ```json\n   {"a": 1}\n   ```', ['{"a": 1}']),
        ('{"md": "```js"} is it', ['{"md": "```js"}']),
        ('// a comment\n{"a": 1}', ['{"a": 1}']),
        # Not JSON.
        ("{'a': 1}", []),
        ('{"a": 1,}', []),
        ("[1, 2,]", []),
        ('{"a": NaN}', []),
        ('{"a": 01}', []),
        ('{"a": "\n"}', []),
        ('x "\\ud800" x', []),
        # What breaks off or is broken is skipped with all that stands in it.
        ('{"user": {"name": "x"}, "age":', []),
        ('[{"a": 1}, {"b": 2}', []),
        ('{"code": "print("{}")"}', []),
        ('{"a": {"b": 1}, oops}', []),
        ('{"a": oops} {"b": 1}', ['{"b": 1}']),
        ('[1, 2, and so on] {"b": 1}', ['{"b": 1}']),
        ('{"name": ...} as in {"name": "x"}', ['{"name": "x"}']),
        ('{"a": [}} {"b": 1}', ['{"b": 1}']),
        # What no JSON begins with is talk.
        ('{a {"b": 1}', ['{"b": 1}']),
        ('[see {"b": 1}', ['{"b": 1}']),
        ('As in [1], {"b": 1}', ["[1]", '{"b": 1}']),
    ],
)
def test_the_outermost_values_are_found(said: str, found: list[str]) -> None:
    assert texts(said) == found


def test_nesting_has_a_limit_beside_talk() -> None:
    deep, deeper = ("[" * depth + "]" * depth for depth in (128, 129))
    assert texts(f"x {deep}") == [deep]
    assert texts(f"x {deeper} [1]") == ["[1]"]


def test_a_thousand_values_are_looked_at() -> None:
    assert len(texts("{} " * 1100)) == 1000


@pytest.mark.parametrize(
    "piece",
    [*"{[\"", '{"', '["', "[[1,", '{"a":', '{"a":{}', '["\\', "[}", "[ ", "```\n", "``` ", "{}", "[1", "x{"],
)  # fmt: skip
def test_the_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    short, long = (steps(piece * count) for count in (2_000, 20_000))
    assert long <= 11 * short + 100
