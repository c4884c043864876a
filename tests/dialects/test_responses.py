from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversation import AttachmentPart, Conversation, Message, ResponseFormat, Role, TextPart, ToolCall
from app.dialects import chat_answer, responses
from app.errors import ApiError
from tests.dialects.test_chat import _JSON


def decode(**fields: Any) -> responses.ResponseRequest:
    return responses.decode(json.dumps({"model": "bot", "input": "hi", **fields}).encode())


def conversation(**fields: Any) -> Conversation:
    return decode(**fields).conversation


def messages(*items: dict[str, Any], **fields: Any) -> list[Message]:
    return list(conversation(input=[*items], **fields).messages)


def refusal(**fields: Any) -> ApiError:
    with pytest.raises(ApiError) as raised:
        decode(**fields)
    assert raised.value.status == 400
    return raised.value


def text(role: Role, said: str) -> Message:
    return Message(role, [TextPart(said)], [] if role is Role.ASSISTANT else ())


def test_a_request_is_decoded() -> None:
    request = decode(
        instructions="Be brief.",
        temperature=0.5,
        max_output_tokens=100.0,
        stream=True,
        text={"format": {"type": "json_object"}, "verbosity": "low"},
        reasoning={"effort": "high", "summary": "auto"},
    )
    assert request.stream
    asked = request.conversation
    assert asked.messages == [text(Role.SYSTEM, "Be brief."), text(Role.USER, "hi")]
    assert (asked.model, asked.temperature, asked.max_tokens) == ("bot", 0.5, 100)
    assert asked.response_format == ResponseFormat()
    assert asked.parameters == {"verbosity": "low", "reasoning_effort": "high"}


def test_what_is_null_counts_as_absent() -> None:
    names = {*responses.CreateResponse.__struct_fields__} - {"model", "input"}
    assert decode(**dict.fromkeys(names)) == decode()


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", Role.SYSTEM),
        ("developer", Role.SYSTEM),
        ("user", Role.USER),
        ("assistant", Role.ASSISTANT),
    ],
)
@pytest.mark.parametrize("kind", [{"type": "message"}, {"type": None}, {}])
def test_roles_are_known(role: str, expected: Role, kind: dict[str, Any]) -> None:
    assert messages({"role": role, "content": "a", "id": "msg_1", **kind}) == [text(expected, "a")]


def test_the_texts_of_parts_are_joined() -> None:
    parts = [
        {"type": "input_text", "text": "a"},
        {"type": "output_text", "text": "b", "annotations": []},
        {"type": "text", "text": "c"},
        {"type": "refusal", "refusal": "d"},
    ]
    assert messages({"role": "user", "content": parts})[0].text == "a\n\nb\n\nc\n\nd"


@pytest.mark.parametrize(
    ("part", "attachment"),
    [
        (
            {"type": "input_image", "image_url": "https://a", "detail": "low"},
            ("image", "https://a", None, None),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            ("audio", "AA==", None, "wav"),
        ),
        (
            {"type": "input_file", "file_data": "data:,a", "filename": "a"},
            ("file", "data:,a", "a", None),
        ),
        ({"type": "input_file", "file_url": "https://a"}, ("file", "https://a", None, None)),
    ],
)
def test_attachments_are_understood(
    part: dict[str, Any], attachment: tuple[Any, str, str | None, str | None]
) -> None:
    kind, source, name, form = attachment
    result = {"type": "function_call_output", "call_id": "c", "output": [part]}
    (message, answered) = messages({"role": "user", "content": [part]}, result)
    assert message.parts == [AttachmentPart(kind, source, "input[0].content[0]", name, form)]
    assert answered.parts == [AttachmentPart(kind, source, "input[1].output[0]", name, form)]


def test_calls_belong_to_the_message_before_them() -> None:
    assert messages(
        {"role": "user", "content": "Rain?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "reasoning", "id": "rs_2", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": ""},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "dry"}]},
        {"type": "custom_tool_call", "call_id": "c3", "name": "patch", "input": '*** "x"'},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": "done"},
        {"type": "function_call", "call_id": "c4", "name": "search", "namespace": "mcp__a__"},
        {"type": "function_call_output", "call_id": "c4"},
    ) == [
        text(Role.USER, "Rain?"),
        Message(
            Role.ASSISTANT,
            [TextPart("Let me see.")],
            [ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "f", "{}")],
        ),
        Message(Role.TOOL, [TextPart("sunny")], tool_call_id="c1"),
        Message(Role.TOOL, [TextPart("dry")], tool_call_id="c2"),
        Message(Role.ASSISTANT, (), [ToolCall("c3", "patch", '{"input":"*** \\"x\\""}')]),
        Message(Role.TOOL, [TextPart("done")], tool_call_id="c3"),
        Message(Role.ASSISTANT, (), [ToolCall("c4", "mcp__a__search", "{}")]),
        Message(Role.TOOL, [], tool_call_id="c4"),
    ]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {"type": "item_reference", "id": "rs_1"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "local_shell_call", "call_id": "c", "action": {}},
        {"type": "of next year", "role": "user", "content": 5},
    ],
)
def test_items_that_are_not_known_are_left_out(item: dict[str, Any]) -> None:
    assert messages(item, {"role": "user", "content": "hi"}) == [text(Role.USER, "hi")]
    assert refusal(input=[item]).param == "input"


