from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.structured import validation

DRAFT7 = "http://json-schema.org/draft-07/schema#"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 0.5]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def schemas(inner: Any) -> Any:
    names = st.sampled_from("abc")
    keywords = {
        "type": st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"]),
        "enum": st.lists(VALUES, max_size=3),
        "const": VALUES,
        "minimum": st.integers(-3, 3),
        "multipleOf": st.integers(1, 2),
        "maxLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$", "[^a]", "(a|b)b"]),
        "maxItems": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "required": st.lists(names, max_size=2, unique=True),
        "properties": st.dictionaries(names, inner, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["a|b", "^c$"]), inner, max_size=2),
        "additionalProperties": inner,
        "propertyNames": inner,
        "items": inner,
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "contains": inner,
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "oneOf": st.lists(inner, min_size=1, max_size=2),
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "dependentSchemas": st.dictionaries(names, inner, max_size=2),
    }
    return st.fixed_dictionaries({}, optional=keywords)


def misfit(schema: Any, value: Any) -> str | None:
    return validation.misfit(schema, value, lambda: None)


@given(st.recursive(st.booleans(), schemas, max_leaves=5), VALUES)
@settings(max_examples=300)
def test_the_judgement_is_jsonschemas(schema: Any, value: Any) -> None:
    assert (misfit(schema, value) is None) == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        ({"type": "integer"}, "1", '$: it must be of type "integer", not string'),
        ({"items": {"type": ["null"]}}, [None, 1], '$[1]: it must be of type ["null"], not number'),
        ({"required": ["a", "b", "c"]}, {"b": 1}, '$: "a", "c" are missing'),
        ({"required": ["a b"]}, {}, '$: "a b" is missing'),
        ({"additionalProperties": False}, {"x": "secret"}, '$: "x" is not allowed there'),
        ({"properties": {"a": {"enum": ["b", 1]}}}, {"a": "secret"}, '$.a: it does not fit "enum": ["b",1]'),
        ({"pattern": "^a"}, "secret", '$: it does not fit "pattern": "^a"'),
        ({"properties": {"a": False}}, {"a": "secret"}, "$.a: nothing is allowed there"),
        ({"uniqueItems": True}, [1, 1.0], '$: it does not fit "uniqueItems": true'),
        ({"const": {"a": [1]}}, {"a": [True]}, '$: it does not fit "const": {"a":[1]}'),
        ({"maxLength": 2}, "secret", '$: it does not fit "maxLength": 2'),
        ({"anyOf": [{"type": "object", "required": ["a"]}, {"type": "null"}]}, {}, '$: "a" is missing'),
        (False, 1, "$: nothing is allowed there"),
    ],
)  # fmt: skip
def test_a_misfit_is_told_with_its_path_and_without_the_value(schema: Any, value: Any, reason: str) -> None:
    assert misfit(schema, value) == reason


def test_nothing_told_is_long() -> None:
    for schema, value in (
        ({"enum": ["x" * 5_000]}, 1),
        ({"required": ["x" * 5_000]}, {}),
        ({"additionalProperties": {"type": "null"}}, {"x" * 5_000: 1}),
        ({"unevaluatedProperties": False}, {f"x{number}": 1 for number in range(500)}),
        ({"items": {"type": "null"}}, ["x" * 5_000] * 500),
    ):
        reason = misfit(schema, value)
        assert reason is not None
        assert len(reason) < 600


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, None, 1),
        ({"$ref": "#a", "$defs": {"x": {"$anchor": "a", "type": "null"}}}, None, 1),
        ({"$id": "https://a.example/b", "$ref": "c", "$defs": {"x": {"$id": "c", "type": "null"}}}, None, 1),
        ({"type": "array", "items": {"$ref": "#"}}, [[], [[]]], [[1]]),
        ({"$ref": "#/components/a", "components": {"a": {"type": "null"}}}, None, 1),
        ({"$schema": DRAFT7, "items": [{"type": "null"}], "additionalItems": False}, [None], [None, 1]),
        ({"$schema": DRAFT7, "definitions": {"a": {"type": "null"}}, "$ref": "#/definitions/a"}, None, 1),
        ({"$schema": DRAFT7, "dependencies": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        ({"properties": {"a": True}, "unevaluatedProperties": False}, {"a": 1}, {"b": 1}),
    ],
)
def test_references_and_older_dialects_work(schema: Any, fits: Any, does_not: Any) -> None:
    assert misfit(schema, fits) is None
    assert misfit(schema, does_not) is not None


def test_format_is_an_annotation() -> None:
    assert misfit({"type": "string", "format": "email"}, "no address") is None


def test_a_value_that_is_nested_too_deeply_does_not_fit() -> None:
    value: Any = []
    for _ in range(200):
        value = [value]
    assert "inside one another" in (misfit(True, value) or "")


class Deadline:
    """Counts turns, and ends the work after ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self.given = 0
        self._limit = limit

    def give(self) -> None:
        self.given += 1
        if self.given > self._limit:
            raise TimeoutError


def doubling(levels: int, keyword: str) -> Any:
    definitions: Any = {
        f"d{level}": {keyword: [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "integer"}}}  # fmt: skip


MEMBERS = list(range(5_000))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (doubling(60, "anyOf"), "a"),
        (doubling(60, "oneOf"), "a"),
        (doubling(60, "allOf"), 1),
        ({"items": {}}, MEMBERS),
        ({"items": True}, MEMBERS),
        ({"contains": False}, MEMBERS),
        ({"uniqueItems": True}, [{"a": each} for each in MEMBERS]),
        ({"items": {"enum": MEMBERS}}, ["a"] * 10),
        ({"const": MEMBERS}, MEMBERS),
        ({"propertyNames": {}}, dict.fromkeys(map(str, MEMBERS))),
        ({"additionalProperties": {}}, dict.fromkeys(map(str, MEMBERS))),
        ({"patternProperties": {"x": {}}}, dict.fromkeys(map(str, MEMBERS))),
        ({"unevaluatedProperties": False}, dict.fromkeys(map(str, MEMBERS))),
        ({"unevaluatedItems": {"not": {}}}, MEMBERS),
        ({"pattern": "^(a|aa)+$"}, "a" * 10_000 + "b"),
    ],
)
def test_a_check_gives_turns_and_can_be_ended(schema: Any, value: Any) -> None:
    deadline = Deadline(3_000)
    with pytest.raises(TimeoutError):
        validation.misfit(schema, value, deadline.give)
    assert deadline.given <= 3_001
