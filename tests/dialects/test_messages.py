from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from anthropic import types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.answer.deltas import (
    Delta,
    Failure,
    Finish,
    Reasoning,
    Restart,
    Text,
    ToolCallArguments,
    ToolCallStart,
    Usage,
)
from app.conversation import (
    AttachmentPart,
    Conversation,
    Message,
    ResponseFormat,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)
from app.dialects import messages, messages_answer
from app.dialects.form import Head
from app.errors import ApiError, rate_limited

USER = {"role": "user", "content": "hi"}
USAGE = Usage(3, 5, 1)
END = Finish("stop", USAGE)
PNG = "iVBORw0KGgo="
HEAD = Head("0" * 32, 1700000000, "the bot", request_id="asked", prompt_tokens=lambda: 2)
EVENT: TypeAdapter[Any] = TypeAdapter(types.RawMessageStreamEvent)


def decode(**fields: Any) -> messages.MessagesRequest:
    return messages.decode(
        json.dumps({"model": "bot", "max_tokens": 9, "messages": [USER], **fields}).encode()
    )


def conversation(**fields: Any) -> Conversation:
    return decode(**fields).conversation


def history(*given: dict[str, Any]) -> Sequence[Message]:
    return conversation(messages=list(given)).messages


def refused(**fields: Any) -> str | None:
    with pytest.raises(ApiError) as raised:
        decode(**fields)
    assert raised.value.status == 400
    assert (raised.value.param or "") in raised.value.message
    return raised.value.param


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


def said(content: str) -> Message:
    return Message(Role.USER, [TextPart(content)])


# The request.


def test_a_request_becomes_a_conversation() -> None:
    asked = decode(system="S", temperature=0.5, stop_sequences=["x", ""], stream=True, aspect="16:9")
    assert asked.stream
    assert not asked.shows_thinking
    assert asked.conversation == Conversation(
        model="bot",
        messages=[Message(Role.SYSTEM, [TextPart("S")]), said("hi")],
        temperature=0.5,
        stop=["x"],
        max_tokens=9,
        parameters={"aspect": "16:9"},
        tools=[],
    )


def test_what_anthropics_programs_send_besides_does_no_harm() -> None:
    """New fields are often objects, with which a bot could do nothing."""
    asked = conversation(
        metadata={"user_id": "u"},
        context_management={"edits": []},
        next_months={"a": 1},
        next_list=[1],
        service_tier="auto",
        top_k=3,
        top_p=0.1,
        betas=["x"],
        container=None,
        cache_control={"type": "ephemeral"},
    )
    assert asked.parameters == {}


@pytest.mark.parametrize(
    ("given", "parameters", "shows"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"thinking_budget": 2048}, True),
        ({"thinking": {"type": "disabled"}}, {"thinking_budget": 0}, False),
        ({"thinking": {"type": "adaptive"}}, {}, True),
        ({"output_config": {"effort": "high"}}, {"reasoning_effort": "high"}, False),
        (
            {"output_config": {"effort": "high"}, "reasoning_effort": "low"},
            {"reasoning_effort": "low"},
            False,
        ),
        ({"extra_body": {"aspect": "1:1"}}, {"aspect": "1:1"}, False),
    ],
)
def test_how_much_to_think_reaches_the_bot(given: Any, parameters: Any, shows: bool) -> None:
    asked = decode(**given)
    assert asked.conversation.parameters == parameters
    assert asked.shows_thinking is shows


def test_the_system_prompt_may_have_blocks_and_stand_in_the_middle() -> None:
    asked = conversation(
        system=[text("one") | {"cache_control": {"type": "ephemeral"}}, text("two")],
        messages=[USER, {"role": "system", "content": "three"}, {"role": "assistant", "content": "A"}],
    )
    assert asked.messages == [
        Message(Role.SYSTEM, [TextPart("one"), TextPart("two")]),
        said("hi"),
        Message(Role.SYSTEM, [TextPart("three")]),
        Message(Role.ASSISTANT, [TextPart("A")], []),
    ]


def test_images_and_documents_are_attachments() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": PNG}
    found = history(
        user(
            {"type": "image", "source": image},
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            {"type": "document", "title": "T.pdf", "source": {"type": "base64", "data": "JVBERg=="}},
            {"type": "document", "title": "T", "source": {"type": "text", "data": "plain"}},
            {"type": "document", "context": "C", "source": {"type": "content", "content": [text("in")]}},
            {"type": "search_result", "source": "https://s", "title": "R", "content": [text("found")]},
        )
    )
    assert found == [
        Message(
            Role.USER,
            [
                AttachmentPart("image", PNG, "messages[0].content[0]", format="image/png"),
                AttachmentPart("image", "https://a/b.png", "messages[0].content[1]"),
                AttachmentPart("file", "JVBERg==", "messages[0].content[2]", "T.pdf"),
                TextPart("T"),
                TextPart("plain"),
                TextPart("C"),
                TextPart("in"),
                TextPart("R\n\nhttps://s\n\nfound"),
            ],
        )
    ]


