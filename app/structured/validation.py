"""Validation: whether a value fits a JSON Schema, checked in small steps.

``jsonschema`` decides. But what it does in one go, however long that takes, is done here piece by piece: each
keyword, and each member of a list or an object, is preceded by a turn for others, which may end the check
with ``TimeoutError``. Patterns run in ``regex``, which gives up. ``format`` is an annotation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, cast

import msgspec
import regex
from jsonschema import FormatChecker, validators
from jsonschema.exceptions import ValidationError, best_match

from app.structured import patterns
from app.structured.documents import DIALECTS, Schema, document

GiveTurn: TypeAlias = Callable[[], None]
_Errors: TypeAlias = Iterable[ValidationError]
_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], _Errors | None]

_DEPTH_LIMIT = 128
_UNEVALUATED_LIMIT = 1_000  # members: jsonschema's cost is quadratic there, and in one go
_ERRORS_LIMIT = 50  # of which the most telling one is shown
_CONTEXT_LIMIT = 20  # errors of all alternatives together
_NOTHING: Mapping[str, Any] = {"not": {}}  # which is false
_SHOWN_LIMIT = 200  # characters of a name, a path, a keyword's value


def misfit(schema: Schema, value: Any, give_turn: GiveTurn) -> str | None:
    """Where and why ``value`` does not fit ``schema``, which has been checked; ``None`` if it does.

    Nothing of the value itself is in the reason but names. Raises ``TimeoutError`` if ``give_turn`` does or a
    pattern takes too long.
    """
    read = document(schema)
    pace = _Pace(give_turn)
    try:
        validator = _VALIDATORS[read.dialect](read.contents, format_checker=pace, _resolver=read.resolver())
        error = best_match(islice(validator.iter_errors(_in_pieces(value, give_turn)), _ERRORS_LIMIT))
    except _TooDeep:
        return f"$: more than {_DEPTH_LIMIT} lists and objects stand inside one another"
    except RecursionError:
        raise TimeoutError from None
    return f"{_cut(error.json_path)}: {_explained(error)}" if error else None


class _TooDeep(Exception):
    pass


class _Pace(FormatChecker):
    """Goes along with a validator wherever that goes, as its one object that is not used otherwise."""

    def __init__(self, give_turn: GiveTurn) -> None:
        super().__init__(formats=())
        self.give_turn = give_turn
        self._patterns: dict[str, regex.Pattern[str]] = {}

    def is_found(self, pattern: str, text: str) -> bool:
        compiled = self._patterns.get(pattern)
        if compiled is None:
            compiled = self._patterns[pattern] = patterns.compiled(pattern)
        return patterns.is_found(compiled, text)


# Values, whose members are looked at turn by turn.


class _List(list[Any]):
    def __init__(self, members: Iterable[Any], give_turn: GiveTurn) -> None:
        super().__init__(members)
        self._give_turn = give_turn

    def __iter__(self) -> Iterator[Any]:
        for member in super().__iter__():
            self._give_turn()
            yield member

    def __getitem__(self, index: Any) -> Any:
        self._give_turn()
        return super().__getitem__(index)

    def __repr__(self) -> str:
        return "the list"


class _Object(dict[str, Any]):
    def __init__(self, members: Iterable[tuple[str, Any]], give_turn: GiveTurn) -> None:
        super().__init__(members)
        self._give_turn = give_turn

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self._give_turn()
            yield name

    def __getitem__(self, name: str) -> Any:
        self._give_turn()
        return super().__getitem__(name)

    def items(self) -> Any:
        return ((name, super(_Object, self).__getitem__(name)) for name in self)

    def __repr__(self) -> str:
        return "the object"


def _in_pieces(value: Any, give_turn: GiveTurn, depth: int = 0) -> Any:
    """``value`` with lists and objects that give turns."""
    if depth > _DEPTH_LIMIT:
        raise _TooDeep
    give_turn()
    if isinstance(value, list):
        return _List((_in_pieces(each, give_turn, depth + 1) for each in value), give_turn)
    if isinstance(value, dict):
        members = ((name, _in_pieces(each, give_turn, depth + 1)) for name, each in value.items())
        return _Object(members, give_turn)
    return value


# Keywords that jsonschema checks with re, in one go, in quadratic time, with errors that pile up, or without
# telling the path.


def _pace(validator: Any) -> _Pace:
    return cast("_Pace", validator.format_checker)


def _properties(
    validator: Any, members: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name, subschema in members.items():
        if name in instance:
            within = _NOTHING if subschema is False else subschema
            yield from validator.descend(instance[name], within, path=name, schema_path=name)


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _pace(validator).is_found(pattern, instance):
        yield ValidationError("the pattern is not found")


def _pattern_properties(
    validator: Any, members: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in members.items():
        for name, value in instance.items():
            if _pace(validator).is_found(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, subschema: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, found = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_pace(validator).is_found(pattern, name) for pattern in found):
            continue
        if subschema is False:
            yield ValidationError(f"{_shown(name)} is not allowed there")
        else:
            yield from validator.descend(value, subschema, path=name)


def _any_of(
    validator: Any, subschemas: Sequence[Any], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    """Keeps of all that is wrong as much as is told: errors within errors would pile up."""
    context: list[ValidationError] = []
    for index, subschema in enumerate(subschemas):
        errors = list(islice(validator.descend(instance, subschema, schema_path=index), _CONTEXT_LIMIT))
        if not errors:
            return
        for error in errors:
            error.context, error.args = [], (error.message,)  # where it is kept a second time
        context += errors[: _CONTEXT_LIMIT - len(context)]
    yield ValidationError("it fits none of these", context=context)


def _one_of(
    validator: Any, subschemas: Sequence[Any], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    fitting = 0
    for subschema in subschemas:
        fitting += validator.evolve(schema=subschema).is_valid(instance)
        if fitting > 1:
            yield ValidationError("it fits more than one of these")
            return
    if not fitting:
        yield from _any_of(validator, subschemas, instance, schema)


def _enum(validator: Any, allowed: Sequence[Any], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    key = _key(instance)
    for each in allowed:
        _pace(validator).give_turn()
        if _key(each) == key:
            return
    yield ValidationError("it is none of these")


def _const(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if _key(instance) != _key(wanted):
        yield ValidationError("it is another")


def _unique_items(_validator: Any, is_wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if is_wanted and isinstance(instance, list) and len({_key(each) for each in instance}) < len(instance):
        yield ValidationError("two of its items are equal")


def _key(value: Any) -> Any:
    """What is equal, and hashable, for values that JSON Schema calls equal: 1 and 1.0, not 1 and true."""
    match value:
        case bool():
            return ("boolean", value)
        case list():
            return ("array", *map(_key, value))
        case dict():
            return ("object", frozenset((name, _key(each)) for name, each in value.items()))
        case _:
            return value


def _bounded(keyword: _Keyword) -> _Keyword:
    """A keyword that must not see more members than can be looked at in one go."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> _Errors | None:
        if isinstance(instance, (list, dict)) and len(instance) > _UNEVALUATED_LIMIT:
            raise TimeoutError
        return keyword(validator, value, instance, schema)

    return check


