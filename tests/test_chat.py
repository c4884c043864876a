"""Chats with real bots, through the openai package."""

from __future__ import annotations

import asyncio
import json

import openai
import pytest

from tests.gateway import KEY, Gateway, content_of, message_of
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import LIMIT

HELLO = [{"role": "user", "content": "hello"}]
COUNTED = "one two three 四 \U0001f680"


@pytest.fixture
def client(poe_gateway: Gateway):
    with openai.OpenAI(api_key=KEY, base_url=f"{poe_gateway.url}/v1", timeout=LIMIT) as client:
        yield client


def test_a_whole_completion_has_openais_shape(poe_gateway: Gateway) -> None:
    completion = poe_gateway.ask("Counter").json()
    assert completion.pop("id").startswith("chatcmpl-")
    assert isinstance(completion.pop("created"), int)
    usage = completion.pop("usage")
    assert completion == {
        "object": "chat.completion",
        "model": "Counter",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": COUNTED, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "system_fingerprint": None,
    }
    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 0}


def test_a_stream_has_openais_shape(poe_gateway: Gateway) -> None:
    *chunks, done = poe_gateway.stream("Counter")
    assert done == "[DONE]"
    assert {(each["object"], each["model"]) for each in chunks} == {("chat.completion.chunk", "Counter")}
    assert len({(each["id"], each["created"]) for each in chunks}) == 1
    choices = [choice for each in chunks for choice in each["choices"]]
    assert len(choices) == len(chunks)
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(each["delta"].get("content", "") for each in choices) == COUNTED
    assert [each["finish_reason"] for each in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert choices[-1]["delta"] == {}
    assert {each["index"] for each in choices} == {0}
    assert all("usage" not in each for each in chunks)


def test_a_streams_headers_keep_proxies_from_holding_it(poe_gateway: Gateway) -> None:
    headers = poe_gateway.ask("Counter", stream=True).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers
    assert "content-encoding" not in headers
    assert headers["x-request-id"]


def test_the_usage_chunk_comes_only_if_it_is_asked_for(poe_gateway: Gateway) -> None:
    *_, finish, usage, done = poe_gateway.stream("Counter", stream_options={"include_usage": True})
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"] == poe_gateway.ask("Counter").json()["usage"]
    assert done == "[DONE]"


def test_openai_creates(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="Counter", messages=HELLO)
    assert completion.choices[0].message.content == COUNTED
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens > 0


def test_openai_streams(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="Counter", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == COUNTED
    assert chunks[-1].usage.completion_tokens > 0


def test_openais_stream_helper_understands_every_event(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="Counter", messages=HELLO) as stream:
        kinds = {event.type for event in stream}
        completion = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert completion.choices[0].message.content == COUNTED
    assert completion.choices[0].finish_reason == "stop"


def test_openai_works_asynchronously(poe_gateway: Gateway) -> None:
    async def chat() -> tuple[str, str]:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{poe_gateway.url}/v1") as client:
            create = client.chat.completions.create
            whole, stream = await asyncio.gather(
                create(model="Counter", messages=HELLO),
                create(model="Counter", messages=HELLO, stream=True),
            )
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            async with client.chat.completions.stream(model="Counter", messages=HELLO) as helped:
                final = await helped.get_final_completion()
            assert final.choices[0].message.content == COUNTED
            return whole.choices[0].message.content, "".join(parts)

    assert asyncio.run(chat()) == (COUNTED, COUNTED)


def test_openai_lists_and_retrieves_models(client: openai.OpenAI) -> None:
    assert {model.id: model.created for model in client.models.list()}["Echo"] == 1712505600
    assert client.models.retrieve("Echo").owned_by == "Anthropic"


def test_a_real_server_accepts_what_is_sent(client: openai.OpenAI) -> None:
    """``fastapi_poe`` validates: a null, an unknown role or a missing field would be a 500."""
    completion = client.chat.completions.create(
        model="Echo",
        messages=[
            {"role": "system", "content": "S"},
            {"role": "developer", "content": "D"},
            {"role": "user", "content": [{"type": "text", "text": "U"}], "name": None},
            {"role": "assistant", "content": None},
            {"role": "tool", "tool_call_id": "c", "content": "T"},
            {"role": "user", "content": "last"},
        ],
        temperature=0.5,
        stop=["Ω"],  # which the bot says as an escape
        logit_bias={"50256": -100},
        seed=7,
        extra_body={"thinking_budget": 1024, "nothing": None},
    )
    received = json.loads(completion.choices[0].message.content)
    assert [(each["role"], each["content"]) for each in received["query"]] == [
        ("system", "S"),
        ("system", "D"),
        ("user", "U"),
        ("bot", ""),
        ("user", '<tool_result id="c">\nT\n</tool_result>'),
        ("user", "last"),
    ]
    assert received["query"][-1]["parameters"] == {"thinking_budget": 1024}
    assert received["temperature"] == 0.5
    assert received["stop_sequences"] == ["Ω"]
    assert received["logit_bias"] == {"50256": -100}


def test_json_in_an_answer_stays_as_it_is(poe_gateway: Gateway) -> None:
    whole = message_of(poe_gateway.ask("Echo", "[a] ![b][c] > quote"))["content"]
    assert whole == content_of(
        poe_gateway.stream("Echo", messages=[{"role": "user", "content": "[a] ![b][c] > quote"}])
    )
    assert json.loads(whole)["query"][0]["content"] == "[a] ![b][c] > quote"


def test_thinking_becomes_reasoning_content(poe_gateway: Gateway) -> None:
    message = message_of(poe_gateway.ask("Thinker"))
    assert message["content"] == "The answer."
    assert message["reasoning_content"] == "**Planning**\n\nI look twice.\n> quoted"
    usage = poe_gateway.ask("Thinker").json()["usage"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]


def test_thinking_streams_as_reasoning_content(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="Thinker", messages=HELLO, stream=True)
    deltas = [chunk.choices[0].delta for chunk in stream]
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning == "**Planning**\n\nI look twice.\n> quoted"
    assert "".join(delta.content or "" for delta in deltas) == "The answer."


@pytest.mark.parametrize(
    ("bot", "content"),
    [
        ("Artist", "Here: ![a cat](https://pfst.cf2.poecdn.net/base/image/cat)."),
        ("Progress", "Finished: a painting."),
        ("Jsonic", "from json"),
    ],
)
def test_real_bots_answers_are_the_same_whole_and_streamed(
    poe_gateway: Gateway, bot: str, content: str
) -> None:
    assert message_of(poe_gateway.ask(bot))["content"] == content
    assert content_of(poe_gateway.stream(bot)) == content


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("bot", "kind", "status", "code"),
    [
        ("locked", openai.AuthenticationError, 401, "invalid_api_key"),
        ("Broke", openai.APIStatusError, 402, "insufficient_quota"),
        ("no-such-bot", openai.NotFoundError, 404, "model_not_found"),
        ("TooLong", openai.BadRequestError, 400, "context_length_exceeded"),
        ("Limited", openai.RateLimitError, 429, "rate_limit_exceeded"),
    ],
)
def test_openai_raises_the_right_error(
    client: openai.OpenAI, bot: str, kind: type[openai.APIStatusError], status: int, code: str, stream: bool
) -> None:
    with pytest.raises(kind) as raised:
        client.with_options(max_retries=0).chat.completions.create(model=bot, messages=HELLO, stream=stream)
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.request_id


def test_openai_reaches_a_locked_bot_with_its_key(poe_gateway: Gateway) -> None:
    with openai.OpenAI(api_key=PoeServer.LOCKED_KEY, base_url=f"{poe_gateway.url}/v1") as client:
        completion = client.chat.completions.create(model="locked", messages=HELLO)
    assert completion.choices[0].message.content == COUNTED


@pytest.mark.parametrize("bot", ["Halfway", "Crashing"])
def test_a_failure_in_mid_stream_raises_what_the_bot_said(client: openai.OpenAI, bot: str) -> None:
    said = {"Halfway": "Internal server error", "Crashing": "The bot encountered an unexpected issue."}
    with pytest.raises(openai.APIError, match=said[bot]):
        list(client.chat.completions.create(model=bot, messages=HELLO, stream=True))


def test_openai_leaving_a_stream_ends_the_bots_query(client: openai.OpenAI, poe: PoeServer) -> None:
    stream = client.chat.completions.create(model="slow", messages=HELLO, stream=True)
    next(chunk for chunk in stream if chunk.choices[0].delta.content)
    stream.close()
    assert poe.slow.ended.wait(LIMIT)
