"""The Messages API with real bots, through the anthropic package and over raw HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from tests.gateway import KEY, Gateway
from tests.test_chat import COUNTED
from tests.upstream.scripted import (
    DONE,
    END,
    LIMIT,
    ScriptedUpstream,
    answer,
    begin,
    chunk,
    reset,
    text,
)

HELLO: Any = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def client(poe_gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=KEY, base_url=poe_gateway.url, timeout=LIMIT, max_retries=0) as client:
        yield client


def ask(gateway: Gateway, bot: str, **fields: Any) -> httpx.Response:
    body = {"model": bot, "max_tokens": 1000, "messages": HELLO, **fields}
    return gateway.http.post("/v1/messages", json=body, headers={"x-api-key": KEY})


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    blocks = response.text.split("\n\n")
    assert blocks.pop() == ""
    return [json.loads(block.partition("\ndata: ")[2]) for block in blocks]


def test_a_whole_message_has_anthropics_shape(poe_gateway: Gateway) -> None:
    response = ask(poe_gateway, "Counter")
    message = response.json()
    assert message.pop("id").startswith("msg_")
    usage = message.pop("usage")
    assert message == {
        "type": "message",
        "role": "assistant",
        "model": "Counter",
        "content": [{"type": "text", "text": COUNTED}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0
    assert response.headers["request-id"] == response.headers["x-request-id"]


def test_anthropic_creates_and_streams(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="Counter", max_tokens=1000, messages=HELLO)
    with client.messages.stream(model="Counter", max_tokens=1000, messages=HELLO) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == COUNTED
    assert final.content[0].text == message.content[0].text == COUNTED
    assert final.usage.output_tokens == message.usage.output_tokens > 0
    assert final.usage.input_tokens == message.usage.input_tokens > 0
    assert final.stop_reason == message.stop_reason == "end_turn"


def test_anthropic_works_asynchronously(poe_gateway: Gateway) -> None:
    async def chat() -> str:
        async with (
            anthropic.AsyncAnthropic(api_key=KEY, base_url=poe_gateway.url) as client,
            client.messages.stream(model="Counter", max_tokens=1000, messages=HELLO) as stream,
        ):
            return "".join([piece async for piece in stream.text_stream])

    assert asyncio.run(chat()) == COUNTED


def test_thinking_is_shown_to_who_asks_for_it(client: anthropic.Anthropic) -> None:
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    with client.messages.stream(
        model="Thinker", max_tokens=2000, messages=HELLO, thinking=thinking
    ) as stream:
        shown = stream.get_final_message()
    assert [block.type for block in shown.content] == ["thinking", "text"]
    assert shown.content[0].thinking
    plain = client.messages.create(model="Thinker", max_tokens=2000, messages=HELLO)
    assert [block.type for block in plain.content] == ["text"]


@pytest.mark.parametrize("bot", ["Caller", "NativeCaller"])
def test_a_tool_is_called_and_answered(client: anthropic.Anthropic, bot: str) -> None:
    with client.messages.stream(model=bot, max_tokens=2000, messages=HELLO, tools=[WEATHER]) as stream:
        called = stream.get_final_message()
    assert called.stop_reason == "tool_use"
    calls = [block for block in called.content if block.type == "tool_use"]
    assert calls[0].name == "get_weather"
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "12 degrees"} for call in calls]
    history: Any = [
        *HELLO,
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": results},
    ]
    told = client.messages.create(model="Echo", max_tokens=2000, messages=history, tools=[WEATHER])
    assert told.content[0].text.count("12 degrees") == len(calls)


def test_thinking_goes_with_a_call_and_may_come_back(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    said = (
        "*Thinking...*\n\n> Hm.\n\nLet me see.\n\n"
        '<tool_call>\n<invoke name="get_weather">\n<parameter name="city">Rome</parameter>\n'
        "</invoke>\n</tool_call>"
    )
    bot = upstream.bot(answer(text(said), DONE), answer(text("Sunny."), DONE))
    asked: Any = {
        "model": bot.name,
        "max_tokens": 2000,
        "tools": [WEATHER],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    with anthropic.Anthropic(api_key=KEY, base_url=gateway.url, max_retries=0) as client:
        with client.messages.stream(messages=HELLO, **asked) as stream:
            called = stream.get_final_message()
        assert [block.type for block in called.content] == ["thinking", "text", "tool_use"]
        redacted = {"type": "redacted_thinking", "data": "x"}
        result = {"type": "tool_result", "tool_use_id": called.content[-1].id, "content": "sun"}  # type: ignore[union-attr]
        history: Any = [
            *HELLO,
            {"role": "assistant", "content": [redacted, *called.content]},
            {"role": "user", "content": [result]},
        ]
        told = client.messages.create(messages=history, **asked)
    assert [block.type for block in told.content] == ["text"]
    _, _, written, _ = bot.queries[1].json["query"]
    assert written["content"] == said.partition("> Hm.\n\n")[2]


def test_json_that_fits_a_schema(client: anthropic.Anthropic) -> None:
    schema: Any = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    wanted: Any = {"format": {"type": "json_schema", "schema": schema}}
    wish: Any = [{"role": "user", "content": 'Recite:\n====\nHere it is: {"a": 1}\n====\n'}]
    message = client.messages.create(model="Reciter", max_tokens=2000, messages=wish, output_config=wanted)
    assert json.loads(message.content[0].text) == {"a": 1}


def test_a_stop_sequence_is_named(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="Counter", max_tokens=99, messages=HELLO, stop_sequences=["three"])
    assert message.content[0].text == "one two "
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "three")


def test_max_tokens_ends_a_message(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="Counter", max_tokens=1, messages=HELLO)
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 1


def test_tokens_are_counted_as_usage_counts_them(client: anthropic.Anthropic) -> None:
    fields: Any = {"model": "Counter", "messages": HELLO, "system": "Be brief.", "tools": [WEATHER]}
    counted = client.messages.count_tokens(**fields)
    assert counted.input_tokens == client.messages.create(max_tokens=9, **fields).usage.input_tokens > 20


def test_a_stream_begins_with_the_tokens_of_the_prompt(poe_gateway: Gateway) -> None:
    begun, *_, ended, _ = events_of(ask(poe_gateway, "Counter", stream=True))
    assert begun["message"]["usage"]["input_tokens"] == ended["usage"]["input_tokens"] > 0


def test_anthropic_lists_models(client: anthropic.Anthropic) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert listed["Echo"].display_name == "Echo"
    assert listed["Echo"].created_at.year == 2024
    assert client.models.retrieve("Echo").type == "model"


def test_errors_are_anthropics(client: anthropic.Anthropic, poe_gateway: Gateway) -> None:
    with pytest.raises(anthropic.NotFoundError) as raised:
        client.messages.create(model="Nobody", max_tokens=9, messages=HELLO)
    assert raised.value.request_id
    assert raised.value.body == {
        "type": "error",
        "error": {"type": "not_found_error", "message": raised.value.body["error"]["message"]},  # type: ignore[index]
        "request_id": raised.value.request_id,
    }
    assert "Nobody" in str(raised.value)
    no_key = poe_gateway.http.post("/v1/messages", json={"model": "Echo", "messages": HELLO})
    assert (no_key.status_code, no_key.json()["error"]["type"]) == (401, "authentication_error")
    wrong = ask(poe_gateway, "Echo", messages=[])
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "invalid_request_error")
    absent = poe_gateway.http.post("/v1/messages/batches", json={}, headers={"x-api-key": KEY})
    assert (absent.status_code, absent.json()["error"]["type"]) == (404, "not_found_error")
    other = poe_gateway.http.get("/v1/nothing", headers={"anthropic-version": "2023-06-01"})
    assert other.json()["type"] == "error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_thread_is_refused_in_words_that_clients_know(poe_gateway: Gateway, stream: bool) -> None:
    """Else they would send no more than what is new, and the bot would not know what went before."""
    for thread in ({"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}, {}):
        refused = ask(poe_gateway, "Echo", stream=stream, thread=thread)
        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["error_code"] == "thread_unsupported_request"
    assert ask(poe_gateway, "Echo", stream=stream, thread=None).status_code == 200


def test_the_paths_that_programs_use(poe_gateway: Gateway) -> None:
    body = {"model": "Echo", "messages": HELLO, "max_tokens": 9}
    for path in (
        "/v1/messages?beta=true",
        "/messages",
        "/v1/messages/",
        "/v1/messages/count_tokens?beta=true",
    ):
        response = poe_gateway.http.post(path, json=body, headers={"Authorization": f"Bearer {KEY}"})
        assert response.status_code == 200, path


def test_the_sdk_raises_what_ends_a_stream(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(begin(text("Half"), reset)).name
    with (
        anthropic.Anthropic(api_key=KEY, base_url=gateway.url, max_retries=0) as client,
        pytest.raises(anthropic.APIError),
        client.messages.stream(model=bot, max_tokens=9, messages=HELLO) as stream,
    ):
        stream.get_final_message()


def test_a_silent_stream_carries_pings(beating_gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(begin(text("One"), lambda _: time.sleep(1), chunk(text(" two") + DONE), END))
    found = events_of(ask(beating_gateway, bot.name, stream=True))
    kinds = [each["type"] for each in found]
    assert "ping" in kinds[2:-3]
    assert kinds[-1] == "message_stop"


def test_what_the_bot_is_asked(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("fine"), DONE))
    assert ask(
        gateway, bot.name, system="Be brief.", thinking={"type": "enabled", "budget_tokens": 2048}
    ).is_success
    system, user = bot.query.json["query"]
    assert (system["role"], system["content"]) == ("system", "Be brief.")
    assert user["parameters"] == {"thinking_budget": 2048}


def test_thinking_goes_round_with_the_packages_own_loop_over_tools(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    """It sends back whatever came, thinking and all."""
    said = (
        "*Thinking...*\n\n> Hm.\n\n"
        '<tool_call>\n<invoke name="get_weather">\n<parameter name="city">Rome</parameter>\n'
        "</invoke>\n</tool_call>"
    )
    asked_for: list[str] = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Tells the weather."""
        asked_for.append(city)
        return "sun"

    for stream in (False, True):
        bot = upstream.bot(answer(text(said), DONE), answer(text(said), DONE), answer(text("Sunny."), DONE))
        with anthropic.Anthropic(api_key=KEY, base_url=gateway.url, max_retries=0) as client:
            fields: Any = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "stream": stream}
            runner: Any = client.beta.messages.tool_runner(
                model=bot.name, max_tokens=2000, tools=[get_weather], messages=HELLO, **fields
            )
            told = runner.until_done()
        assert [block.type for block in told.content] == ["text"]
        assert len(bot.queries) == 3
    assert asked_for == ["Rome"] * 4