def _paced(keyword: _Keyword) -> _Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> _Errors | None:
        _pace(validator).give_turn()
        return keyword(validator, value, instance, schema)

    return check


_OWN: Mapping[str, _Keyword] = {
    "properties": _properties,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "enum": _enum,
    "const": _const,
    "uniqueItems": _unique_items,
    "format": lambda *_: (),
}


def _extended(base: Any) -> Any:
    keywords: dict[str, _Keyword] = {**base.VALIDATORS, **_OWN}
    for name in ("unevaluatedItems", "unevaluatedProperties"):
        if name in keywords:
            keywords[name] = _bounded(keywords[name])
    extend: Any = validators.extend  # which has no types
    return extend(base, {name: _paced(keyword) for name, keyword in keywords.items()})


_VALIDATORS: Mapping[str, Any] = {
    dialect: _extended(validators.validator_for({"$schema": dialect})) for dialect in DIALECTS
}


# What is said of an error.


def _explained(error: ValidationError) -> str:
    """In words for the bot and the client: what is wanted, and of what is there no more than its names."""
    wanted: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case None:
            return "nothing is allowed there"
        case "not" if wanted == {}:
            return "nothing is allowed there"
        case "required":
            missing = [_shown(name) for name in wanted if name not in instance]
            return _cut(", ".join(missing)) + (" is missing" if len(missing) == 1 else " are missing")
        case "additionalProperties":
            return str(error.message)
        case "type":
            return f"it must be of type {_shown(wanted)}, not {_kind(instance)}"
        case keyword:
            return f'it does not fit "{keyword}": {_shown(wanted)}'


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


def _shown(value: Any) -> str:
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_LIMIT else text[:_SHOWN_LIMIT] + "…"