def test_calls_and_their_results_stand_in_the_history() -> None:
    called = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    shown = {"type": "image", "source": {"type": "base64", "data": PNG}}
    found = history(
        USER,
        {"role": "assistant", "content": [thought, text("Let me see."), called]},
        user(
            {"type": "tool_result", "tool_use_id": "t1", "content": [text("r"), shown]},
            {"type": "tool_result", "tool_use_id": "t2", "content": "no", "is_error": True},
            {"type": "tool_result", "tool_use_id": "t3"},
            text("and now?"),
        ),
    )
    assert found[1:] == [
        Message(Role.ASSISTANT, [TextPart("Let me see.")], [ToolCall("t1", "f", '{"a":1}')]),
        Message(
            Role.TOOL,
            [TextPart("r"), AttachmentPart("image", PNG, "messages[2].content[0].content[1]")],
            tool_call_id="t1",
        ),
        Message(Role.TOOL, [TextPart("The tool failed:"), TextPart("no")], tool_call_id="t2"),
        Message(Role.TOOL, [], tool_call_id="t3"),
        said("and now?"),
    ]


def test_what_tools_at_anthropic_left_behind_is_left_out() -> None:
    blocks = [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "redacted_thinking", "data": "x"},
        text("found"),
    ]
    assert history(USER, {"role": "assistant", "content": blocks})[1:] == [
        Message(Role.ASSISTANT, [TextPart("found")], [])
    ]


