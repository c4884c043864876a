from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answer.deltas import (
    Delta,
    Finish,
    Reasoning,
    Restart,
    Text,
    ToolCallArguments,
    ToolCallStart,
    Usage,
)
from app.conversation import Conversation, Message, ResponseFormat, Role, TextPart, Tool, ToolCall, ToolChoice
from app.dialects import chat
from app.dialects.chat_answer import ChatCompletion, ChatStream
from app.errors import ApiError

USER = {"role": "user", "content": "hi"}
END = Finish("tool_calls", Usage(2, 5, 0))


def decode(**fields: Any) -> chat.ChatRequest:
    return chat.decode(json.dumps({"model": "bot", "messages": [USER], **fields}).encode())


def conversation(**fields: Any) -> Conversation:
    return decode(**fields).conversation


def history(*messages: dict[str, Any]) -> Sequence[Message]:
    return conversation(messages=[USER, *messages]).messages[1:]


def refused(**fields: Any) -> str | None:
    with pytest.raises(ApiError) as raised:
        decode(**fields)
    assert raised.value.status == 400
    assert (raised.value.param or "") in raised.value.message
    return raised.value.param


def tool(name: Any = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


# What is offered.


def test_tools_are_read():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    asked = conversation(
        tools=[tool("f", description="Does.", parameters=schema, strict=True), tool("g")],
        parallel_tool_calls=False,
    )
    assert asked.tools == [Tool("f", "Does.", schema), Tool("g")]
    assert (asked.tool_choice, asked.parallel_tool_calls) == (ToolChoice("auto"), False)
    assert asked.parameters == {}


def test_tools_that_are_no_functions_are_left_out():
    others = [{"type": "web_search"}, {"type": "custom", "custom": {"name": "x"}}]
    assert conversation(tools=[*others, tool("f")]).tools == [Tool("f")]
    assert conversation(tools=others).tools == []


def test_a_tool_whose_type_is_null_is_a_function():
    assert conversation(tools=[tool("f") | {"type": None}]).tools == conversation(tools=[tool("f")]).tools
    assert conversation(tools=[tool("f") | {"type": None}]).tools


def test_a_tool_without_a_type_is_a_function():
    assert conversation(tools=[{"function": {"name": "f"}}]).tools == [Tool("f")]


def test_the_same_tool_twice_is_one():
    assert conversation(tools=[tool("f"), tool("g"), tool("f")]).tools == [Tool("f"), Tool("g")]


@pytest.mark.parametrize("name", ["f", "get-weather.v2", "server/tool:1", "工具", "a b", "x" * 256])
def test_a_name_may_be_anything_that_can_be_written(name: str):
    assert conversation(tools=[tool(name)]).tools == [Tool(name)]


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 257, 'a"b', "a'b", "a<b", "a>b", "a\nb", "a\x00", " a", "a ", "a\u2028"]
)
def test_a_name_that_cannot_be_written_is_refused(name: str):
    assert refused(tools=[tool("f"), tool(name)]) == "tools[1].function.name"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ToolChoice("auto")),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "g"}}, ToolChoice("required", "g")),
    ],
)
def test_the_choice_is_read(choice: Any, expected: ToolChoice):
    assert conversation(tools=[tool("f"), tool("g")], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_are_the_only_ones(mode: Any):
    allowed = {"mode": mode, "tools": [tool("g")]}
    asked = conversation(
        tools=[tool("f"), tool("g")], tool_choice={"type": "allowed_tools", "allowed_tools": allowed}
    )
    assert (asked.tools, asked.tool_choice) == ([Tool("g")], ToolChoice(mode))


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_a_choice_without_tools_is_fine(choice: Any):
    assert conversation(tool_choice=choice).tools == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [tool("f"), {"type": {}}]}, "tools[1].type"),
        ({"tools": [tool("f"), {"type": "function", "function": {}}]}, "tools[1].function.name"),
        ({"tools": [tool(5)]}, "tools[0].function.name"),
        ({"tools": [tool("f", description=5)]}, "tools[0].function.description"),
        ({"tools": [tool("f", parameters=[])]}, "tools[0].function.parameters"),
        ({"tools": [tool("f"), tool("f", description="another")]}, "tools[1].function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "required", "tools": []}, "tool_choice"),
        ({"tool_choice": "some", "tools": [tool()]}, "tool_choice"),
        ({"tool_choice": {"type": "tool", "name": 5}, "tools": [tool()]}, "tool_choice.function.name"),
        ({"tools": [{"name": "f", "input_schema": 5}]}, "tools[0].function.parameters"),
        ({"tool_choice": 5, "tools": [tool()]}, "tool_choice"),
        ({"tool_choice": {"type": "x"}, "tools": [tool()]}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}, "tools": [tool()]}, "tool_choice.function"),
        ({"tool_choice": tool("g"), "tools": [tool("f")]}, "tool_choice.function.name"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "x", "tools": []}}},
            "tool_choice.allowed_tools.mode",
        ),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [tool("g")]},
                }
            },
            "tool_choice.allowed_tools.tools[0].function.name",
        ),
        (
            {
                "tools": [tool()],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            },
            "tool_choice",
        ),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"functions": [{}]}, "functions[0].name"),
        ({"functions": [{"name": "<"}]}, "functions[0].name"),
        ({"functions": [{"name": "f"}], "function_call": "required"}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
        ({"functions": [{"name": "f"}], "function_call": {}}, "function_call.name"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.schema",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": "x"}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str):
    assert refused(**fields) == param


