"""Keywords: jsonschema's validators, whose keywords are paced.

Each keyword is preceded by a turn for others. Those that jsonschema checks with ``re``, in one go, in
quadratic time, with errors that pile up, or without telling the path, are written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, cast

import msgspec
import regex
from jsonschema import FormatChecker, validators
from jsonschema.exceptions import ValidationError

from app.structured import patterns
from app.structured.documents import DIALECTS
from app.structured.pieces import GiveTurn

_Errors: TypeAlias = Iterable[ValidationError]
_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], _Errors | None]

_UNEVALUATED_LIMIT = 1_000  # members: jsonschema's cost is quadratic there, and in one go
_CONTEXT_LIMIT = 20  # errors, of all alternatives together
_NOTHING: Mapping[str, Any] = {"not": {}}  # which is false
_SHOWN_LIMIT = 200  # characters of a name, a path, a keyword's value


class Pace(FormatChecker):
    """Carries ``give_turn`` and compiled patterns along with a validator.

    It takes the place of the format checker, which a validator passes on and does not need otherwise.
    """

    def __init__(self, give_turn: GiveTurn) -> None:
        super().__init__(formats=())
        self.give_turn = give_turn
        self._patterns: dict[str, regex.Pattern[str]] = {}

    def is_found(self, pattern: str, text: str) -> bool:
        """Whether ``pattern`` matches somewhere in ``text``. Raises ``TimeoutError`` if that takes long."""
        compiled = self._patterns.get(pattern)
        if compiled is None:
            compiled = self._patterns[pattern] = patterns.compiled(pattern)
        return patterns.is_found(compiled, text)


def shown(value: Any) -> str:
    """``value`` as JSON, shortened."""
    return shortened(msgspec.json.encode(value).decode())


def shortened(text: str) -> str:
    """``text``, or its first 200 characters and an ellipsis."""
    return text if len(text) <= _SHOWN_LIMIT else text[:_SHOWN_LIMIT] + "…"


def _pace(validator: Any) -> Pace:
    return cast("Pace", validator.format_checker)


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
            yield ValidationError(f"{shown(name)} is not allowed there")
        else:
            yield from validator.descend(value, subschema, path=name)


def _any_of(
    validator: Any, subschemas: Sequence[Any], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    """Like jsonschema's, but keeps only as many errors as are reported: nested ones would pile up."""
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
    """A hashable key, equal for values that JSON Schema calls equal: for 1 and 1.0, not for 1 and true."""
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
    """``keyword``, which is given no more members than it can check in one go."""

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


# By the URI of the dialect.
VALIDATORS: Mapping[str, Any] = {
    dialect: _extended(validators.validator_for({"$schema": dialect})) for dialect in DIALECTS
}
