"""Validation: whether a value fits a JSON Schema, checked in small steps.

``jsonschema`` decides. But it would check a value in one go, however long that takes. So each keyword
(``keywords``) and each member of a list or an object (``pieces``) is preceded by a turn for others, which may
end the check with ``TimeoutError``. Patterns run in ``regex``, which gives up. ``format`` is an annotation.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from jsonschema.exceptions import ValidationError, best_match

from app.structured.documents import Schema, document
from app.structured.keywords import VALIDATORS, Pace, shortened, shown
from app.structured.pieces import DEPTH_LIMIT, GiveTurn, TooDeep, in_pieces

_ERRORS_LIMIT = 50  # of which the most telling one is shown


def misfit(schema: Schema, value: Any, give_turn: GiveTurn) -> str | None:
    """Where and why ``value`` does not fit the checked ``schema``; ``None`` if it does.

    The reason quotes nothing of the value but names. Raises ``TimeoutError`` if ``give_turn`` does, or if a
    pattern takes too long.
    """
    read = document(schema)
    pace = Pace(give_turn)
    try:
        validator = VALIDATORS[read.dialect](read.contents, format_checker=pace, _resolver=read.resolver())
        error = best_match(islice(validator.iter_errors(in_pieces(value, give_turn)), _ERRORS_LIMIT))
    except TooDeep:
        return f"$: more than {DEPTH_LIMIT} lists and objects are inside one another"
    except RecursionError:
        raise TimeoutError from None
    return f"{shortened(error.json_path)}: {_explained(error)}" if error else None


def _explained(error: ValidationError) -> str:
    """The reason for the bot and the client: what is required, and no more of the value than names."""
    wanted: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case None:
            return "nothing is allowed there"
        case "not" if wanted == {}:
            return "nothing is allowed there"
        case "required":
            missing = [shown(name) for name in wanted if name not in instance]
            return shortened(", ".join(missing)) + (" is missing" if len(missing) == 1 else " are missing")
        case "additionalProperties":
            return str(error.message)
        case "type":
            return f"it must be of type {shown(wanted)}, not {_kind(instance)}"
        case keyword:
            return f'it does not fit "{keyword}": {shown(wanted)}'


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
