"""Chat completions in which clients use the forms of other APIs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.conversation import AttachmentPart, Message, Role, TextPart, Tool, ToolCall, ToolChoice
from app.dialects import chat_forms, messages
from tests.dialects.test_chat import conversation, refusal

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
PATH = "messages[0].content[0]"


def parts_of(part: Any) -> Any:
    return conversation(messages=[{"role": "user", "content": [part]}]).messages[0].parts


@pytest.mark.parametrize(
    "part",
    [
        "a",
        {"text": "a"},
        {"type": "input_text", "text": "a"},
        {"type": "output_text", "text": "a", "annotations": []},
        {"type": "document", "source": {"type": "text", "data": "a"}},
    ],
)
def test_text_of_any_form_is_text(part: Any) -> None:
    assert parts_of(part) == [TextPart("a")]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "input_image", "image_url": "https://a"}, AttachmentPart("image", "https://a", PATH)),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            AttachmentPart("image", "AA==", PATH),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a"}},
            AttachmentPart("image", "https://a", PATH),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "AA=="},
            AttachmentPart("file", "AA==", PATH, "a.pdf"),
        ),
        (
            {"type": "document", "title": "a.pdf", "source": {"type": "base64", "data": "AA=="}},
            AttachmentPart("file", "AA==", PATH, "a.pdf"),
        ),
    ],
)
def test_attachments_of_any_form_are_attachments(part: Any, expected: AttachmentPart) -> None:
    assert parts_of(part) == [expected]


@pytest.mark.parametrize("type", ["thinking", "redacted_thinking", "reasoning"])
def test_thoughts_do_not_come_back(type: str) -> None:
    assert parts_of({"type": type, "thinking": "hm"}) == [TextPart("")]


@pytest.mark.parametrize(
    "part",
    [
        *({"type": "image"}, {"type": "image", "source": {}}, {"type": "input_image"}, {"type": "other"}),
        *({"type": "input_text"}, {"type": "input_file", "file_id": "f"}, {"type": {}}, {}, 5, None, []),
    ],
)
def test_what_is_no_part_is_refused_with_its_path(part: Any) -> None:
    error = refusal(messages=[{"role": "user", "content": [part]}])
    assert error.param is not None
    assert error.param.startswith(PATH)


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {"name": "f", "description": "d", "parameters": SCHEMA},
    ],
)
def test_functions_of_any_form_are_tools(tool: dict[str, Any]) -> None:
    assert conversation(tools=[tool]).tools == [Tool("f", "d", SCHEMA)]


def test_tools_that_are_no_functions_are_still_left_out() -> None:
    assert conversation(tools=[{"type": "web_search_20250305", "name": "web_search"}, TOOL]).tools == [
        Tool("f", "d", SCHEMA)
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("any", ToolChoice("required")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "required"}, ToolChoice("required")),
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "tool", "name": "f"}, ToolChoice("required", "f")),
        ({"type": "function", "name": "f"}, ToolChoice("required", "f")),
    ],
)
def test_choices_of_any_form_are_understood(choice: Any, expected: ToolChoice) -> None:
    assert conversation(tools=[TOOL], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize("given", [{"name": "x"}, {}])
def test_a_schema_may_stand_beside_the_type(given: dict[str, Any]) -> None:
    asked = conversation(response_format={"type": "json_schema", "schema": SCHEMA, **given})
    assert asked.response_format is not None
    assert asked.response_format.schema == SCHEMA


def test_minus_one_token_is_no_limit() -> None:
    assert conversation(max_tokens=-1, max_completion_tokens=-1).max_tokens is None
    assert conversation(max_tokens=7, max_completion_tokens=-1).max_tokens == 7
    assert refusal(max_tokens=-2).param == "max_tokens"


def test_the_usual_form_stays_as_it_is() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant"}, 5]
    usual = {"model": "m", "messages": messages, "tools": [TOOL], "tool_choice": TOOL, "stream": True}
    assert chat_forms.usual(usual, lambda: None) == usual


# Calls and their results among the parts, as in Anthropic's API.

USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"city": "Bergen"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "rain"}
TEXT = {"type": "text", "text": "a"}
CALL = ToolCall("t1", "f", '{"city":"Bergen"}')


def history(*given: dict[str, Any]) -> Sequence[Message]:
    return conversation(messages=list(given)).messages


def test_calls_and_results_are_told_as_to_the_messages_api() -> None:
    shown = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    talk = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [TEXT, USE, USE | {"id": "t2", "input": {}}]},
        {
            "role": "user",
            "content": [
                RESULT,
                {"type": "tool_result", "tool_use_id": "t2", "content": [TEXT, shown], "is_error": True},
                TEXT,
                {"type": "tool_result", "tool_use_id": "t3"},
            ],
        },
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [RESULT]},
    ]
    body = json.dumps({"model": "bot", "messages": talk, "max_tokens": 9}).encode()
    expected = messages.decode(body).conversation.messages
    assert [each.role.value for each in history(*talk)] == [each.role.value for each in expected]
    for ours, theirs in zip(history(*talk), expected, strict=True):
        assert [part for part in ours.parts if isinstance(part, TextPart)] == [
            part for part in theirs.parts if isinstance(part, TextPart)
        ]
        assert (list(ours.tool_calls), ours.tool_call_id) == (list(theirs.tool_calls), theirs.tool_call_id)
    (picture,) = (part for part in history(*talk)[3].parts if isinstance(part, AttachmentPart))
    assert (picture.source, picture.param) == ("AA==", "messages[2].content[1].content[1]")


def test_a_call_that_is_told_of_in_both_forms_is_one() -> None:
    """As some programs send it that translate between the two."""
    told = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": CALL.arguments}}
    both = {"role": "assistant", "content": [TEXT, USE, USE | {"id": "t2"}], "tool_calls": [told]}
    assert list(history(both)[0].tool_calls) == [CALL, ToolCall("t2", "f", CALL.arguments)]


@pytest.mark.parametrize("given", [{"city": "Bergen"}, '{"city":"Bergen"}'])
def test_the_input_of_a_call_may_be_text(given: Any) -> None:
    (asked,) = history({"role": "assistant", "content": [USE | {"input": given}]})
    assert list(asked.tool_calls) == [CALL]


def test_a_result_may_stand_in_a_message_of_its_tool() -> None:
    for result in (RESULT, {"type": "tool_result", "content": "rain"}):
        (told,) = history({"role": "tool", "tool_call_id": "t1", "content": [result]})
        assert told == Message(Role.TOOL, [TextPart("rain")], tool_call_id="t1")


@pytest.mark.parametrize(
    ("role", "part", "path"),
    [
        ("assistant", {"type": "tool_use", "id": "t"}, ".name"),
        ("assistant", {"type": "tool_use", "id": "t", "name": "f", "input": [1]}, ".input"),
        ("user", RESULT | {"tool_use_id": 5}, ".tool_use_id"),
        ("user", RESULT | {"content": [{"type": "hologram"}]}, ".content[0].type"),
        ("user", RESULT | {"content": [RESULT]}, ".content[0].type"),
    ],
)
def test_what_is_wrong_in_a_call_or_result_is_named(role: str, part: Any, path: str) -> None:
    assert refusal(messages=[{"role": role, "content": [part]}]).param == f"{PATH}{path}"