def test_functions_are_tools_of_which_one_may_be_called():
    request = decode(functions=[{"name": "f", "parameters": {"type": "object"}}], function_call={"name": "f"})
    asked = request.conversation
    assert asked.tools == [Tool("f", None, {"type": "object"})]
    assert (asked.tool_choice, asked.parallel_tool_calls) == (ToolChoice("required", "f"), False)
    assert request.as_functions
    assert decode(functions=[{"name": "f"}], function_call="none").conversation.tool_choice == ToolChoice(
        "none"
    )


def test_tools_win_over_functions():
    request = decode(functions=[{"name": "f"}], tools=[tool("g")])
    assert ([each.name for each in request.conversation.tools], request.as_functions) == (["g"], False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, ResponseFormat()),
        ({"type": "json_object", "schema": None}, ResponseFormat()),
        (
            {"type": "json_object", "schema": {"a": 1}},
            ResponseFormat({"a": 1}, None, "response_format.schema"),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}, "strict": True}},
            ResponseFormat({"a": 1}, None, "response_format.json_schema.schema"),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": True, "description": "d"}},
            ResponseFormat(True, "d", "response_format.json_schema.schema"),
        ),
    ],
)
def test_the_format_is_read(given: Any, expected: ResponseFormat | None):
    assert conversation(response_format=given).response_format == expected


# What was called.


@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}])
def test_calls_of_the_history_are_read(content: dict[str, Any]):
    given = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    (message,) = history({"role": "assistant", "tool_calls": [given], **content})
    assert (message.text, message.tool_calls) == ("", [ToolCall("c1", "f", '{"a": 1}')])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"id": "c", "function": {"name": "f", "arguments": {"a": [1]}}}, ToolCall("c", "f", '{"a":[1]}')),
        ({"id": "c", "function": {"name": "f", "arguments": None}}, ToolCall("c", "f", "{}")),
        ({"id": "c", "function": {"name": "f"}}, ToolCall("c", "f", "{}")),
        ({"id": None, "function": {"name": "f", "arguments": "{"}}, ToolCall("", "f", "{")),
        (
            {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x < y"}},
            ToolCall("c", "f", "x < y"),
        ),
    ],
)
def test_calls_are_read_in_all_their_forms(given: dict[str, Any], expected: ToolCall):
    assert history({"role": "assistant", "tool_calls": [given]})[0].tool_calls == [expected]


def test_a_function_call_of_the_history_is_read():
    called = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    call, result = history(called, {"role": "function", "name": "f", "content": "done"})
    assert call.tool_calls == [ToolCall("", "f", "{}")]
    assert (result.role, result.name, result.text) == (Role.TOOL, "f", "done")