def test_a_format_is_flat() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "name": "x", "schema": schema, "strict": True, "description": "An x."}
    assert conversation(text={"format": form}).response_format == ResponseFormat(
        schema, "An x.", "text.format.schema"
    )
    assert conversation(text={"format": {"type": "text"}}).response_format is None


@pytest.mark.parametrize("item", [{"id": "msg_1"}, {"type": "item_reference", "id": "msg_1"}])
def test_who_refers_to_an_item_is_told_to_send_it(item: dict[str, Any]) -> None:
    error = refusal(input=[{"role": "user", "content": "hi"}, item])
    assert error.param == "input[1]"
    assert "not stored here" in error.message


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"previous_response_id": "resp_1"}, "whole conversation"),
        ({"previous_response_id": 0}, "whole conversation"),
        ({"prompt": {}}, "instructions and input"),
        ({"conversation": "conv_1"}, "whole"),
        ({"conversation": {"id": "conv_1"}}, "whole"),
        ({"prompt": {"id": "pmpt_1"}}, "instructions"),
        ({"background": True}, "stream"),
    ],
)
def test_what_would_have_to_be_stored_is_refused_with_advice(fields: dict[str, Any], advice: str) -> None:
    error = refusal(**fields)
    assert (error.param, error.code) == (next(iter(fields)), "unsupported_value")
    assert advice in error.message


ITEM = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": " "}, "model"),
        ({"model": None}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [ITEM, {"content": "a"}]}, "input[1].role"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
        ({"input": [{"type": 5, "role": "user"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["a"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"text": "a"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "x"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0]",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input[0].content[0]",
        ),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": 5}]}, "input[0].name"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": ["a"]}]},
            "input[0].output[0]",
        ),
        ({"instructions": ["a"]}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"metadata": {"a": 1}}, "metadata[...]"),
        ({"text": "low"}, "text"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        (
            {"text": {"format": {"type": "json_schema", "schema": {"type": "thing"}}}},
            "text.format.schema.type",
        ),
        ({"tools": {}}, "tools"),
        ({"tools": [5]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "<"}]}, "tools[0].name"),
        ({"tools": [{"type": "custom", "name": "a", "format": {"type": "x"}}]}, "tools[0].format.type"),
        ({"tools": [{"type": "namespace", "name": "a"}]}, "tools[0].tools"),
        (
            {"tools": [{"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "<"}]}]},
            "tools[0].tools[0].name",
        ),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto"}}, "tool_choice.tools"),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "f"}],
                }
            },
            "tool_choice.tools[0].name",
        ),
        ({"extra_body": []}, "extra_body"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    error = refusal(**fields)
    assert error.param == param
    assert param.partition("[")[0] in error.message


@pytest.mark.parametrize("missing", ["model", "input"])
def test_what_is_missing_is_named(missing: str) -> None:
    fields = {"model": "bot", "input": "hi"}
    del fields[missing]
    with pytest.raises(ApiError) as raised:
        responses.decode(json.dumps(fields).encode())
    assert raised.value.param == missing


def test_what_is_not_known_is_the_bots_unless_it_holds_more_than_a_value() -> None:
    fields = {
        "aspect": "1:1",
        "web_search": True,
        "client_metadata": {"id": "1"},
        "of_next_year": {"a": 1},
        "others": [1],
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "truncation": "auto",
        "user": "u",
        "extra_body": {"style": {"a": 1}},
        "thinking": {"budget_tokens": 5},
    }
    assert conversation(**fields).parameters == {
        "aspect": "1:1",
        "web_search": True,
        "style": {"a": 1},
        "thinking_budget": 5,
    }


def test_nothing_that_openai_defines_is_the_bots() -> None:
    """By the package's own list of what may be asked."""
    from openai.types.responses import response_create_params

    asked = response_create_params.ResponseCreateParamsBase.__annotations__
    assert {*asked, "stream"} - responses._NOT_PARAMETERS == {"reasoning"}


def decode_or_refuse(**fields: Any) -> None:
    try:
        decoded = decode(**fields)
    except ApiError as refused:
        error = refused
    else:
        assert decoded.conversation.messages
        return
    assert error.status == 400
    assert json.loads(chat_answer.render_error(error))["error"]["message"] == error.message


@given(
    st.dictionaries(
        st.sampled_from([*sorted(responses._NOT_PARAMETERS - {"model"}), "reasoning", "aspect"]), _JSON
    )
)
def test_any_field_is_read_or_a_400(fields: dict[str, Any]) -> None:
    decode_or_refuse(**fields)


_ITEM = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", 1]), "content": _JSON},
    optional={
        "type": st.sampled_from(["message", "function_call", "function_call_output", "reasoning", "x", None]),
        "call_id": _JSON,
        "name": _JSON,
        "arguments": _JSON,
        "output": _JSON,
    },
)


@given(st.lists(_ITEM | _JSON, min_size=1))
def test_any_items_are_read_or_a_400(items: list[Any]) -> None:
    decode_or_refuse(input=items)
