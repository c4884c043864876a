"""Bots that break off within a call's arguments: a proper end in every API."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.apis import Api, every_api
from tests.gateway import KEY, WORDS, Gateway
from tests.upstream.scripted import DONE, Script, ScriptedUpstream, answer, begin, close, error, event, reset

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "get_weather", "parameters": SCHEMA}
TOOLS: dict[str, Any] = {
    "chat": {"type": "function", "function": FUNCTION},
    "responses": {"type": "function", **FUNCTION},
    "messages": {"name": "get_weather", "input_schema": SCHEMA},
}
HALF = '{"city": "Ro'


def called(**call: Any) -> bytes:
    return event("json", {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}}]})


BEGUN = (
    called(id="call_1", type="function", function={"name": "get_weather", "arguments": ""}),
    *(called(function={"arguments": piece}) for piece in (HALF[:4], HALF[4:])),
)


def ask(api: Api, gateway: Gateway, bot: str, *, stream: bool) -> httpx.Response:
    return api.ask(gateway, bot, stream=stream, tools=[TOOLS[api.name]])


def last_events(response: httpx.Response) -> list[Any]:
    """The last two events of a stream."""
    lines = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines[-2:]]


FAILURES = {
    "closed": begin(*BEGUN, close),
    "reset": begin(*BEGUN, reset),
    "an error": answer(*BEGUN, error("Oops.", allow_retry=True), DONE),
}


@pytest.mark.parametrize("name", FAILURES)
@every_api
def test_a_failure_inside_of_arguments_is_an_error(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, name: str
) -> None:
    bot = upstream.bot(FAILURES[name])
    api.told(ask(api, gateway, bot.name, stream=False), 502, "upstream_error")
    before, last = last_events(ask(api, gateway, bot.name, stream=True))
    match api.name:
        case "chat":
            assert (before["error"]["code"], last) == ("upstream_error", "[DONE]")
        case "responses":
            assert (before["type"], last["type"]) == ("error", "response.failed")
            assert last["response"]["output"][-1]["status"] == "incomplete"
        case "messages":
            assert (last["type"], last["error"]["type"]) == ("error", "api_error")
    assert len(bot.queries) == 2


@pytest.mark.parametrize("script", [answer(*BEGUN, DONE), answer(*BEGUN)], ids=["done", "no done"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@every_api
def test_an_answer_that_ends_inside_of_arguments_is_one_that_was_cut(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, stream: bool, script: Script
) -> None:
    response = ask(api, gateway, upstream.bot(script).name, stream=stream)
    assert response.status_code == 200
    before, last = last_events(response) if stream else (None, response.json())
    match api.name:
        case "chat":
            (choice,) = (before if stream else last)["choices"]
            assert choice["finish_reason"] == "length"
        case "responses":
            ended = last["response"] if stream else last
            assert (ended["status"], ended["output"][-1]["status"]) == ("incomplete", "incomplete")
            assert ended["incomplete_details"] == {"reason": "max_output_tokens"}
        case "messages":
            ended = before["delta"] if stream else last
            assert ended["stop_reason"] == "max_tokens"


def test_the_packages_know_that_a_call_was_cut(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(*BEGUN, DONE)).name
    asked: Any = {"model": bot, "messages": [{"role": "user", "content": WORDS}]}
    with (
        anthropic.Anthropic(api_key=KEY, base_url=gateway.url, max_retries=0) as client,
        client.messages.stream(max_tokens=2000, tools=[TOOLS["messages"]], **asked) as stream,
    ):
        message = stream.get_final_message()
    assert message.stop_reason == "max_tokens"
    assert message.content[-1].type == "tool_use"
    with (
        openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=0) as plain,
        pytest.raises(openai.LengthFinishReasonError),
        plain.chat.completions.stream(tools=[strict()], **asked) as chunks,
    ):
        chunks.get_final_completion()


def strict() -> Any:
    schema = SCHEMA | {"required": ["city"], "additionalProperties": False}
    return {"type": "function", "function": FUNCTION | {"strict": True, "parameters": schema}}