def test_results_are_read():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    (message,) = history({"role": "tool", "tool_call_id": "c", "content": parts})
    assert (message.tool_call_id, message.parts) == ("c", [TextPart("a"), TextPart("b")])


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "assistant", "tool_calls": [1]}, "messages[1].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"id": 1}]}, "messages[1].tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "messages[1].tool_calls[0].function"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"arguments": ""}}]},
            "messages[1].tool_calls[0].function.name",
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]},
            "messages[1].tool_calls[0].function.arguments",
        ),
        ({"role": "tool", "tool_call_id": 5, "content": "a"}, "messages[1].tool_call_id"),
    ],
)
def test_what_is_wrong_with_a_call_is_named(message: dict[str, Any], param: str):
    assert refused(messages=[USER, message]) == param


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["function", "auto", "f"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "function", "name", "parameters", "arguments", "id", "mode", "tools", "schema"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["tools", "tool_choice", "functions", "function_call", "response_format", "tool_calls"]),
    _VALUES,
)
def test_any_value_is_read_or_a_400(name: str, value: Any):
    fields = (
        {"messages": [USER, {"role": "assistant", name: value}]}
        if name == "tool_calls"
        else {"tools": [tool()], name: value}
    )
    with contextlib.suppress(ApiError):
        decode(**fields)


# Rendering.


def stream(*deltas: Delta, as_functions: bool = False) -> list[dict[str, Any]]:
    renderer = ChatStream("id", 1, "bot", include_usage=False, as_functions=as_functions)
    written = renderer.render(deltas)
    chunks = [json.loads(each.removeprefix(b"data: ")) for each in written.split(b"\n\n")[:-2]]
    return [chunk["choices"][0] for chunk in chunks]


def whole(*deltas: Delta, as_functions: bool = False) -> dict[str, Any]:
    completion = ChatCompletion("id", 1, "bot", as_functions=as_functions)
    completion.add(deltas)
    choice: dict[str, Any] = json.loads(completion.render())["choices"][0]
    return choice


CALLS = [
    ToolCallStart(0, "call_a", "f"),
    ToolCallArguments(0, '{"a": '),
    ToolCallArguments(0, '"\u2028<\\""}'),
    ToolCallStart(1, "call_b", 'odd"name'),
]


def test_a_streamed_call_begins_with_all_and_goes_on_with_arguments():
    choices = stream(*CALLS, END)
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": None},
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": '}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"\u2028<\\""}'}}]},
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "call_b",
                    "type": "function",
                    "function": {"name": 'odd"name', "arguments": ""},
                }
            ]
        },
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None] * 5 + ["tool_calls"]


def test_text_before_a_call_streams_as_content():
    deltas = [choice["delta"] for choice in stream(Text("Well."), *CALLS[:1], END)]
    assert deltas[:2] == [{"role": "assistant", "content": ""}, {"content": "Well."}]


def test_a_whole_answer_has_its_calls():
    assert whole(*CALLS, END) == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a": "\u2028<\\""}'},
                },
                {"id": "call_b", "type": "function", "function": {"name": 'odd"name', "arguments": "{}"}},
            ],
        },
        "logprobs": None,
        "finish_reason": "tool_calls",
    }


def test_a_whole_answer_has_the_text_before_its_calls():
    message = whole(Reasoning("Hm"), Text("Well."), *CALLS, END)["message"]
    assert (message["content"], message["reasoning_content"]) == ("Well.", "Hm")


def test_a_restart_leaves_the_calls():
    message = whole(Text("a"), *CALLS, Restart(), END)["message"]
    assert (message["content"], len(message["tool_calls"])) == (None, 2)


def test_an_answer_without_calls_has_no_list_of_them():
    assert "tool_calls" not in whole(Text("a"), Finish("stop", Usage(0, 0, 0)))["message"]


def test_the_deprecated_form_has_one_call_without_id_and_index():
    choices = stream(*CALLS, ToolCallArguments(1, "{}"), END, as_functions=True)
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": None},
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a": '}},
        {"function_call": {"arguments": '"\u2028<\\""}'}},
        {},
    ]
    assert choices[-1]["finish_reason"] == "function_call"


def test_the_deprecated_form_of_a_whole_answer():
    choice = whole(*CALLS, END, as_functions=True)
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a": "\u2028<\\""}'}
    assert "tool_calls" not in choice["message"]
