"""Deviations from the APIs whose meaning is clear: understood alike in every dialect."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.conversation import Message, Role, TextPart
from app.dialects import chat, messages, responses
from app.dialects.form import Request
from app.errors import ApiError

TALK = [{"role": "user", "content": "hi"}]
FORMS = {
    "chat": (chat.decode, {"messages": TALK}, "max_tokens"),
    "messages": (messages.decode, {"messages": TALK}, "max_tokens"),
    "responses": (responses.decode, {"input": TALK}, "max_output_tokens"),
}
ALL = pytest.mark.parametrize("form", FORMS)
Decode = Callable[[bytes], Request]


def decode(form: str, **fields: Any) -> Request:
    read, usual, limit = FORMS[form]
    renamed = {limit if name == "limit" else name: value for name, value in fields.items()}
    return read(json.dumps({"model": "bot", **usual, **renamed}).encode())


def refused(form: str, **fields: Any) -> str | None:
    with pytest.raises(ApiError) as raised:
        decode(form, **fields)
    assert raised.value.status == 400
    return raised.value.param


@ALL
def test_yes_and_no_may_be_text_or_bits(form: str) -> None:
    for yes in ("true", "True", "1", 1):
        assert decode(form, stream=yes).stream
    for no in ("false", "FALSE", "0", 0, "null", None):
        assert not decode(form, stream=no).stream


@ALL
@pytest.mark.parametrize("given", ["1024", "1024.0", 1024.0])
def test_a_whole_number_may_be_text(form: str, given: Any) -> None:
    assert decode(form, limit=given).conversation.max_tokens == 1024


@ALL
@pytest.mark.parametrize(("given", "expected"), [("0.7", 0.7), ("1", 1.0), ("1e-1", 0.1), ("0", 0.0)])
def test_a_number_may_be_text(form: str, given: str, expected: float) -> None:
    assert decode(form, temperature=given).conversation.temperature == expected


@ALL
@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("stream", "yes"), ("stream", ""), ("stream", 2), ("stream", 1.0)),
        *(("limit", "many"), ("limit", ""), ("limit", "0"), ("limit", "1.5"), ("limit", True)),
        *(("limit", "9" * 5000), ("temperature", "9" * 5000), ("temperature", "hot"), ("temperature", "")),
        *(("temperature", "nan"), ("temperature", "inf"), ("temperature", "-inf"), ("temperature", "1e999")),
        *(("temperature", True), ("temperature", "0,7")),
    ],
)
def test_text_that_says_something_else_is_refused(form: str, name: str, given: Any) -> None:
    assert refused(form, **{name: given}) == (FORMS[form][2] if name == "limit" else name)


def test_what_only_the_chat_has_may_be_text() -> None:
    options: Any = {"n": "1", "max_tokens": "-1", "logit_bias": {"5": "-100"}, "parallel_tool_calls": "false"}
    body = {"model": "bot", "messages": TALK, "stream_options": {"include_usage": "true"}, **options}
    asked = chat.decode(json.dumps(body).encode())
    assert asked.include_usage
    assert asked.conversation.max_tokens is None
    assert asked.conversation.logit_bias == {"5": -100.0}
    assert not asked.conversation.parallel_tool_calls


@ALL
def test_text_stays_text(form: str) -> None:
    for said in ("true", "1", "null"):
        talk = [{"role": "user", "content": said}]
        field = "input" if form == "responses" else "messages"
        assert decode(form, **{field: talk}).conversation.messages[0].parts == [TextPart(said)]
    assert decode(form, aspect="1", web="true").conversation.parameters == {"aspect": "1", "web": "true"}


def brought(form: str, content: Any) -> Message:
    """The text made of a tool's result."""
    if form == "responses":
        item = {"type": "function_call_output", "call_id": "c", "output": content}
        return decode(form, input=[item]).conversation.messages[-1]
    if form == "messages":
        block = {"type": "tool_result", "tool_use_id": "c", "content": content}
        return decode(form, messages=[{"role": "user", "content": [block]}]).conversation.messages[-1]
    result = {"role": "tool", "tool_call_id": "c", "content": content}
    return decode(form, messages=[result]).conversation.messages[-1]


@ALL
@pytest.mark.parametrize(
    "content",
    [{}, {"city": "Bergen", "days": [1, 2]}, [{"city": "Bergen"}], [[]], [5, None], 17, 0.5, False, True],
)
def test_a_tools_result_may_be_any_json(form: str, content: Any) -> None:
    result = brought(form, content)
    (part,) = result.parts
    assert isinstance(part, TextPart)
    assert json.loads(part.text) == content
    assert (result.role, result.tool_call_id) == (Role.TOOL, "c")


@ALL
@pytest.mark.parametrize(("content", "texts"), [(None, []), ([], []), ("", [""]), ("{}", ["{}"]),
    ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], ["a", "b"])])  # fmt: skip
def test_a_tools_result_in_its_usual_form_stays_as_it_is(form: str, content: Any, texts: list[str]) -> None:
    assert brought(form, content).parts == [TextPart(each) for each in texts]


@ALL
def test_a_part_of_a_result_that_nobody_knows_is_refused_with_its_path(form: str) -> None:
    with pytest.raises(ApiError) as raised:
        brought(form, [{"type": "hologram"}])
    assert (raised.value.param or "").endswith("[0].type")


@ALL
def test_what_people_say_is_no_result(form: str) -> None:
    field = "input" if form == "responses" else "messages"
    assert refused(form, **{field: [{"role": "user", "content": {"a": 1}}]}) == f"{field}[0].content"
