"""Checks responses and events against OpenAI's own types, and against the documented order."""

from __future__ import annotations

import json
from typing import Any, get_args

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

EVENTS = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(ResponseStreamEvent)[0])
}
ITEMS = {
    "message": ("content", "response.content_part", "response.output_text"),
    "reasoning": ("summary", "response.reasoning_summary_part", "response.reasoning_summary_text"),
    "function_call": (None, None, "response.function_call_arguments"),
    "custom_tool_call": (None, None, "response.custom_tool_call_input"),
}
LASTS = ("response.completed", "response.incomplete", "response.failed")
# Codes that OpenAI sends, and Codex understands, though the package's type does not list them.
UNLISTED_CODES = ("context_length_exceeded", "insufficient_quota")


def checked(fields: dict[str, Any]) -> Response:
    """A response, which must match its type exactly."""
    return _checked(Response, _with_listed_code(fields))


def checked_event(name: str, fields: dict[str, Any]) -> BaseModel:
    """An event of a stream, the same way; ``error`` has OpenAI's error body, on which its packages raise."""
    assert fields["type"] == name
    rest = dict(fields)
    if name == "error":
        told = rest.pop("error")
        assert {key: told[key] for key in ("code", "message", "param")} == {
            key: rest[key] for key in ("code", "message", "param")
        }
    if "response" in rest:
        rest["response"] = _with_listed_code(rest["response"])
    return _checked(EVENTS[name], rest)


def _with_listed_code(fields: dict[str, Any]) -> dict[str, Any]:
    error = fields["error"]
    if error is None or error["code"] not in UNLISTED_CODES:
        return fields
    return fields | {"error": error | {"code": "server_error"}}


def _checked(kind: type[Any], fields: dict[str, Any]) -> Any:
    found = kind.model_validate(fields, strict=True)
    assert _extras(found) == [], _extras(found)
    return found


def _extras(value: Any, path: str = "") -> list[str]:
    """The paths of all fields missing from the types."""
    if isinstance(value, BaseModel):
        own = [f"{path}.{name}" for name in value.model_extra or ()]
        return own + [
            each for name in type(value).model_fields for each in _extras(getattr(value, name), name)
        ]
    if isinstance(value, list):
        return [each for index, item in enumerate(value) for each in _extras(item, f"{path}[{index}]")]
    return []


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The events of a whole stream, each checked, and their order. Comments are left out."""
    assert body.endswith(b"\n\n")
    events = []
    for block in body.decode()[:-2].split("\n\n"):
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data: {")
        fields = json.loads(data.removeprefix("data: "))
        checked_event(name.removeprefix("event: "), fields)
        events.append(fields)
    _check_order(events)
    return events


def _check_order(events: list[dict[str, Any]]) -> None:
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in LASTS
    assert not {*LASTS} & {*kinds[:-1]}
    assert ("error" in kinds) == (kinds[-1] == "response.failed")
    begun, last = events[0]["response"], events[-1]["response"]
    assert (begun["status"], begun["output"]) == ("in_progress", [])
    assert events[1]["response"] == begun
    assert {name: begun[name] for name in _SAME} == {name: last[name] for name in _SAME}
    items = _items_in([event for event in events[2:-1] if event["type"] != "error"])
    if kinds[-1] == "response.failed":
        assert last["output"][: len(items)] == items
    else:
        assert last["output"] == items
    ids = [item["id"] for item in last["output"]]
    assert len(ids) == len({*ids})


_SAME = ("id", "object", "created_at", "model", "tools", "tool_choice", "instructions", "metadata", "text")


def _items_in(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items in the events, one after another, each in its final state."""
    items: list[dict[str, Any]] = []
    rest = iter(events)
    for added in rest:
        assert (added["type"], added["output_index"]) == ("response.output_item.added", len(items))
        item = _item_in(added["item"], rest, len(items))
        if item is not None:
            items.append(item)
    return items


def _item_in(begun: dict[str, Any], rest: Any, index: int) -> dict[str, Any] | None:
    """One item; the last one of a failed answer may have no end."""
    content, part, text = ITEMS[begun["type"]]
    place = {"output_index": index, "item_id": begun["id"]}
    assert not begun.get(content or "arguments") or content is None
    if part is not None:
        opened = next(rest, None)
        assert opened is not None
        assert opened["type"] == f"{part}.added"
        assert opened["part"]["text"] == ""
    said: list[str] = []
    for event in rest:
        assert place.items() <= event.items()
        if event["type"] == f"{text}.delta":
            said.append(event["delta"])
            continue
        assert event["type"] == f"{text}.done"
        whole = "".join(said)
        (told,) = {event.get(name) for name in ("text", "arguments", "input")} - {None}
        assert told == whole
        if part is not None:
            closed = next(rest)
            assert (closed["type"], closed["part"]["text"]) == (f"{part}.done", whole)
        done = next(rest)
        assert (done["type"], done["output_index"]) == ("response.output_item.done", index)
        item: dict[str, Any] = done["item"]
        assert (item["id"], item["type"]) == (begun["id"], begun["type"])
        assert text_of(item) == whole
        return item
    return None


def text_of(item: dict[str, Any]) -> str:
    """An item's text, arguments or input."""
    content, _, _ = ITEMS[item["type"]]
    if content is None:
        return item.get("arguments", item.get("input", ""))
    return "".join(part["text"] for part in item[content])


def output_text(response: dict[str, Any]) -> str:
    """The text of a response's messages, as OpenAI's packages join it."""
    return "".join(text_of(item) for item in response["output"] if item["type"] == "message")
