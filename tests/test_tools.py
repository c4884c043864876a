"""Tools: whole round trips with real bots, through the openai package and on the wire."""

from __future__ import annotations

import json
import re
import threading
from copy import deepcopy
from typing import Any

import httpx
import openai
import pytest

from tests.conftest import StartGateway
from tests.gateway import KEY, Gateway, events_in, eventually, message_of
from tests.upstream import scripted
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import LIMIT, ScriptedUpstream

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
NOW: Any = {"type": "function", "function": {"name": "now"}}
FUNCTION = WEATHER["function"]
QUESTION: Any = {"role": "user", "content": "Will it rain?"}
ARGUMENTS = {"city": "some text", "days": 1}


@pytest.fixture(scope="module")
def native_gateway(poe: PoeServer, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway that knows Poe's list, and thus which bots have tools."""
    gateway = start_shared_gateway(poe.url, WEB_CONCURRENCY="1")
    assert gateway.http.get("/v1/models").status_code == 200
    return gateway


@pytest.fixture
def client(poe_gateway: Gateway):
    with openai.OpenAI(api_key=KEY, base_url=f"{poe_gateway.url}/v1", timeout=LIMIT, max_retries=0) as client:
        yield client


def ask(gateway: Gateway, bot: str, **fields: Any) -> httpx.Response:
    return gateway.ask(bot, **{"tools": [WEATHER]} | fields)


def call_in(message: dict[str, Any]) -> tuple[str, Any]:
    (call,) = message["tool_calls"]
    assert call["type"] == "function"
    return call["function"]["name"], json.loads(call["function"]["arguments"])


def joined(events: list[Any]) -> tuple[dict[str, Any], str]:
    """The message joined from a stream's events, as every client does, and its finish reason."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": {}}
    reasons = []
    for event in events[:-1]:
        for choice in event["choices"]:
            delta = choice["delta"]
            reasons.append(choice["finish_reason"])
            for name in ("content", "reasoning_content"):
                message[name] += delta.get(name) or ""
            for piece in delta.get("tool_calls", ()):
                if "id" in piece:
                    assert piece["index"] not in message["tool_calls"]
                    message["tool_calls"][piece["index"]] = deepcopy(piece)
                else:
                    assert set(piece) == {"index", "function"}
                    assert set(piece["function"]) == {"arguments"}
                    function = message["tool_calls"][piece["index"]]["function"]
                    function["arguments"] += piece["function"]["arguments"]
    assert reasons[:-1] == [None] * (len(reasons) - 1)
    return message, reasons[-1]


# The words, for bots that have no tools.


def test_a_bot_without_tools_calls_one(poe_gateway: Gateway) -> None:
    response = ask(poe_gateway, "Caller")
    message = message_of(response)
    assert call_in(message) == ("get_weather", ARGUMENTS)
    assert message["content"].strip() == "Let me see."
    assert response.json()["choices"][0]["finish_reason"] == "tool_calls"
    assert re.fullmatch(r"call_[0-9a-zA-Z]{24}", message["tool_calls"][0]["id"])


def test_a_streamed_call_is_the_same(poe_gateway: Gateway) -> None:
    events = poe_gateway.stream("Caller", tools=[WEATHER], stream_options={"include_usage": True})
    message, reason = joined([each for each in events if each == "[DONE]" or each["choices"]])
    whole = ask(poe_gateway, "Caller")
    assert reason == "tool_calls"
    assert message["content"] == message_of(whole)["content"]
    (index, call), *others = message["tool_calls"].items()
    assert (index, call["function"]["name"], others) == (0, "get_weather", [])
    assert call["function"]["arguments"] == message_of(whole)["tool_calls"][0]["function"]["arguments"]
    usage = events[-2]["usage"]
    assert usage == whole.json()["usage"]
    assert usage["completion_tokens"] > 5
    assert usage["prompt_tokens"] > 100


@pytest.mark.parametrize("stream", [False, True])
def test_a_whole_round_trip_with_openai(client: openai.OpenAI, stream: bool) -> None:
    def say(messages: list[Any]) -> Any:
        create = client.chat.completions
        if not stream:
            return create.create(model="Caller", messages=messages, tools=[WEATHER]).choices[0]
        with create.stream(model="Caller", messages=messages, tools=[WEATHER]) as helped:
            for _ in helped:
                pass
            return helped.get_final_completion().choices[0]

    first = say([QUESTION])
    assert first.finish_reason == "tool_calls"
    (call,) = first.message.tool_calls
    assert json.loads(call.function.arguments) == ARGUMENTS
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    second = say([QUESTION, first.message.model_dump(exclude_none=True), result])
    assert (second.message.content, second.finish_reason) == ("The tool says: sunny", "stop")
    assert not second.message.tool_calls


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_bot_invents_after_its_call_is_not_shown(poe_gateway: Gateway, stream: bool) -> None:
    response = ask(poe_gateway, "Inventor", stream=stream)
    assert "get_weather" in response.text
    assert "rain" not in response.text


def test_a_query_is_closed_after_its_call(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    call = '<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>\n<tool_result>'
    bot = upstream.bot(scripted.begin(scripted.text(call), scripted.until_closed))
    message = message_of(gateway.ask(bot.name, tools=[NOW]))
    assert call_in(message) == ("now", {})
    assert message["content"] is None
    bot.query.wait_closed()


def test_without_parallel_calls_a_query_is_closed_after_the_first(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    call = '<invoke name="now">\n</invoke>\n'
    bot = upstream.bot(scripted.begin(scripted.text(f"<tool_call>\n{call}{call}"), scripted.until_closed))
    message = message_of(gateway.ask(bot.name, tools=[NOW], parallel_tool_calls=False))
    assert call_in(message) == ("now", {})
    bot.query.wait_closed()


@pytest.mark.parametrize(
    "thought", ["<think>\nShall I?\n</think>\n\n", "*Thinking...*\n\n> Shall I?\n\n"], ids=["tags", "quote"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_may_stand_before_a_call(
    gateway: Gateway, upstream: ScriptedUpstream, thought: str, stream: bool
) -> None:
    said = f'{thought}<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>'
    pieces = [scripted.text(said[start : start + 5]) for start in range(0, len(said), 5)]
    bot = upstream.bot(scripted.answer(*pieces, scripted.DONE))
    if stream:
        message, reason = joined(gateway.stream(bot.name, tools=[NOW]))
        message["tool_calls"] = list(message["tool_calls"].values())
    else:
        choice = gateway.ask(bot.name, tools=[NOW]).json()["choices"][0]
        message, reason = choice["message"], choice["finish_reason"]
    assert (message["reasoning_content"], message["content"] or None) == ("Shall I?", None)
    assert (call_in(message), reason) == (("now", {}), "tool_calls")


def test_a_long_value_streams_while_it_is_written(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    lines = [f"line {number}: if a < b && c: </div>\n" for number in range(1000)]
    before = '<tool_call>\n<invoke name="get_weather">\n<parameter name="city">'
    after = "</parameter>\n</invoke>\n</tool_call>"
    go_on = threading.Event()
    begun, rest = map(scripted.text, lines[:1]), map(scripted.text, lines[1:])
    bot = upstream.bot(
        scripted.answer(scripted.text(before), *begun, go_on, *rest, scripted.text(after), scripted.DONE)
    )
    with gateway.connect() as connection:
        connection.post(bot.name, tools=[WEATHER], stream=True)
        assert connection.read_head().status == 200
        body = connection.read_until(b"line 0: if a < b")
        go_on.set()
        body += connection.read_rest()
    message, reason = joined(events_in(body))
    call = message["tool_calls"][0]["function"]
    assert json.loads(call["arguments"]) == {"city": "".join(lines)}
    assert reason == "tool_calls"


def test_a_bot_that_only_talks_just_talks(poe_gateway: Gateway) -> None:
    response = ask(poe_gateway, "Counter")
    message = message_of(response)
    assert message["content"].startswith("one two")
    assert "tool_calls" not in message
    assert response.json()["choices"][0]["finish_reason"] == "stop"


def test_without_tools_nothing_is_read_as_a_call(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    said = '<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>\nand more'
    for fields in ({}, {"tools": []}, {"tools": [NOW], "tool_choice": "none"}):
        bot = upstream.bot(scripted.answer(scripted.text(said), scripted.DONE))
        assert message_of(gateway.ask(bot.name, **fields))["content"] == said
        assert "tools" not in bot.query.json
        assert "# Tools" not in bot.query.body.decode()


def test_what_reaches_the_bot_is_words(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "X"}'}}
    messages = [
        {"role": "system", "content": "Be brief."},
        QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sunny"}]},
    ]
    bot = upstream.bot(scripted.answer(scripted.DONE))
    assert ask(gateway, bot.name, messages=messages).status_code == 200
    received = bot.query.json
    assert not {"tools", "tool_calls", "tool_results"} & set(received)
    system, question, called, result = received["query"]
    assert system["content"].startswith("Be brief.\n\n# Tools")
    assert (question["role"], called["role"], result["role"]) == ("user", "bot", "user")
    assert '<parameter name="city">X</parameter>' in called["content"]
    assert result["content"] == '<tool_result name="get_weather" id="c1">\nsunny\n</tool_result>'


# The deprecated form.


def test_functions_are_answered_in_kind(poe_gateway: Gateway) -> None:
    choice = poe_gateway.ask("Caller", functions=[FUNCTION]).json()["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"]["name"] == "get_weather"
    assert json.loads(choice["message"]["function_call"]["arguments"]) == ARGUMENTS
    assert "tool_calls" not in choice["message"]


def test_functions_stream_in_kind(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="Caller", messages=[QUESTION], functions=[FUNCTION], stream=True
    )
    choices = [chunk.choices[0] for chunk in stream]
    calls = [choice.delta.function_call for choice in choices if choice.delta.function_call]
    assert [call.name for call in calls if call.name] == ["get_weather"]
    assert json.loads("".join(call.arguments for call in calls)) == ARGUMENTS
    assert choices[-1].finish_reason == "function_call"
    assert not any(choice.delta.tool_calls for choice in choices)


def test_a_functions_result_comes_back(poe_gateway: Gateway) -> None:
    messages = [
        QUESTION,
        {"role": "assistant", "content": None, "function_call": {"name": "get_weather", "arguments": "{}"}},
        {"role": "function", "name": "get_weather", "content": "sunny"},
    ]
    response = poe_gateway.ask("Caller", messages=messages, functions=[FUNCTION])
    assert message_of(response)["content"] == "The tool says: sunny"


# Bots that have tools of their own.


@pytest.mark.parametrize("way", ["words", "native"])
def test_native_calls_are_understood_in_either_way(
    poe_gateway: Gateway, native_gateway: Gateway, way: str
) -> None:
    gateway = native_gateway if way == "native" else poe_gateway
    response = ask(gateway, "NativeCaller")
    message = message_of(response)
    assert message["content"] == "Let me see."
    assert [(call["id"], call["function"]) for call in message["tool_calls"]] == [
        ("call_native_0", {"name": "get_weather", "arguments": '{"city": "Ürümqi"}'}),
        ("call_native_1", {"name": "now", "arguments": "{}"}),
    ]
    assert response.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_native_calls_stream_as_they_came(native_gateway: Gateway) -> None:
    events = native_gateway.stream("NativeCaller", tools=[WEATHER, NOW])
    message, reason = joined(events)
    assert (message["content"], reason) == ("Let me see.", "tool_calls")
    assert {index: call["id"] for index, call in message["tool_calls"].items()} == {
        0: "call_native_0",
        1: "call_native_1",
    }
    pieces = [
        piece["function"]["arguments"]
        for event in events[:-1]
        for piece in event["choices"][0]["delta"].get("tool_calls", ())
    ]
    assert pieces == ["", '{"city":', ' "Ürümqi"}', "", "{}"]


def test_only_the_first_native_call_counts_if_calls_are_not_parallel(native_gateway: Gateway) -> None:
    message = message_of(ask(native_gateway, "NativeCaller", parallel_tool_calls=False))
    assert [call["id"] for call in message["tool_calls"]] == ["call_native_0"]


def test_native_calls_mean_nothing_where_no_tools_are_offered(native_gateway: Gateway) -> None:
    message = message_of(native_gateway.ask("NativeCaller"))
    assert (message["content"], "tool_calls" in message) == ("Let me see.", False)


def test_a_native_bots_second_round_goes_into_poes_fields(native_gateway: Gateway) -> None:
    first = message_of(ask(native_gateway, "NativeCaller"))
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result {index}"}
        for index, call in enumerate(first["tool_calls"])
    ]
    second = ask(native_gateway, "NativeCaller", messages=[QUESTION, first, *results])
    assert message_of(second)["content"] == (
        "['get_weather({\"city\": \"Ürümqi\"})', 'now({})'] ['result 0', 'result 1']"
    )


def test_earlier_rounds_reach_a_native_bot_as_words(native_gateway: Gateway) -> None:
    def round_trip(id: str) -> list[Any]:
        call = {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        return [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id, "content": id},
        ]

    messages = [QUESTION, *round_trip("c1"), *round_trip("c2")]
    received = json.loads(message_of(ask(native_gateway, "NativeEcho", messages=messages))["content"])
    assert [tool["function"]["name"] for tool in received["tools"]] == ["get_weather"]
    assert [call["id"] for call in received["tool_calls"]] == ["c2"]
    assert [result["content"] for result in received["tool_results"]] == ["c2"]
    assert [message["role"] for message in received["query"]] == ["user", "bot", "user"]
    assert '<tool_result name="get_weather" id="c1">' in received["query"][2]["content"]


# Calls that must come.


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_does_not_come_is_asked_for_once_more(
    poe_gateway: Gateway, choice: Any, stream: bool
) -> None:
    response = ask(poe_gateway, "Reluctant", tool_choice=choice, stream=stream)
    assert response.status_code == 200
    assert "I only talk" not in response.text
    assert "get_weather" in response.text
    assert response.text.count("Shall I?") == 2


def test_the_usage_covers_both_rounds(poe_gateway: Gateway) -> None:
    options = {"include_usage": True}
    *_, usage, _ = poe_gateway.stream(
        "Reluctant", tools=[WEATHER], tool_choice="required", stream_options=options
    )
    whole = ask(poe_gateway, "Reluctant", tool_choice="required").json()["usage"]
    assert usage["usage"] == whole
    once = ask(poe_gateway, "Reluctant", tool_choice="auto").json()["usage"]
    assert whole["prompt_tokens"] > 2 * once["prompt_tokens"]
    assert whole["completion_tokens"] > once["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_bot_that_never_calls_is_an_error(client: openai.OpenAI, stream: bool) -> None:
    def create() -> None:
        tools = {"tools": [WEATHER], "tool_choice": "required"}
        list(client.chat.completions.create(model="Counter", messages=[QUESTION], stream=stream, **tools))

    with pytest.raises(openai.APIError) as raised:
        create()
    assert (raised.value.code, raised.value.type) == ("tool_call_missing", "upstream_error")


def test_the_second_round_shows_the_bot_its_answer(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    talk = scripted.answer(scripted.text("I only talk."), scripted.DONE)
    bot = upstream.bot(talk)
    response = gateway.ask(bot.name, tools=[NOW], tool_choice="required")
    assert (response.status_code, response.json()["error"]["code"]) == (502, "tool_call_missing")
    first, second = (query.json["query"] for query in bot.queries)
    assert second[: len(first)] == first
    answer, request = second[len(first) :]
    assert (answer["role"], answer["content"]) == ("bot", "I only talk.")
    assert (request["role"], request["content"][:19]) == ("user", "You have not called")


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_a_certain_tool_comes_without_talk(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    call = '<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>'
    bot = upstream.bot(scripted.answer(scripted.text(f"I will call.\n\n{call}\n\nDone."), scripted.DONE))
    choice = {"type": "function", "function": {"name": "now"}}
    response = gateway.ask(bot.name, tools=[NOW], tool_choice=choice, stream=stream)
    assert response.status_code == 200
    assert '"name":"now"' in response.text
    assert "I will call" not in response.text
    assert "Done." not in response.text
    assert '"content":null' in response.text


def test_heartbeats_flow_while_text_is_held(beating_gateway: Gateway, upstream: ScriptedUpstream) -> None:
    go_on = threading.Event()
    call = scripted.text('<tool_call>\n<invoke name="now">\n</invoke>\n</tool_call>')
    bot = upstream.bot(scripted.answer(scripted.text("I will call. "), go_on, call, scripted.DONE))
    with beating_gateway.connect() as connection:
        connection.post(bot.name, tools=[NOW], tool_choice="required", stream=True)
        assert connection.read_head().status == 200
        assert b"I will" not in connection.read_until(b": ping")
        go_on.set()
        body = connection.read_rest()
    assert b"I will call." in body
    assert b'"finish_reason":"tool_calls"' in body


def test_a_failure_in_the_second_round_is_the_answers(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    talk = scripted.answer(scripted.text("I only talk."), scripted.DONE)
    bot = upstream.bot(talk, scripted.answer(scripted.error("rate limit")))
    response = gateway.ask(bot.name, tools=[NOW], tool_choice="required")
    assert response.status_code == 429


def test_the_log_tells_of_a_second_round(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    talk = scripted.answer(scripted.text("I only talk."), scripted.DONE)
    bot = upstream.bot(talk)
    gateway.ask(bot.name, tools=[NOW], tool_choice="required")
    line = eventually(lambda: re.search(rf"^.*bot={bot.name} .*$", gateway.log.read_text(), re.MULTILINE))
    assert "rounds=2" in line[0]
    assert 'code="tool_call_missing"' in line[0]


# Limits.


def test_limits_hold_for_the_text_and_let_calls_be(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    parameter = '<parameter name="city">one END two</parameter>'
    call = f'<tool_call>\n<invoke name="get_weather">\n{parameter}\n</invoke>\n</tool_call>'
    for text, fields, expected in (
        ("Well. ", {"stop": ["END"], "max_tokens": 4}, "tool_calls"),
        ("The END. ", {"stop": ["END"]}, "stop"),
        ("one two three four five six ", {"max_tokens": 3}, "length"),
    ):
        bot = upstream.bot(scripted.answer(scripted.text(text + call), scripted.DONE))
        choice = gateway.ask(bot.name, tools=[WEATHER], **fields).json()["choices"][0]
        assert choice["finish_reason"] == expected
        assert ("tool_calls" in choice["message"]) == (expected == "tool_calls")
