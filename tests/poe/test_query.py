from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from fastapi_poe.types import QueryRequest
from hypothesis import given
from hypothesis import strategies as st

from app.conversation import Conversation, Message, Role, TextPart, Tool, ToolCall
from app.errors import ApiError
from app.poe import query


def message(role: Role, *texts: str) -> Message:
    return Message(role, [TextPart(text) for text in texts])


def encoded(*messages: Message, **fields: Any) -> dict[str, Any]:
    return msgspec.json.decode(query.encode(Conversation(model="bot", messages=messages, **fields)))


def test_a_query_says_what_poe_needs_and_nothing_that_is_not_set():
    assert encoded(message(Role.USER, "hi")) == {
        "version": "1.2",
        "type": "query",
        "user_id": "",
        "conversation_id": "",
        "message_id": "",
        "query": [{"role": "user", "content": "hi", "content_type": "text/markdown"}],
    }


def test_roles_are_poes():
    messages = encoded(*(message(role, "a") for role in Role))["query"]
    assert [each["role"] for each in messages] == ["system", "user", "bot", "tool"]


def test_texts_of_a_message_are_paragraphs():
    assert encoded(message(Role.USER, "a", "", "b"))["query"][0]["content"] == "a\n\nb"
    assert encoded(message(Role.USER))["query"][0]["content"] == ""


def test_what_is_set_is_sent():
    sent = encoded(message(Role.USER, "a"), temperature=0.0, stop=["END"], logit_bias={"5": -100.0})
    assert (sent["temperature"], sent["stop_sequences"], sent["logit_bias"]) == (0.0, ["END"], {"5": -100.0})


@pytest.mark.parametrize(
    ("roles", "bearer"),
    [
        ([Role.USER], 0),
        ([Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER], 3),
        ([Role.USER, Role.ASSISTANT, Role.TOOL], 0),
        ([Role.SYSTEM, Role.ASSISTANT], 1),
    ],
)
def test_parameters_go_with_the_users_last_message(roles: list[Role], bearer: int):
    parameters = {"thinking_budget": 1024, "web_search": True, "aspect": "1:1"}
    messages = encoded(*(message(role, "a") for role in roles), parameters=parameters)["query"]
    assert [each.get("parameters") for each in messages] == [
        parameters if index == bearer else None for index in range(len(roles))
    ]


def test_poes_own_package_reads_the_query():
    sent = encoded(
        *(message(role, "a") for role in Role),
        temperature=0.5,
        stop=["END"],
        logit_bias={"5": 1.0},
        parameters={"x": 1},
    )
    read = QueryRequest.model_validate(sent | {"access_key": "", "api_key": ""})
    assert [each.role for each in read.query] == ["system", "user", "bot", "tool"]
    assert read.query[1].parameters == {"x": 1}


TOOLS = [Tool("f", "Does.", {"type": "object", "properties": {"a": {}}, "required": ["a"]}), Tool("bare")]
CALL = Message(Role.ASSISTANT, [TextPart("")], [ToolCall("c1", "f", '{"a": 1}')])
RESULT = Message(Role.TOOL, [TextPart("done")], tool_call_id="c1")


def test_tools_are_told_natively_with_all_that_the_protocol_wants():
    sent = encoded(message(Role.USER, "a"), tools=TOOLS)
    first, second = (tool["function"] for tool in sent["tools"])
    assert first == {"name": "f", "description": "Does.", "parameters": TOOLS[0].parameters}
    assert second == {"name": "bare", "description": "", "parameters": {"type": "object", "properties": {}}}
    assert not {"tool_calls", "tool_results"} & set(sent)


def test_the_second_round_stands_beside_the_messages():
    sent = encoded(message(Role.USER, "a"), CALL, RESULT, tools=TOOLS)
    assert [each["role"] for each in sent["query"]] == ["user"]
    assert sent["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    ]
    assert sent["tool_results"] == [{"role": "tool", "tool_call_id": "c1", "name": "f", "content": "done"}]
    read = QueryRequest.model_validate(sent | {"access_key": "", "api_key": ""})
    assert read.tools[1].function.name == "bare"
    assert read.tool_calls[0].function.arguments == '{"a": 1}'
    assert read.tool_results[0].content == "done"


def test_what_was_said_with_a_call_stays_a_message():
    spoken = Message(Role.ASSISTANT, [TextPart("Let me see.")], CALL.tool_calls)
    sent = encoded(message(Role.USER, "a"), spoken, RESULT, tools=TOOLS)
    assert [each["content"] for each in sent["query"]] == ["a", "Let me see."]


def test_the_texts_of_a_query_are_all_that_the_bot_reads():
    conversation = Conversation(model="b", messages=[message(Role.USER, "hi"), CALL, RESULT], tools=TOOLS)
    texts = list(query.texts(conversation))
    assert {"hi", "f", '{"a": 1}', "done"} <= set(texts)
    assert any("Does." in text for text in texts)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_climbs_is_no_bot(name: str):
    with pytest.raises(ApiError) as raised:
        query.path_segment(name)
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize("name", ["", " ", "\n", "x" * 256])
def test_a_name_that_cannot_be_one_is_refused(name: str):
    with pytest.raises(ApiError) as raised:
        query.path_segment(name)
    assert (raised.value.status, raised.value.param) == (400, "model")


@given(st.text(min_size=1, max_size=255).filter(lambda name: name.strip() and name not in (".", "..")))
def test_any_other_name_is_one_segment(name: str):
    segment = query.path_segment(name)
    assert unquote(segment) == name
    assert segment.isascii()
    assert not set(segment) & set("/?#\\ \r\n;&")
    assert segment not in (".", "..")
