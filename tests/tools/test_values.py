from __future__ import annotations

import json
from typing import Any

import pytest

from app.tools.values import STRING, property_names, shape_of

STR, INT, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


def typed(schema: Any, written: str, **root: Any) -> Any:
    """The JSON value of ``written``; itself if it stays a string."""
    fitting = shape_of({"properties": {"x": schema}, **root}, "x").json_of(written)
    return written if fitting is None else json.loads(fitting)


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        (STR, "007", "007"),
        (STR, "true", "true"),
        (STR, "null", "null"),
        (STR, '{"a": 1}', '{"a": 1}'),
        (INT, "5", 5),
        (INT, " -5\n", -5),
        (INT, "5.0", 5.0),
        (INT, "5.5", "5.5"),
        (INT, "007", "007"),
        (INT, "five", "five"),
        (INT, "true", "true"),
        (INT, "", ""),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "-1.5e3", -1500.0),
        ({"type": "number"}, "NaN", "NaN"),
        ({"type": "number"}, "1e999", "1e999"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "boolean"}, "1", "1"),
        (NULL, "null", None),
        (NULL, "none", "none"),
        ({"type": "array"}, "[1, 2]", [1, 2]),
        ({"type": "array"}, "1, 2", "1, 2"),
        ({"type": "array"}, '"[1]"', '"[1]"'),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"type": "object"}, "{'a': 1}", "{'a': 1}"),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": ["string", "integer"]}, "5", 5),
        ({"type": ["string", "integer"]}, "05", "05"),
        ({"type": ["string", "integer"]}, '"5"', '"5"'),
        ({"anyOf": [STR, NULL]}, "null", None),
        ({"anyOf": [STR, NULL]}, "5", "5"),
        ({"oneOf": [INT, {"type": "array"}]}, "[5]", [5]),
        ({"allOf": [INT, {"minimum": 3}]}, "5", 5),
        ({"allOf": [{"type": ["integer", "null"]}, {"type": ["integer", "string"]}]}, "null", "null"),
        ({"type": "integer", "nullable": True}, "null", None),
        ({"enum": ["a", "b"]}, "a", "a"),
        ({"enum": ["1", "2"]}, "1", "1"),
        ({"enum": [1, 2]}, "2", 2),
        ({"enum": [1, 2]}, "3", "3"),
        ({"enum": [1, True, None]}, "true", True),
        ({"enum": [1]}, "true", "true"),
        ({"type": "integer", "enum": [1, 2]}, "3", "3"),
        ({"const": 7}, "7", 7),
        ({"$ref": "#/$defs/N"}, "5", 5),
        ({"$ref": "#/$defs/a~1b%20c"}, "5", 5),
        ({"$ref": "#/$defs/list/anyOf/1"}, "null", None),
        ({"$ref": "#/$defs/none"}, "5", "5"),
        ({"$ref": "https://example.org/schema"}, "5", "5"),
        ({"properties": {}}, '{"a": 1}', {"a": 1}),
        ({"items": STR}, "[]", []),
        ({}, "5", "5"),
        ({"description": "anything"}, "[5]", "[5]"),
        (True, "5", "5"),
        ("nonsense", "5", "5"),
        ({"type": 3, "enum": 4, "anyOf": 5, "$ref": 6}, "5", "5"),
        ({"type": [None, {}]}, "5", "5"),
    ],
)
def test_a_value_becomes_what_the_schema_asks_for(schema: Any, written: str, value: Any):
    definitions = {"N": INT, "a/b c": INT, "list": {"anyOf": [INT, NULL]}}
    found = typed(schema, written, **{"$defs": definitions})
    assert found == value
    assert type(found) is type(value)


def test_json_stays_as_it_was_written():
    shape = shape_of({"properties": {"x": {"type": ["object", "number"]}}}, "x")
    assert shape.json_of(' {"a" : 1.50,\n"b":[ ]} ') == '{"a" : 1.50,\n"b":[ ]}'
    assert shape.json_of("123456789012345678901234567890") == "123456789012345678901234567890"


@pytest.mark.parametrize(
    "parameters",
    [
        {"$ref": "#/$defs/Args", "$defs": {"Args": {"properties": {"x": INT}}}},
        {"allOf": [{"properties": {"y": STR}}, {"properties": {"x": INT}}]},
        {"oneOf": [{"properties": {"x": INT}}]},
        {"additionalProperties": INT},
    ],
)
def test_a_parameter_is_found_wherever_the_schema_names_it(parameters: Any):
    assert shape_of(parameters, "x").json_of("5") == "5"


@pytest.mark.parametrize(
    "parameters", [None, {}, {"properties": None}, {"properties": []}, {"allOf": [None, 3]}]
)
def test_what_no_schema_names_is_a_string(parameters: Any):
    assert shape_of(parameters, "x") == STRING
    assert property_names(parameters) == frozenset()


def test_schemas_that_lead_to_themselves_end():
    loop = {"$ref": "#/properties/x"}
    assert typed(loop, "5") == "5"
    tree = {"anyOf": [INT, {"$ref": "#/properties/x"}]}
    assert typed(tree, "5") == 5
    assert property_names({"allOf": [{"$ref": "#"}], "properties": {"x": tree}}) == {"x"}


def test_schemas_that_grow_without_bound_end():
    twice = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(60)
    }
    shape_of({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": twice}, "x")
    deep: dict[str, Any] = INT
    for _ in range(5000):
        deep = {"anyOf": [deep]}
    shape_of({"properties": {"x": deep}}, "x")


@pytest.mark.parametrize("written", ["[" * 10**6, "[" * 10**5 + "]" * 10**5, "1" * 10**6, '{"a":' * 10**5])
def test_vast_values_stay_as_written(written: str):
    shape = shape_of({"properties": {"x": {"type": ["array", "integer", "object"]}}}, "x")
    assert shape.json_of(written) is None


def test_only_what_can_begin_json_that_fits_is_waited_for():
    assert shape_of({"properties": {"x": STR}}, "x").starts == ""
    assert shape_of({"properties": {"x": {"anyOf": [STR, NULL]}}}, "x").starts == "Nn"
    assert shape_of({"properties": {"x": {"enum": ["a", 1]}}}, "x").starts == "-0123456789"
