from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import documents
from app.models.documents import DocumentError


def refusal(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as raised:
        documents.read(text)
    return raised.value


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("null", "Null", "NULL", "~", "")),
        *((word, word) for word in ("on", "off", "yes", "no", "On", "y", "N", "nil", "tRue")),
        *(
            (word, word)
            for word in ("007", "-01", "08", "00", "1_000", "0b1", "1:30", "0o8", "0x", "+-1", "1e")
        ),
        *(
            (word, word)
            for word in ("2020-01-01", "2020-01-01T00:00:00Z", "1.2.3", "gpt-4.1", ".", "e1", "٣")
        ),
        *(("0", 0), ("5", 5), ("-5", -5), ("+5", 5), ("0o17", 15), ("0x1F", 31), ("9" * 30, float("9" * 30))),
        *(("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("1.5E-3", 0.0015), ("0.0", 0.0)),
        *((".inf", math.inf), ("-.INF", -math.inf), ("1" * 5000, math.inf)),
        ('"true"', "true"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!int 5", 5),
    ],
)
def test_a_word_is_what_yaml_1_2_says(word: str, value: Any) -> None:
    read = documents.read(f"value: {word}\n")["value"]
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    "key", ["007", "on", "1.5", "null", "~", "true", "2020-01-01", "0x1F", ".nan", "=", "GPT-4o", "a b", "深"]
)
def test_a_key_is_a_string(key: str) -> None:
    assert documents.read(f"{key}: x\n") == {key: "x"}
    assert documents.read(f"{{{key}: x, '{key}2': y}}") == {key: "x", f"{key}2": "y"}


def test_not_a_number_is_one() -> None:
    assert math.isnan(documents.read(".nan"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "\ufeff"])
def test_a_text_without_content_is_none(text: str) -> None:
    assert documents.read(text) is None


def test_merge_keys_and_aliases_are_followed() -> None:
    text = """
base: &base {tools: xml, note: base}
more: &more {note: more, aliases: [a]}
one: {<<: *base, note: own}
two: {<<: [*base, *more]}
three: *more
four: {"<<": 1}
"""
    read = documents.read(text)
    assert read["one"] == {"tools": "xml", "note": "own"}
    assert read["two"] == {"tools": "xml", "note": "base", "aliases": ["a"]}
    assert read["three"] == read["more"]
    assert read["four"] == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a: 1\nb: [\n", "not YAML", 3),
        ("a: 1\n\tb: 2\n", "not YAML", 2),
        ("a: b: c\n", "not YAML", 1),
        ("a: 1\n b: 2\n", "not YAML", 2),
        ("a: 1\nb: \x01\n", "not YAML", 2),
        ("a: 1\nb: 2\na: 3\n", "'a' appears twice", 3),
        ("{a: 1,\n a: 1}", "'a' appears twice", 2),
        ("? [a]\n: 1", "must be a string", 1),
        ("{}: 1", "must be a string", 1),
        ("a: 1\nb: !!python/object/apply:os.system [x]", "tag", 2),
        ("a: !!set {x}", "tag", 1),
        ("a: !!binary eA==", "tag", 1),
        ("a: !mine x", "tag", 1),
        ("a: &a [*a]", "alias", 1),
        ("a: *b", "not YAML|alias", 1),
        ("a: {<<: 5}", "merge", 1),
        ("a: 1\n---\nb: 1", "more than one", 2),
        ("[" * 100 + "]" * 100, "deeply", 1),
        ("x: \n" + "".join("  " * depth + "- \n" for depth in range(1, 100)), "deeply|not YAML", None),
        ("[" * 500_000, "deeply|not YAML", None),
        ("{a: " * 200_000, "deeply|not YAML", None),
        ("- x\n" * 100_001, "more than 100000", None),
        ("a" * (1024 * 1024 + 1), "longer", None),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(text: str, words: str, line: int | None) -> None:
    error = refusal(text)
    assert any(each in error.message for each in words.split("|")), error.message
    assert line is None or error.line == line


def test_aliases_do_not_multiply() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, last in zip("bcdefgh", "abcdefg", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]")
    assert "more than 100000" in refusal("\n".join(lines)).message
    merges = ["a: &a {" + ", ".join(f"k{index}: 1" for index in range(1000)) + "}"]
    merges += [f"m{index}: {{<<: *a}}" for index in range(200)]
    assert "more than 100000" in refusal("\n".join(merges)).message


def test_an_error_quotes_nothing_of_a_value() -> None:
    assert "secret" not in refusal("api_token: secret\nb: [secret\n").message


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("enable", 1),
        ("models", 2),
        ("models.GPT-4.1", 3),
        ("models.GPT-4.1.mapping", 4),
        ("models.GPT-4.1.aliases[1]", 7),
        ("models.GPT-4.1.nothing", 3),
        ("models.GPT-4", 8),
        ("models.GPT-4.tools", 8),
        ("custom_models[1].id", 11),
        ("custom_models[1].owned_by", 11),
        ("nothing", 1),
    ],
)
def test_a_path_has_a_line(path: str, line: int) -> None:
    text = """enable: true
models:
  GPT-4.1:
    mapping: a
    aliases:
      - b
      - c
  GPT-4: {tools: xml}
custom_models:
  - id: x
  - id: y
"""
    assert documents.line_of(text, path) == line


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=10,
)


@given(plain)
def test_json_is_read_as_json_has_it(content: Any) -> None:
    text = json.dumps(content)
    try:
        read = documents.read(text)
    except DocumentError:
        assert not text.isprintable() or "\\ud" in text or '"<<"' in text
    else:
        assert read == content or '"<<"' in text


@given(
    st.text()
    | st.text(alphabet="ab:-[]{}&*!<>|'\"#%@`, \n\t?~0.")
    | st.binary().map(lambda data: data.decode("latin-1"))
)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DocumentError):
        documents.read(text)
    assert documents.line_of(text, "a.b[0]") != 0
