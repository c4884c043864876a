from __future__ import annotations

from typing import Any

import pytest

from app.dialects import schemas
from app.errors import ApiError

DRAFT7 = "http://json-schema.org/draft-07/schema#"
LATEST = "https://json-schema.org/draft/2020-12/schema"


def refused(schema: Any) -> str | None:
    """The path of the fault in a schema."""
    try:
        schemas.check(schema, "s", lambda: None)
    except ApiError as error:
        return f"{error.status} {error.param}".removeprefix("400 s")
    return None


def nested(depth: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        *(True, False, {}, {"unknown": [None]}, {"$schema": LATEST}, {"$schema": DRAFT7}, nested(60)),
        {"type": ["string", "null"], "minLength": 1.0, "maximum": 10**30, "enum": [], "required": []},
        {"const": {"$ref": "http://x"}, "default": {"type": 5}, "examples": [{"type": 5}]},
        {"properties": {"$ref": {"type": "string"}, "type": {"type": "string"}, "$schema": True}},
        {"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": True}},
        {"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}},
        {"$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n", "type": "string"}}},
        {"$schema": DRAFT7, "items": [{"type": "string"}], "dependencies": {"a": ["b"], "c": {}}},
        {"patternProperties": {"^(?!a)": {"pattern": r"^\d+$", "format": "anything"}}},
    ],
)
def test_a_schema_is_a_schema(schema: Any) -> None:
    assert refused(schema) is None


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "text"}, ".type"),
        ({"type": ["string", 1]}, ".type[1]"),
        ({"type": None}, ".type"),
        ({"enum": "a"}, ".enum"),
        ({"minLength": -1}, ".minLength"),
        ({"maxItems": 1.5}, ".maxItems"),
        ({"minimum": "1"}, ".minimum"),
        ({"exclusiveMinimum": True}, ".exclusiveMinimum"),
        ({"multipleOf": 0}, ".multipleOf"),
        ({"uniqueItems": 1}, ".uniqueItems"),
        ({"required": True}, ".required"),
        ({"required": ["a", 1]}, ".required[1]"),
        ({"properties": []}, ".properties"),
        ({"properties": {"a": 5}}, ".properties.a"),
        ({"properties": {"a": {"items": {"type": 1}}}}, ".properties.a.items.type"),
        ({"items": [{}]}, ".items"),
        ({"allOf": []}, ".allOf"),
        ({"allOf": {}}, ".allOf"),
        ({"anyOf": [{}, {"not": "a"}]}, ".anyOf[1].not"),
        ({"$defs": {"unused": {"type": 1}}}, ".$defs.unused.type"),
        ({"$id": 1}, ".$id"),
        ({"$id": "http://["}, ""),
        ({"$schema": "https://example.com/mine"}, ".$schema"),
        ({"$schema": 1}, ".$schema"),
        ({"not": {"$schema": LATEST}}, ".not.$schema"),
        ({"pattern": "("}, ".pattern"),
        ({"pattern": "((a|b){1000}){1000}"}, ".pattern"),
        ({"patternProperties": {"(": True}}, ".patternProperties"),
        ({"$ref": "https://example.com/a"}, ".$ref"),
        ({"$ref": "other.json"}, ".$ref"),
        ({"$ref": LATEST}, ".$ref"),
        ({"$ref": "http://["}, ".$ref"),
        ({"$ref": "#/$defs/a"}, ".$ref"),
        ({"$ref": "#a"}, ".$ref"),
        ({"$ref": "#/type", "type": "string"}, ".$ref"),
        ({"$ref": "#/x/0/1", "x": [[1, {"type": 1}]]}, ".$ref.type"),
        ({"$ref": "#/x/a", "x": {"a": {"type": 1}}}, ".$ref.type"),
        ({"items": {"$dynamicRef": "other.json#x"}}, ".items.$dynamicRef"),
        ({"unevaluatedProperties": False, "allOf": [{"patternProperties": {}}]}, ".allOf[0]"),
    ],
)
def test_what_is_wrong_with_a_schema_is_named(schema: Any, path: str) -> None:
    assert refused(schema) == path


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}},
        {"properties": {"a": {"if": {"not": {"$ref": "#/properties/a"}}}}},
    ],
)
def test_a_reference_that_never_ends_is_refused(schema: Any) -> None:
    assert refused(schema) == ""


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["x" * 600_000]},
        {"anyOf": [{} for _ in range(10_001)]},
        {"anyOf": [{"pattern": f"{number:02}" + "a" * 2_000} for number in range(26)]},
    ],
)
def test_size_has_limits(schema: Any) -> None:
    assert refused(schema) is not None


def test_a_large_schema_is_checked_in_pieces() -> None:
    turns = 0

    def give_turn() -> None:
        nonlocal turns
        turns += 1

    names = [f"property{number}" for number in range(2_000)]
    properties = {name: {"type": "string", "description": name} for name in names}
    schemas.check({"properties": properties, "required": names}, "s", give_turn)
    assert 4_000 <= turns <= 8_100
