"""Schemas: a client's JSON Schema, checked before anything is asked.

It must be one by its metaschema, its references must stay within it and lead somewhere, and its patterns
must be such that they can be used. All of that costs time in proportion to its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field
from referencing.exceptions import Unresolvable

from app.errors import ApiError, invalid_request
from app.fields import convert
from app.structured import patterns
from app.structured.documents import DIALECTS, LATEST, Document, document

_BYTES_LIMIT = 512 * 1024
_SCHEMAS_LIMIT = 10_000
_PATTERNS_LIMIT = 50_000  # characters, all together
_PATH_LIMIT = 300
_NO_SCHEMA = "a schema is an object or a boolean"

_Type = Literal["array", "boolean", "integer", "null", "number", "object", "string"]
_Count = Annotated[float, Meta(ge=0, multiple_of=1)]
_Schemas = Annotated[list[Any], Meta(min_length=1)]

# As it is in a request, before it is checked.
Given = Annotated[Any, Meta(extra_json_schema={"type": ["object", "boolean"]})]


class _Keywords(Struct):
    """The metaschema's types of those keywords' values that are not schemas."""

    type: _Type | Annotated[list[_Type], Meta(min_length=1)] | UnsetType = UNSET
    enum: list[Any] | UnsetType = UNSET
    multiple_of: Annotated[float, Meta(gt=0)] | UnsetType = field(default=UNSET, name="multipleOf")
    maximum: float | UnsetType = UNSET
    exclusive_maximum: float | UnsetType = field(default=UNSET, name="exclusiveMaximum")
    minimum: float | UnsetType = UNSET
    exclusive_minimum: float | UnsetType = field(default=UNSET, name="exclusiveMinimum")
    max_length: _Count | UnsetType = field(default=UNSET, name="maxLength")
    min_length: _Count | UnsetType = field(default=UNSET, name="minLength")
    pattern: str | UnsetType = UNSET
    max_items: _Count | UnsetType = field(default=UNSET, name="maxItems")
    min_items: _Count | UnsetType = field(default=UNSET, name="minItems")
    unique_items: bool | UnsetType = field(default=UNSET, name="uniqueItems")
    max_contains: _Count | UnsetType = field(default=UNSET, name="maxContains")
    min_contains: _Count | UnsetType = field(default=UNSET, name="minContains")
    max_properties: _Count | UnsetType = field(default=UNSET, name="maxProperties")
    min_properties: _Count | UnsetType = field(default=UNSET, name="minProperties")
    required: list[str] | UnsetType = UNSET
    dependent_required: dict[str, list[str]] | UnsetType = field(default=UNSET, name="dependentRequired")
    id: str | UnsetType = field(default=UNSET, name="$id")
    anchor: str | UnsetType = field(default=UNSET, name="$anchor")
    dynamic_anchor: str | UnsetType = field(default=UNSET, name="$dynamicAnchor")
    ref: str | UnsetType = field(default=UNSET, name="$ref")
    dynamic_ref: str | UnsetType = field(default=UNSET, name="$dynamicRef")
    recursive_ref: Literal["#"] | UnsetType = field(default=UNSET, name="$recursiveRef")
    comment: str | UnsetType = field(default=UNSET, name="$comment")
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    format: str | UnsetType = UNSET


# Where schemas stand in a schema. Those "in place" are about the same value.
_ONE = frozenset(
    {"additionalProperties", "contains", "contentSchema", "items", "propertyNames", "unevaluatedItems"}
    | {"unevaluatedProperties"}
)
_ONE_IN_PLACE = frozenset({"else", "if", "not", "then"})
_LISTS = frozenset({"prefixItems"})
_LISTS_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf"})
_MEMBERS = frozenset({"$defs", "definitions", "patternProperties", "properties"})
_MEMBERS_IN_PLACE = frozenset({"dependencies", "dependentSchemas"})
_ANY_LIST = _LISTS | _LISTS_IN_PLACE
_ANY_MEMBERS = _MEMBERS | _MEMBERS_IN_PLACE
_ANY_ONE = _ONE | _ONE_IN_PLACE
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

# Keywords whose schemas jsonschema searches for unevaluated members in one go, for an unbounded time.
_UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_NOT_WITH_UNEVALUATED = frozenset({"$dynamicRef", "$recursiveRef", "dependentSchemas", "patternProperties"})


def check(schema: Given, path: str, give_turn: Callable[[], None]) -> None:
    """Check whether ``schema``, found at ``path`` in a request, can be used.

    Raises ``ApiError`` (400) whose ``param`` is the path of what is wrong.
    """
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise _refused(path, _NO_SCHEMA)
    if len(msgspec.json.encode(schema)) > _BYTES_LIMIT:
        raise _refused(path, f"the schema is larger than {_BYTES_LIMIT // 1024} KiB")
    try:
        read = document(schema)
    except KeyError:
        known = ", ".join(DIALECTS)
        raise _refused(f"{path}.$schema", f"this dialect is unknown; known are {known}") from None
    checked = _Check(read, give_turn)
    checked.check(read.contents, path)
    checked.follow(path)


class _Check:
    """The check of one document."""

    def __init__(self, read: Document, give_turn: Callable[[], None]) -> None:
        self._document = read
        self._give_turn = give_turn
        self._seen: set[int] = set()  # ids of the schemas that have been looked at; all are alive
        self._used: set[str] = set()  # keywords
        self._pattern_length = 0

    def check(self, schema: Any, path: str) -> None:
        """Check a schema and those within it, one by one, without their references."""
        waiting = [(schema, path)]
        while waiting:
            self._give_turn()
            each, place = waiting.pop()
            if isinstance(each, bool):
                continue
            if not isinstance(each, dict):
                raise _refused(place, _NO_SCHEMA)
            if id(each) in self._seen:
                continue
            self._seen.add(id(each))
            if len(self._seen) > _SCHEMAS_LIMIT:
                raise _refused(place, f"there are more than {_SCHEMAS_LIMIT} schemas in it")
            self._check_keywords(each, place)
            waiting += [(inner, at) for inner, at, _ in self._inner(each, place)]

    def follow(self, path: str) -> None:
        """Check that each reference leads to a schema, and none to itself without end."""
        in_place: dict[int, set[int]] = {}
        followed: set[int] = set()
        waiting = [(self._document.contents, path, self._resolver(path))]
        while waiting:
            self._give_turn()
            schema, place, resolver = waiting.pop()
            if isinstance(schema, bool) or id(schema) in followed:
                continue
            followed.add(id(schema))
            same = in_place.setdefault(id(schema), set())
            for keyword in _REFERENCES:
                if keyword in schema:
                    target = self._target(schema[keyword], f"{place}.{keyword}", resolver)
                    same.add(id(target.contents))
                    waiting.append((target.contents, f"{place}.{keyword}", target.resolver))
            for inner, at, is_in_place in self._inner(schema, place):
                if is_in_place:
                    same.add(id(inner))
                waiting.append((inner, at, self._within(inner, resolver)))
        try:
            TopologicalSorter(in_place).prepare()
        except CycleError:
            raise _refused(path, "a reference leads only back to itself") from None

    def _check_keywords(self, schema: Mapping[str, Any], path: str) -> None:
        convert(dict(schema), _Keywords, path[:_PATH_LIMIT])
        if "$schema" in schema:
            raise _refused(f"{path}.$schema", "it is allowed in the outermost schema only")
        self._used |= schema.keys() & (_UNEVALUATED | _NOT_WITH_UNEVALUATED)
        if self._used & _UNEVALUATED and (others := self._used & _NOT_WITH_UNEVALUATED):
            names = " and ".join(sorted(self._used & _UNEVALUATED)), " and ".join(sorted(others))
            raise _refused(path, f"{names[0]} and {names[1]} in one schema are not supported")
        if isinstance(pattern := schema.get("pattern"), str):
            self._check_pattern(pattern, f"{path}.pattern")
        if isinstance(members := schema.get("patternProperties"), dict):
            for pattern in members:
                self._check_pattern(pattern, f"{path}.patternProperties")

    def _check_pattern(self, pattern: str, path: str) -> None:
        self._give_turn()
        self._pattern_length += len(pattern)
        if self._pattern_length > _PATTERNS_LIMIT:
            raise _refused(path, f"all patterns have more than {_PATTERNS_LIMIT} characters")
        try:
            patterns.compiled(pattern)
        except patterns.BadPattern as bad:
            raise _refused(path, f"the pattern cannot be used: {bad}") from None

    def _inner(self, schema: Mapping[str, Any], path: str) -> Iterator[tuple[Any, str, bool]]:
        """The schemas directly in ``schema``, each with its path and whether it is in place."""
        is_legacy = self._document.dialect != LATEST
        for keyword, value in schema.items():
            place = f"{path}.{keyword}"
            if keyword in _ANY_LIST or (is_legacy and keyword == "items" and isinstance(value, list)):
                for index, each in enumerate(_list(value, place, may_be_empty=keyword == "items")):
                    yield each, f"{place}[{index}]", keyword in _LISTS_IN_PLACE
            elif keyword in _ANY_MEMBERS:
                for name, each in _members(value, place).items():
                    if not (keyword == "dependencies" and isinstance(each, list)):
                        yield each, f"{place}.{name}", keyword in _MEMBERS_IN_PLACE
            elif keyword in _ANY_ONE or (is_legacy and keyword == "additionalItems"):
                yield value, place, keyword in _ONE_IN_PLACE

    def _resolver(self, path: str) -> Any:
        try:
            return self._document.resolver()
        except ValueError as bad:
            raise _refused(path, f"an $id is no URI ({bad})") from None

    def _within(self, schema: Any, resolver: Any) -> Any:
        if isinstance(schema, bool) or "$id" not in schema:
            return resolver
        return resolver.in_subresource(self._document.specification.create_resource(schema))

    def _target(self, reference: str, path: str, resolver: Any) -> Any:
        try:
            found = resolver.lookup(reference)
        except (Unresolvable, ValueError, LookupError, TypeError, AttributeError):
            shown = reference[:_PATH_LIMIT]
            raise _refused(
                path, f"{shown!r} is not in this schema, and references out of it are not followed"
            ) from None
        self.check(found.contents, path)
        return found


def _list(value: Any, path: str, *, may_be_empty: bool) -> list[Any]:
    if not isinstance(value, list) or not (value or may_be_empty):
        raise _refused(path, "a non-empty list of schemas is expected")
    return value


def _members(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refused(path, "an object whose members are schemas is expected")
    return value


def _refused(path: str, what: str) -> ApiError:
    path = path if len(path) <= _PATH_LIMIT else path[:_PATH_LIMIT] + "…"
    return invalid_request(f"{path}: {what}.", path)