def test_tools_are_offered() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    asked = conversation(
        tools=[
            {"name": "f", "description": "F", "input_schema": schema, "cache_control": {"type": "ephemeral"}},
            {"type": "custom", "name": "g"},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    )
    assert asked.tools == [Tool("f", "F", schema), Tool("g")]
    assert asked.tool_choice == ToolChoice("required")
    assert not asked.parallel_tool_calls


def test_a_deferred_tool_is_offered_once_it_is_found() -> None:
    """As Claude Code has its tools: https://docs.claude.com/en/docs/agents-and-tools/tool-use/tool-search-tool."""
    tools = [{"name": "search"}, {"name": "f", "defer_loading": True}, {"name": "g", "defer_loading": True}]
    assert [tool.name for tool in conversation(tools=tools).tools] == ["search"]
    called = {"type": "tool_use", "id": "t", "name": "search", "input": {}}
    reference = {"type": "tool_reference", "tool_name": "f"}
    history = [
        USER,
        {"role": "assistant", "content": [called]},
        user({"type": "tool_result", "tool_use_id": "t", "content": [reference]}),
        {"role": "system", "content": [{"type": "tool_addition", "tool": "x"}, text("S")]},
    ]
    assert [tool.name for tool in conversation(tools=tools, messages=history).tools] == ["search", "f"]
    chosen = conversation(tools=tools, tool_choice={"type": "tool", "name": "g"})
    assert [tool.name for tool in chosen.tools] == ["search", "g"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ToolChoice()),
        ({"type": "none"}, ToolChoice("none")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "tool", "name": "f"}, ToolChoice("required", "f")),
    ],
)
def test_a_call_may_be_wanted_or_not(choice: Any, expected: ToolChoice) -> None:
    assert conversation(tools=[{"name": "f"}], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            "output_config.format",
        ),
        ({"output_format": {"type": "json_schema", "schema": {"type": "object"}}}, "output_format"),
    ],
)
def test_json_may_be_wanted(given: Any, path: str) -> None:
    assert conversation(**given).response_format == ResponseFormat({"type": "object"}, None, f"{path}.schema")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"model": " "}, "model"),
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [user({"type": "text"})]}, "messages[0].content[0].text"),
        ({"messages": [user({"type": "magic"})]}, "messages[0].content[0].type"),
        ({"messages": [user({})]}, "messages[0].content[0].type"),
        ({"messages": [user({"type": []})]}, "messages[0].content[0].type"),
        ({"messages": [user({"type": "image"})]}, "messages[0].content[0].source"),
        (
            {"messages": [user({"type": "image", "source": {"type": "url"}})]},
            "messages[0].content[0].source.url",
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "messages[0].content[0].source.type",
        ),
        ({"messages": [user({"type": "tool_result"})]}, "messages[0].content[0].tool_use_id"),
        (
            {"messages": [user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "x"}]})]},
            "messages[0].content[0].content[0].type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": 1}]}]},
            "messages[0].content[0].name",
        ),
        ({"system": [{"type": "image"}]}, "system[0].source"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop_sequences": ["x"] * 65}, "stop_sequences"),
        ({"tools": [{"name": ""}]}, "tools[0].name"),
        ({"tools": [{"name": "f"}, {"name": "f", "description": "other"}]}, "tools[1].name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tool_choice": {"type": "tool", "name": "f"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "magic"}}, "tool_choice.type"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_path(given: Any, param: str) -> None:
    assert refused(**given) == param


# The answer.


def events(*batches: Sequence[Delta], thinking: bool = True) -> list[dict[str, Any]]:
    stream = messages.MessagesRequest(conversation(), stream=True, shows_thinking=thinking).streamed(HEAD)
    written = b"".join(stream.render(batch) for batch in batches).decode()
    found = []
    for block in written.split("\n\n")[:-1]:
        name, _, data = block.partition("\n")
        content = json.loads(data.removeprefix("data: "))
        assert name == f"event: {content['type']}"
        if content["type"] != "error":
            EVENT.validate_python(content)
        found.append(content)
    return found


def whole(*batches: Sequence[Delta], thinking: bool = True) -> dict[str, Any]:
    message = messages.MessagesRequest(conversation(), stream=False, shows_thinking=thinking).whole(HEAD)
    for batch in batches:
        message.add(batch)
    assert message.is_over
    body: dict[str, Any] = json.loads(message.render())
    types.Message.model_validate(body, strict=True)
    return body


def content_of(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks in a stream's events, whose order is checked: one at a time, counted from 0."""
    assert found[0]["type"] == "message_start"
    assert [each["type"] for each in found[-2:]] == ["message_delta", "message_stop"]
    blocks: list[dict[str, Any]] = []
    is_open = False
    for each in found[1:-2]:
        match each["type"]:
            case "content_block_start":
                assert not is_open
                assert each["index"] == len(blocks)
                is_open = True
                blocks.append(dict(each["content_block"]))
            case "content_block_delta":
                assert is_open
                assert each["index"] == len(blocks) - 1
                delta = dict(each["delta"])
                kind = delta.pop("type").removesuffix("_delta")
                ((name, piece),) = delta.items()
                block = blocks[-1]
                assert kind == {"tool_use": "input_json"}.get(block["type"], block["type"])
                block[name] = block.get(name, "") + piece
            case "content_block_stop":
                assert is_open
                assert each["index"] == len(blocks) - 1
                is_open = False
            case other:
                raise AssertionError(other)
    assert not is_open
    for block in blocks:
        if block["type"] == "tool_use":
            block["input"] = input_of(block.pop("partial_json", ""))
    return blocks


def input_of(arguments: str) -> dict[str, Any]:
    """A call's joined pieces, in the form of a whole answer if they are not an object."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {"arguments": arguments.strip()}


CALL = [ToolCallStart(0, "call_1", "f"), ToolCallArguments(0, '{"a"'), ToolCallArguments(0, ":1}")]


def test_a_stream_has_anthropics_events() -> None:
    found = events([Text("Hel"), Text("lo")], [Text("!")], [END])
    assert [each["type"] for each in found] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert found[0]["message"] == {
        "id": f"msg_{HEAD.token}",
        "type": "message",
        "role": "assistant",
        "model": "the bot",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 2,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        },
    }
    assert found[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert found[-2]["usage"]["input_tokens"] == 3
    assert found[-2]["usage"]["output_tokens"] == 5


def test_thinking_is_a_block_of_its_own_for_who_asked_for_it() -> None:
    answer = [Reasoning("h"), Reasoning("m")], [Text("Yes")], [END]
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    spoken = {"type": "text", "text": "Yes"}
    assert content_of(events(*answer)) == whole(*answer)["content"] == [thought, spoken]
    assert (
        content_of(events(*answer, thinking=False)) == whole(*answer, thinking=False)["content"] == [spoken]
    )


def test_a_call_is_a_block() -> None:
    answer = [Text("Let me see."), *CALL], [Finish("tool_calls", USAGE)]
    called = {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}
    assert content_of(events(*answer)) == whole(*answer)["content"] == [text("Let me see."), called]
    assert events(*answer)[-2]["delta"]["stop_reason"] == whole(*answer)["stop_reason"] == "tool_use"


def test_calls_that_come_interlaced_are_blocks_one_after_the_other() -> None:
    answer = (
        [CALL[0], ToolCallStart(1, "call_2", "g"), CALL[1], ToolCallArguments(1, "{"), CALL[2]],
        [ToolCallArguments(1, "}"), Finish("tool_calls", USAGE)],
    )
    assert content_of(events(*answer)) == whole(*answer)["content"]
    assert [block["input"] for block in content_of(events(*answer))] == [{"a": 1}, {}]


def test_a_call_that_waits_and_gets_no_arguments_has_an_empty_object() -> None:
    found = events([CALL[0], ToolCallStart(1, "call_2", "g"), CALL[1], CALL[2], Finish("tool_calls", USAGE)])
    pieces = [each["delta"]["partial_json"] for each in found if each["type"] == "content_block_delta"]
    assert pieces == ['{"a"', ":1}", "{}"]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("[1", {"arguments": "[1"}),
        ("not\njson ", {"arguments": "not\njson"}),
        (' \n{"a": 1} ', {"a": 1}),
        (' "{\\"a\\": 1}"', {"a": 1}),
        ("null", {}),
        (" ", {}),
    ],
)
def test_a_call_has_an_object_whatever_the_bot_made(arguments: str, given: dict[str, Any]) -> None:
    calls = [ToolCallStart(0, "c", "f"), *(ToolCallArguments(0, each) for each in arguments)]
    answer = [*calls, ToolCallStart(1, "d", "g"), Finish("tool_calls", USAGE)]
    assert [block["input"] for block in content_of(events(answer))] == [given, {}]
    assert [block["input"] for block in whole(answer)["content"]] == [given, {}]


def test_a_call_that_is_cut_is_not_lost() -> None:
    answer = [ToolCallStart(0, "c", "f"), ToolCallArguments(0, '{"a"'), Finish("tool_calls", USAGE)]
    assert whole(answer)["content"][0]["input"] == {"arguments": '{"a"'}


@pytest.mark.parametrize(
    ("end", "reason", "sequence"),
    [
        (END, "end_turn", None),
        (Finish("length", USAGE), "max_tokens", None),
        (Finish("tool_calls", USAGE), "tool_use", None),
        (Finish("stop", USAGE, "###"), "stop_sequence", "###"),
    ],
)
def test_the_end_has_its_reason(end: Finish, reason: str, sequence: str | None) -> None:
    expected = {"stop_reason": reason, "stop_sequence": sequence}
    assert events([end])[-2]["delta"] == expected
    assert {name: whole([end])[name] for name in expected} == expected
    assert whole([end])["content"] == content_of(events([end])) == []


def test_what_begins_anew_is_a_new_paragraph() -> None:
    answer = [Text("a"), Restart()], [Text("b"), END]
    assert content_of(events(*answer)) == [text("a\n\nb")]
    assert whole(*answer)["content"] == [text("b")]


def test_a_failure_ends_a_stream_and_a_whole_answer() -> None:
    failure = Failure(rate_limited("slow down"))
    assert events([Text("a")], [failure])[-1] == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow down"},
        "request_id": "asked",
    }
    with pytest.raises(ApiError):
        whole([failure])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_errors_have_anthropics_types(status: int, kind: str) -> None:
    body = json.loads(messages_answer.render_error(ApiError(status, "words"), "asked"))
    assert body == {"type": "error", "error": {"type": kind, "message": "words"}, "request_id": "asked"}


_DELTA = st.builds(Text, st.text(min_size=1)) | st.builds(Reasoning, st.text(min_size=1)) | st.just(Restart())
_CALLS = st.lists(st.dictionaries(st.text(), st.integers()), max_size=3)


@given(st.lists(_DELTA, max_size=8), _CALLS, st.integers(1, 5), st.booleans())
def test_any_answer_is_well_formed_and_the_same_streamed_and_whole(
    said: list[Delta], calls: list[Any], size: int, thinking: bool
) -> None:
    deltas: list[Delta] = [*said]
    for index, arguments in enumerate(calls):
        deltas += [ToolCallStart(index, f"c{index}", "f"), ToolCallArguments(index, json.dumps(arguments))]
    deltas.append(Finish("tool_calls" if calls else "stop", USAGE))
    batches = [deltas[start : start + size] for start in range(0, len(deltas), size)]
    streamed = content_of(events(*batches, thinking=thinking))
    complete = whole(*batches, thinking=thinking)["content"]
    tools = [block for block in streamed if block["type"] == "tool_use"]
    assert tools == [block for block in complete if block["type"] == "tool_use"]
    assert [block["input"] for block in tools] == calls
    last = next((block["text"] for block in complete if block["type"] == "text"), "")
    assert "".join(block["text"] for block in streamed if block["type"] == "text").endswith(last)
    assert thinking or not any(block["type"] == "thinking" for block in streamed)
