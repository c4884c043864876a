"""Bodies: JSON from a client, and errors that name the wrong field."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.dialects import counting
from app.errors import invalid_request
from app.fields import convert_leniently as convert

__all__ = [
    "ANY_TYPE",
    "AS_TEXT",
    "BotName",
    "Flag",
    "Number",
    "Positive",
    "Stops",
    "Whole",
    "check_name",
    "convert",
    "decode_object",
    "stops",
    "with_known_types",
]

_STOP_LIMIT = 64  # OpenAI allows 4; each costs a look at all of the answer

# What requests of all dialects have. ``convert`` takes text for these, too, which the API's description says.
AS_TEXT = Meta(extra_json_schema={"x-as-text": True})
Flag = Annotated[bool, AS_TEXT]
Whole = Annotated[int, AS_TEXT]
Positive = Annotated[Whole, Meta(ge=1)]
# Neither nan nor inf, which text can say, and JSON cannot.
Number = Annotated[float, AS_TEXT, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
# Checked with messages of our own; the schemas are for the API's description.
BotName = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 255, "pattern": r"\S"})]
Stops = Annotated[list[str], Meta(extra_json_schema={"maxItems": _STOP_LIMIT})]

# Of a union that with_known_types makes of objects of any type, for the API's description.
ANY_TYPE = Meta(extra_json_schema={"x-any-type": True})
_BOM = b"\xef\xbb\xbf"  # RFC 8259 lets us ignore it
_VALUES_LIMIT = 200_000  # decoded in a tenth of a second; the longest conversations have a tenth of them
_DEPTH_LIMIT = 128  # far from Python's own limit, which depends on the depth of the stack


def decode_object(body: bytes | bytearray, give_turn: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Decode a JSON object. Raises ``ApiError`` (400) for anything else.

    ``give_turn`` is called between pieces of work.
    """
    if not body:
        raise invalid_request("The request body is empty: send a JSON object.")
    if counting.holds_more(body, _VALUES_LIMIT, give_turn):
        raise invalid_request(f"The request body holds more than {_VALUES_LIMIT} values.")
    too_deep = "The request body is nested too deeply."
    try:
        content = msgspec.json.decode(memoryview(body)[len(_BOM) if body.startswith(_BOM) else 0 :])
    except RecursionError:
        raise invalid_request(too_deep) from None
    except UnicodeDecodeError:
        raise invalid_request("The request body is not UTF-8.") from None
    except msgspec.MsgspecError as error:
        raise invalid_request(f"The request body is not valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise invalid_request("The request body must be a JSON object.")
    give_turn()
    if counting.opened(body, give_turn) > _DEPTH_LIMIT and _is_deeper(content, _DEPTH_LIMIT):
        raise invalid_request(too_deep)
    return content


def _is_deeper(content: dict[str, Any], limit: int) -> bool:
    """Whether more than ``limit`` objects and lists are nested."""
    level: list[dict[str, Any] | list[Any]] = [content]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def check_name(model: str) -> None:
    """Refuse a request without a bot's name: ``ApiError`` (400)."""
    if not model.strip():
        raise invalid_request("model is empty: name a bot.", "model")


def stops(given: Sequence[str], path: str) -> list[str]:
    """The stop strings that are not empty. Raises ``ApiError`` (400) for too many."""
    if len(given) > _STOP_LIMIT:
        raise invalid_request(f"{path}: at most {_STOP_LIMIT} strings are allowed.", path)
    return [each for each in given if each]


def with_known_types(
    values: Any, types: Collection[str], default: Callable[[dict[str, Any]], str], other: str
) -> Any:
    """Each object of the list ``values`` with one of the ``types``: ``other`` in place of those unknown.

    One without a type has that which ``default`` says. What is no list, or no object, stays as it is.
    """
    if not isinstance(values, list):
        return values
    return [_with_type(each, types, default, other) if isinstance(each, dict) else each for each in values]


def _with_type(
    value: dict[str, Any], types: Collection[str], default: Callable[[dict[str, Any]], str], other: str
) -> dict[str, Any]:
    type = value.get("type")
    if type is None:
        return {**value, "type": default(value)}
    return {"type": other} if isinstance(type, str) and type not in types else value
