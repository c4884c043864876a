from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.conversation import Conversation, Message, Role, TextPart, Tool, ToolCall, ToolChoice
from app.tools import prompt, ways

WEATHER = Tool(
    "get_weather",
    "Tells the weather.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["celsius", "kelvin"]},
        },
        "required": ["city", "unit"],
    },
)
BARE = Tool("now")
USER = Message(Role.USER, [TextPart("hi")])
SYSTEM = Message(Role.SYSTEM, [TextPart("Be brief.")])
CALL = Message(Role.ASSISTANT, [], [ToolCall("c", "now", "{}")])
RESULT = Message(Role.TOOL, [TextPart("noon")], tool_call_id="c")


def asked(*messages: Message, **fields: Any) -> Conversation:
    fields = {"tools": [BARE, WEATHER]} | fields
    return Conversation(model="bot", messages=messages or [USER], **fields)


def prepared(*messages: Message, way: ways.Way = "xml", **fields: Any) -> Conversation:
    return ways.prepare(asked(*messages, **fields), way)


def told(**fields: Any) -> str:
    return prepared(**fields).messages[0].text


def test_the_tools_are_told_with_an_example_that_uses_one_of_them():
    text = told()
    example = (
        "<tool_call>\n"
        '<invoke name="get_weather">\n'
        '<parameter name="city">some text</parameter>\n'
        '<parameter name="unit">celsius</parameter>\n'
        "</invoke>\n"
        "</tool_call>"
    )
    assert text.count(example) == 1
    assert "## get_weather\nTells the weather.\nParameters: {" in text
    schema = text.rpartition("Parameters: ")[2]
    assert json.loads(schema) == WEATHER.parameters
    assert "## now\nParameters: none" in text


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        (None, ""),
        ({"properties": []}, ""),
        (
            {"properties": {"a": True}, "required": ["a", "b", 1]},
            '<parameter name="a">some text</parameter>\n',
        ),
        (
            {"properties": {"a": {"type": ["integer", "null"]}, "b": {"type": {}}, "c": {}}},
            '<parameter name="a">1</parameter>\n<parameter name="b">some text</parameter>\n',
        ),
        ({"properties": {"a": {"enum": [None]}}}, '<parameter name="a">null</parameter>\n'),
    ],
)
def test_any_schema_gives_an_example(parameters: Any, shown: str):
    assert f'<invoke name="f">\n{shown}</invoke>' in told(tools=[Tool("f", None, parameters)])


@pytest.mark.parametrize(
    ("fields", "said", "unsaid"),
    [
        ({}, [prompt._SEVERAL, prompt._AUTO], [prompt._ONE]),
        ({"parallel_tool_calls": False}, [prompt._ONE], [prompt._SEVERAL]),
        ({"tool_choice": ToolChoice("required")}, [prompt._REQUIRED], [prompt._AUTO]),
        (
            {"tool_choice": ToolChoice("required", "now")},
            ["you must call now:"],
            ["get_weather", prompt._AUTO],
        ),
    ],
)
def test_what_is_demanded_is_said(fields: dict[str, Any], said: list[str], unsaid: list[str]):
    text = told(**fields)
    assert [each for each in said if each not in text] == []
    assert [each for each in unsaid if each in text] == []


@pytest.mark.parametrize(
    ("messages", "roles", "place"),
    [
        ([USER], ["system", "user"], 0),
        ([SYSTEM, USER], ["system", "user"], 0),
        ([SYSTEM, SYSTEM, USER, SYSTEM], ["system", "system", "user", "system"], 1),
        ([USER, SYSTEM], ["system", "user", "system"], 0),
        ([SYSTEM], ["system"], 0),
    ],
)
def test_it_stands_once_at_the_end_of_the_system_message(
    messages: list[Message], roles: list[str], place: int
):
    written = prepared(*messages).messages
    assert [each.role for each in written] == roles
    assert [index for index, each in enumerate(written) if "# Tools" in each.text] == [place]
    assert written[place].text.startswith(("# Tools", "Be brief.\n\n# Tools"))
    assert sum(each.text.count("# Tools") for each in written) == 1


def test_a_conversation_without_tools_stays_itself():
    conversation = asked(SYSTEM, USER, tools=[])
    for way in ("xml", "native", "off"):
        assert ways.prepare(conversation, way) is conversation


@pytest.mark.parametrize("way", ["xml", "native", "off"])
@pytest.mark.parametrize("fields", [{"tools": []}, {"tool_choice": ToolChoice("none")}])
def test_history_is_written_also_where_no_tools_are_offered(way: ways.Way, fields: dict[str, Any]):
    conversation = prepared(USER, CALL, RESULT, way=way, **fields)
    assert conversation.tools == ()
    assert [each.role for each in conversation.messages] == ["user", "assistant", "user"]
    assert "<tool_call>" in conversation.messages[1].text
    assert conversation.messages[2].text == '<tool_result name="now" id="c">\nnoon\n</tool_result>'


def test_words_take_the_place_of_tools():
    conversation = prepared(USER, CALL, RESULT)
    assert conversation.tools == ()
    assert not any(each.tool_calls or each.role is Role.TOOL for each in conversation.messages)


def test_the_native_way_keeps_the_tools_and_the_last_round_only():
    conversation = prepared(USER, CALL, RESULT, CALL, RESULT, way="native")
    assert [tool.name for tool in conversation.tools] == ["now", "get_weather"]
    assert [each.role for each in conversation.messages] == ["user", "assistant", "user", "assistant", "tool"]
    assert [bool(each.tool_calls) for each in conversation.messages] == [False, False, False, True, False]
    assert "<tool_call>" in conversation.messages[1].text


def test_off_offers_nothing():
    conversation = prepared(USER, way="off")
    assert (conversation.tools, conversation.messages) == ((), [USER])


@pytest.mark.parametrize(
    ("choice", "way", "names"),
    [
        (ToolChoice(), "xml", ["now", "get_weather"]),
        (ToolChoice("required"), "native", ["now", "get_weather"]),
        (ToolChoice("required", "now"), "xml", ["now"]),
        (ToolChoice("none"), "xml", []),
        (ToolChoice(), "off", []),
    ],
)
def test_what_may_be_called_depends_on_choice_and_way(choice: ToolChoice, way: ways.Way, names: list[str]):
    assert [tool.name for tool in ways.offered(asked(tool_choice=choice), way)] == names


def test_the_page_on_tools_shows_what_a_bot_is_told():
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    text = prompt.tell([Tool("get_weather", "Tells the weather.", city)], ToolChoice(), parallel=True)
    assert f"```\n{text}\n```" in Path("docs/tools.md").read_text(encoding="utf-8")
