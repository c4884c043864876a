"""What reaches Poe: exactly one query, to exactly that bot."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.faults import census
from tests.gateway import KEY, Gateway, authorization, eventually, message_of
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, respond, text

FINE = answer(text("fine"), DONE)


@pytest.fixture
def send(gateway: Gateway, upstream: ScriptedUpstream):
    """Send a request with these fields and return the JSON that reached Poe."""

    def send(**fields: Any) -> dict[str, Any]:
        bot = upstream.bot(FINE)
        message_of(gateway.ask(bot.name, **fields))
        return bot.query.json

    return send


def test_a_plain_question_becomes_the_smallest_query(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(FINE)
    message_of(gateway.ask(bot.name, "hi"))
    query = bot.query
    assert (query.method, query.path) == ("POST", f"/bot/{bot.name}")
    assert query.json == {
        "version": "1.2",
        "type": "query",
        "user_id": "",
        "conversation_id": "",
        "message_id": "",
        "query": [{"role": "user", "content": "hi", "content_type": "text/markdown"}],
    }


def test_the_key_goes_on_as_bearer_and_nothing_else_of_the_client_does(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(FINE)
    body = {"model": bot.name, "messages": [{"role": "user", "content": "hi"}]}
    private = {"x-api-key": KEY, "Cookie": "private=1", "X-Forwarded-For": "10.0.0.7", "User-Agent": "mine"}
    assert gateway.http.post("/v1/chat/completions", json=body, headers=private).status_code == 200
    headers = bot.query.headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["accept"] == "text/event-stream"
    assert not {"x-api-key", "cookie", "x-forwarded-for"} & headers.keys()
    assert headers.get("user-agent") != "mine"


@pytest.mark.parametrize(
    ("role", "poes"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("user", "user"),
        ("assistant", "bot"),
        ("tool", "user"),
        ("function", "user"),
    ],
)
def test_roles_are_translated(send, role: str, poes: str) -> None:
    assert send(messages=[{"role": role, "content": "x"}])["query"][0]["role"] == poes


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ({"content": "plain"}, "plain"),
        ({"content": None}, ""),
        ({}, ""),
        ({"content": []}, ""),
        ({"content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}, "one\n\ntwo"),
        ({"content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}, "a"),
        ({"content": "four: 四 \U0001f680 \u0000 \u2028"}, "four: 四 \U0001f680 \u0000 \u2028"),
    ],
)
def test_content_in_every_form_is_sent_as_text(send, content: dict[str, Any], sent: str) -> None:
    assert send(messages=[{"role": "user", **content}])["query"][0]["content"] == sent


def test_nothing_is_sent_as_null(send) -> None:
    nulls = dict.fromkeys(
        ["temperature", "stop", "logit_bias", "max_tokens", "n", "stream", "seed", "tools", "thinking_budget"]
    )
    query = send(
        messages=[{"role": "user", "content": None, "name": None, "tool_calls": None}], stop=[], logit_bias={}
    )
    assert "null" not in json.dumps(query)
    assert send(**nulls).keys() == query.keys()
    assert "null" not in json.dumps(send(**nulls))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"temperature": 0}, {"temperature": 0}),
        ({"temperature": 0.7}, {"temperature": 0.7}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["A", "B"]}, {"stop_sequences": ["A", "B"]}),
        ({"logit_bias": {"50256": -100}}, {"logit_bias": {"50256": -100}}),
    ],
)
def test_what_poe_knows_is_sent_in_its_words(send, given: dict[str, Any], sent: dict[str, Any]) -> None:
    query = send(**given)
    assert {name: query[name] for name in sent} == sent
    assert "parameters" not in query["query"][0]


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({"aspect": "16:9"}, {"aspect": "16:9"}),
        ({"thinking_budget": 1024}, {"thinking_budget": 1024}),
        ({"web_search": True}, {"web_search": True}),
        ({"web_search": False}, {"web_search": False}),
        ({"custom": {"a": [1, 2.5, "x"]}}, {"custom": {"a": [1, 2.5, "x"]}}),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({"verbosity": "low"}, {"verbosity": "low"}),
        ({"quality": "hd", "size": "1024x1024"}, {"quality": "hd", "size": "1024x1024"}),
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"thinking_budget": 2048}),
        ({"extra_body": {"aspect": "1:1"}}, {"aspect": "1:1"}),
        (
            {"extra_body": {"google": {"thinking_config": {"thinking_budget": 512}}}},
            {"thinking_budget": 512},
        ),
        ({"google": {"thinking_config": {"thinking_budget": 512}}}, {"thinking_budget": 512}),
    ],
)
def test_a_bots_parameters_are_sent_typed_and_never_in_the_text(
    send, given: dict[str, Any], parameters: dict[str, Any]
) -> None:
    (message,) = send(messages=[{"role": "user", "content": "draw"}], **given)["query"]
    assert message["parameters"] == parameters
    assert message["content"] == "draw"


def test_parameters_stand_with_the_users_last_message(send) -> None:
    messages = [{"role": role, "content": role} for role in ("system", "user", "user", "assistant")]
    query = send(messages=messages, aspect="1:1")["query"]
    assert [each.get("parameters") for each in query] == [None, None, {"aspect": "1:1"}, None]


def test_what_openai_defines_and_poe_has_no_use_for_is_not_sent(send) -> None:
    query = send(
        top_p=0.9,
        seed=7,
        user="u",
        store=True,
        metadata={"a": "b"},
        presence_penalty=0.1,
        frequency_penalty=0.1,
        logprobs=True,
        top_logprobs=3,
        service_tier="auto",
        modalities=["text"],
        response_format={"type": "text"},
        parallel_tool_calls=True,
        prompt_cache_key="k",
        stream_options={"include_usage": True},
        max_completion_tokens=5,
        n=1,
    )
    assert query.keys() == {"version", "type", "user_id", "conversation_id", "message_id", "query"}
    assert query["query"][0].keys() == {"role", "content", "content_type"}


NAMES = [
    "two words",
    "what?really=1",
    "C#",
    "a/b/c",
    "/leading",
    "trailing/",
    "//",
    "../models",
    "..%2F..%2Fadmin",
    "a/../b",
    "%2F",
    "100%",
    "%41",
    "%2E%2E",
    "...",
    ".hidden",
    "new\nline\ttab\r\x00\x1f\x7f",
    "a;b=c&d+e",
    "ボット-四-é-\U0001f680",
    "e\u0301 \u202e",
    "http://elsewhere.example/bot",
    "\\..\\windows",
    "user@host:80",
    "x" * 255,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_segment_whatever_it_contains(
    gateway: Gateway, upstream: ScriptedUpstream, name: str
) -> None:
    bot = upstream.bot(FINE, name=name)
    response = gateway.ask(name)
    assert message_of(response)["content"] == "fine"
    assert response.json()["model"] == name
    _, bots, segment = bot.query.path.split("/")
    assert bots == "bot"
    assert unquote(segment) == name
    assert not set(segment) & set("?# ;@:\\"), segment


@pytest.mark.parametrize("name", [".", "..", "", " ", "x" * 256])
def test_a_name_that_cannot_be_a_segment_is_refused(
    gateway: Gateway, upstream: ScriptedUpstream, name: str
) -> None:
    response = gateway.ask(name)
    assert response.status_code in (400, 404)
    assert response.json()["error"]["param"] == "model"


@pytest.fixture(scope="module")
def listed(upstream: ScriptedUpstream, start_shared_gateway):
    """A gateway with one worker, which has a list of bots."""
    data = [{"id": each} for each in ("GPT-4o", "Claude-Sonnet-4.5", "house/kept", "kept")]
    before, upstream.models = upstream.models, Bot("models", [respond(200, {"data": data})])
    gateway = start_shared_gateway(upstream.url, WEB_CONCURRENCY="1")
    assert gateway.http.get("/v1/models").status_code == 200
    upstream.models = before
    return gateway


@pytest.mark.parametrize(
    ("asked", "bot_name"),
    [
        ("openai/GPT-4o", "GPT-4o"),
        ("poe/Claude-Sonnet-4.5", "Claude-Sonnet-4.5"),
        ("openrouter/openai/gpt-4O", "GPT-4o"),
        ("gpt-4o", "GPT-4o"),
        ("CLAUDE-SONNET-4.5", "Claude-Sonnet-4.5"),
        ("house/kept", "house/kept"),
        ("HOUSE/KEPT", "house/kept"),
        ("other/kept", "kept"),
        ("My-Private-Bot", "My-Private-Bot"),
        ("someone/My-Private-Bot", "someone/My-Private-Bot"),
    ],
)
def test_the_list_of_bots_decides_about_prefixes_and_case(
    listed: Gateway, upstream: ScriptedUpstream, asked: str, bot_name: str
) -> None:
    bot = upstream.bot(FINE, name=bot_name)
    response = listed.ask(asked)
    assert message_of(response)["content"] == "fine"
    assert len(bot.queries) == 1
    assert response.json()["model"] == asked


def test_every_chunk_names_the_model_as_it_was_asked_for(listed: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.bot(FINE, name="GPT-4o")
    *chunks, _ = listed.stream("openai/gpt-4O")
    assert {each["model"] for each in chunks} == {"openai/gpt-4O"}


def test_a_long_prompt_arrives_whole(listed: Gateway, upstream: ScriptedUpstream) -> None:
    prompt = "All work and no play. " * 230_000  # 5 MB
    bot = upstream.bot(answer(text("read"), DONE))
    response = listed.ask(bot.name, prompt)
    assert message_of(response)["content"] == "read"
    assert bot.query.json["query"][0]["content"] == prompt
    assert response.json()["usage"]["prompt_tokens"] > 1_000_000


def test_keep_alive_connections_to_poe_are_used_again(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, command=census.COMMAND, WEB_CONCURRENCY="1")
    bot = upstream.bot(FINE)
    for _ in range(4):
        # A connection comes back after its answer has left.
        eventually(lambda: census.take(gateway).kept == 1)
        assert message_of(gateway.ask(bot.name))["content"] == "fine"
    assert len({id(query.connection) for query in bot.queries}) == 1


def test_an_idle_connection_that_poe_closed_is_replaced_without_harm(
    listed: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(FINE)
    assert message_of(listed.ask(bot.name))["content"] == "fine"
    bot.queries[0].connection.close()
    eventually(bot.queries[0].connection.closed.is_set)
    assert message_of(listed.ask(bot.name))["content"] == "fine"


def test_bodies_without_v1_are_the_same(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(FINE)
    body = {"model": bot.name, "messages": [{"role": "user", "content": "hi"}]}
    response: httpx.Response = gateway.http.post("/chat/completions", json=body, headers=authorization())
    assert message_of(response)["content"] == "fine"
    assert bot.query.json["query"][0]["content"] == "hi"


def test_a_proxy_is_used_where_the_environment_names_one(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway("http://poe.invalid:81", HTTP_PROXY=upstream.url, WEB_CONCURRENCY="1")
    bot = upstream.bot(FINE)
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    assert bot.query.path == f"http://poe.invalid:81/bot/{bot.name}"
    assert bot.query.headers["host"] == "poe.invalid:81"


def test_no_proxy_is_used_where_the_environment_forbids_it(upstream: ScriptedUpstream, start_gateway) -> None:
    proxy = ScriptedUpstream()
    settings = {"HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"}
    gateway: Gateway = start_gateway(upstream.url, WEB_CONCURRENCY="1", **settings)
    bot = upstream.bot(FINE)
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    assert bot.query.path == f"/bot/{bot.name}"
    assert proxy.models.queries == []
    proxy.stop()
