"""Values: what a bot wrote for a parameter, as the JSON that the tool's schema asks for.

A string is a string, whatever it looks like. Integers, numbers, booleans, null, arrays, objects,
enums and unions become JSON if what is written is JSON of such a kind, and stay as written if not.
Where the schema names no type, a value stays as written.

Only the value's own type is looked at, not what an array or object holds. Schemas come from clients:
references are followed within the schema only, and no further than ``_STEPS`` and ``_DEPTH``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

import msgspec
from msgspec import Struct

Schema: TypeAlias = Mapping[str, Any]

_STEPS = 1000  # schemas examined for one parameter
_DEPTH = 30  # schemas within one another
_STARTS = {"null": "nN", "boolean": "tTfF", "number": "-0123456789", "array": "[", "object": "{"}
_STARTS["integer"] = _STARTS["number"]
_TYPES = frozenset({*_STARTS, "string"})
_PYTHON = {"True": "true", "False": "false", "None": "null"}
_IMPLIED = {
    "properties": "object",
    "additionalProperties": "object",
    "items": "array",
    "prefixItems": "array",
}


class Shape(Struct, frozen=True):
    """The values allowed: of JSON's ``types``, or one of ``constants``, none of which is a string."""

    types: frozenset[str]
    constants: tuple[Any, ...] = ()

    @property
    def starts(self) -> str:
        """The characters with which fitting JSON can begin; empty if only a string fits."""
        types = {*self.types, *map(_type_of, self.constants)}
        return "".join(sorted({start for each in types for start in _STARTS.get(each, "")}))

    def json_of(self, written: str) -> str | None:
        """``written`` as JSON, unchanged except for white space around it; ``None`` if it does not fit."""
        text = written.strip()
        text = _PYTHON.get(text, text)
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return None
        return text if self._fits(value) else None

    def _fits(self, value: Any) -> bool:
        kind = _type_of(value)
        if kind == "string":
            return False
        is_whole = kind == "integer" or (kind == "number" and value.is_integer())
        if kind in self.types or (is_whole and not self.types.isdisjoint(("integer", "number"))):
            return True
        return any(_type_of(each) == kind and each == value for each in self.constants)


STRING = Shape(frozenset({"string"}))


def shape_of(parameters: Schema | None, name: str) -> Shape:
    """The values allowed for the parameter ``name`` of a tool."""
    schemas = _Schemas(parameters)
    others: Any = None
    for each in schemas.objects():
        own = each.get("properties")
        if isinstance(own, Mapping) and name in own:
            return schemas.shape(own[name]) or STRING
        others = others or each.get("additionalProperties")
    return schemas.shape(others) or STRING


def property_names(parameters: Schema | None) -> frozenset[str]:
    """The parameters in a tool's schema."""
    owned = (each.get("properties") for each in _Schemas(parameters).objects())
    return frozenset(key for own in owned if isinstance(own, Mapping) for key in own if isinstance(key, str))


class _Schemas:
    """One tool's schema, and how much of it may still be examined."""

    def __init__(self, root: Schema | None) -> None:
        self._root = root
        self._steps = _STEPS
        self._followed: list[str] = []  # references that lead to where we are
        self._depth = 0

    def objects(self) -> Iterator[Schema]:
        """The schema, and those within it that describe the same object."""
        pending: list[Any] = [self._root]
        while pending and self._step():
            schema = pending.pop(0)
            if isinstance(schema, Mapping):
                yield schema
                pending += [self._resolve(schema["$ref"])] if "$ref" in schema else []
                pending += [
                    each for keyword in ("allOf", "anyOf", "oneOf") for each in _listed(schema, keyword)
                ]

    def shape(self, schema: Any) -> Shape | None:
        """The values that fit ``schema``; ``None`` if it does not say."""
        if not isinstance(schema, Mapping) or self._depth > _DEPTH or not self._step():
            return None
        self._depth += 1
        shape = self._referred(_shape_here(schema), schema.get("$ref"))
        for each in _listed(schema, "allOf"):
            shape = _both(shape, self.shape(each))
        for keyword in ("anyOf", "oneOf"):
            if branches := _listed(schema, keyword):
                shape = _both(shape, _either([self.shape(each) for each in branches]))
        if shape is not None and schema.get("nullable") is True:
            shape = _either([shape, Shape(frozenset({"null"}))])
        self._depth -= 1
        return shape

    def _referred(self, shape: Shape | None, reference: Any) -> Shape | None:
        """``shape``, narrowed by a reference's target; a reference to itself adds nothing."""
        if not isinstance(reference, str):
            return shape
        if reference in self._followed:
            return shape or Shape(frozenset())
        self._followed.append(reference)
        shape = _both(shape, self.shape(self._resolve(reference)))
        self._followed.pop()
        return shape

    def _step(self) -> bool:
        self._steps -= 1
        return self._steps >= 0

    def _resolve(self, reference: Any) -> Any:
        """The target of a reference into this schema (RFC 6901, in a URI's fragment)."""
        if not isinstance(reference, str) or not re.match(r"#(?:/|\Z)", reference):
            return None
        found: Any = self._root
        for token in unquote(reference).split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key[:9]) < len(found):
                found = found[int(key[:9])]
            else:
                found = found.get(key) if isinstance(found, Mapping) else None
        return found


def _shape_here(schema: Schema) -> Shape | None:
    """The shape according to a schema's own keywords."""
    constants = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(constants, list) and constants:
        is_string = any(isinstance(each, str) for each in constants)
        others = tuple(each for each in constants if not isinstance(each, str))
        return Shape(frozenset({"string"} if is_string else ()), others)
    named = schema.get("type")
    types = _TYPES.intersection(
        each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str)
    )
    types = types or frozenset(kind for keyword, kind in _IMPLIED.items() if keyword in schema)
    return Shape(types) if types else None


def _either(shapes: list[Shape | None]) -> Shape:
    """The values that fit one of ``shapes``. An unknown shape may be a string."""
    known = [each or STRING for each in shapes]
    return Shape(
        frozenset[str]().union(*(each.types for each in known)),
        tuple(constant for each in known for constant in each.constants),
    )


def _both(one: Shape | None, other: Shape | None) -> Shape | None:
    """Roughly the values that fit both: an enum is narrower than a type."""
    if one is None or other is None:
        return one or other
    if one.constants or other.constants:
        return one if one.constants else other
    common = one.types & other.types
    if "integer" in one.types | other.types and "number" in one.types | other.types:
        common |= {"integer"}
    return Shape(common) if common else one


def _listed(schema: Schema, keyword: str) -> list[Any]:
    branches = schema.get(keyword)
    return branches if isinstance(branches, list) else []


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
