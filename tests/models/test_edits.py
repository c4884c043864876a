from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import documents, edits

TEXT = """\
# My bots.
enable: true   # all of this
models:
  # Fast ones.
  007: {mapping: on, aliases: [a, "5"]} # seven
  GPT-4o:
    mapping: 'fast one'
    note: |
      two
      lines
  # Slow ones.
  o3:
    tools: xml  # it has none
    mine: [1, {a: 2}]   # not ours

custom_models:
- id: Private   # of my own
  created: 0x10
- {id: other, owned_by: me}
extra: !!str 5   # who knows
# The end.
"""


def read(text: str) -> Any:
    return documents.read(text)


def lines_lost(before: str, after: str) -> list[str]:
    return [line for line in before.splitlines() if line not in after.splitlines()]


def comments(text: str) -> list[str]:
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


@pytest.fixture
def fields() -> Any:
    return copy.deepcopy(read(TEXT))


def test_what_is_not_edited_stays_to_the_letter(fields: Any) -> None:
    assert edits.edited(TEXT, fields) == TEXT


def test_a_value_changes_on_its_line(fields: Any) -> None:
    fields["models"]["o3"]["tools"] = "native"
    edited = edits.edited(TEXT, fields)
    assert lines_lost(TEXT, edited) == ["    tools: xml  # it has none"]
    assert read(edited) == fields
    assert comments(edited) == comments(TEXT)


def test_what_is_added_stands_behind_the_others(fields: Any) -> None:
    fields["models"]["New: one"] = {
        "mapping": "on",
        "enable": False,
        "parameters": {"a": 1.5, "b": None, "<<": ""},
    }
    fields["models"]["007"]["enable"] = True
    fields["custom_models"].append({"id": "005", "created": 7})
    fields["use_v1_api"] = False
    edited = edits.edited(TEXT, fields)
    assert read(edited) == fields
    assert comments(edited) == comments(TEXT)


def test_what_is_removed_leaves_the_comments_around_it(fields: Any) -> None:
    del fields["models"]["GPT-4o"]
    del fields["custom_models"][0]
    edited = edits.edited(TEXT, fields)
    assert read(edited) == fields
    assert set(comments(TEXT)) - set(comments(edited)) <= {"of my own"}


def test_all_bots_can_be_removed(fields: Any) -> None:
    fields["models"] = {}
    fields["custom_models"] = []
    edited = edits.edited(TEXT, fields)
    assert read(edited) == fields
    assert "# My bots." in edited


def test_a_text_of_comments_keeps_them() -> None:
    edited = edits.edited("# Mine.\n", {"enable": True})
    assert edited.startswith("# Mine.\n")
    assert read(edited) == {"enable": True}


def test_what_an_alias_stands_for_is_changed_in_one_place_only() -> None:
    text = "models:\n  a: &o {tools: xml}  # a\n  b: *o\n  c:\n    <<: *o\n    note: x\n"
    fields = copy.deepcopy(read(text))
    fields["models"]["a"] = {"tools": "off"}
    del fields["models"]["c"]["tools"]
    assert read(edits.edited(text, fields)) == fields
    fields = copy.deepcopy(read(text))
    fields["models"]["d"] = {"note": "y"}
    edited = edits.edited(text, fields)
    assert read(edited) == fields
    assert lines_lost(text, edited) == []


def test_json_becomes_what_was_asked_for() -> None:
    fields = {"enable": True, "models": {"a": {"mapping": "b"}}}
    assert read(edits.edited('{"enable": false, "models": {}}', fields)) == fields


def test_a_text_that_is_no_yaml_is_written_anew() -> None:
    assert edits.edited("a: [", {"enable": True}) == "enable: true\n"


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8) | st.sampled_from(
    [
        "on",
        "true",
        "007",
        "1.5",
        "null",
        "~",
        "",
        "<<",
        "- a",
        "a: b",
        "#",
        "a #b",
        "'",
        '"',
        "\n",
        "a\nb",
        " a ",
        "\t",
        "é",
    ]
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
bots = st.dictionaries(words, st.dictionaries(words, plain, max_size=3), max_size=3)
contents = st.fixed_dictionaries(
    {},
    optional={
        "enable": st.booleans(),
        "models": bots,
        "custom_models": st.lists(plain, max_size=3),
        "extra": plain,
    },
)


@given(contents)
def test_what_is_written_is_what_is_read(fields: dict[str, Any]) -> None:
    assert read(edits.dumped(fields)) == (fields or {})


@given(contents, contents)
def test_whatever_was_there_the_new_content_is_read(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert read(edits.edited(edits.dumped(before), after)) == after
    assert read(edits.edited(TEXT, after)) == after
