"""What clients write into a chat completion as other APIs have it."""

from __future__ import annotations

from typing import Any

import pytest

from app.conversation import AttachmentPart, TextPart, Tool, ToolChoice
from app.dialects import chat_forms
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
