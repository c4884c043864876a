"""The list of models, from Poe's to a client's."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.gateway import Gateway, eventually, message_of
from tests.upstream.scripted import DONE, Bot, Script, ScriptedUpstream, answer, close, respond, text


def models(*entries: Any) -> Script:
    return respond(200, {"object": "list", "data": list(entries)})


@pytest.fixture
def listing(start_gateway):
    """Start a gateway with one worker, whose upstream answers the first request for the list like this."""
    upstreams: list[ScriptedUpstream] = []

    def start(*scripts: Script, **settings: str) -> tuple[Gateway, ScriptedUpstream]:
        upstream = ScriptedUpstream()
        upstreams.append(upstream)
        upstream.models = Bot("the list of models", scripts)
        return start_gateway(upstream.url, WEB_CONCURRENCY="1", **settings), upstream

    yield start
    for upstream in upstreams:
        upstream.stop()


def test_a_model_is_told_in_openais_words_and_in_those_of_others(poe_gateway: Gateway) -> None:
    listed = poe_gateway.http.get("/v1/models").json()
    assert listed["object"] == "list"
    echo, bare, *_ = listed["data"]
    assert echo["id"] == "Echo"
    assert echo["object"] == "model"
    assert echo["created"] == 1712505600
    assert echo["owned_by"] == "Anthropic"
    assert echo["description"] == "Says what it received."
    assert echo["context_length"] == 200000
    assert echo["max_output_tokens"] == 64000
    assert echo["architecture"]["input_modalities"] == ["text"]
    assert echo["pricing"]["prompt"] == "0.0000026"
    assert isinstance(bare["created"], int)
    assert bare["owned_by"]
    assert bare.keys() == {"id", "object", "created", "owned_by"}


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/models/Echo", "/models/Echo", "/v1/models/Echo/", "/v1/models/eCHO"),
        *("/v1/models/openai/echo", "/v1/models/poe%2Fanthropic%2FEcho"),
    ],
)
def test_one_model_can_be_asked_for(poe_gateway: Gateway, path: str) -> None:
    response = poe_gateway.http.get(path)
    assert response.status_code == 200
    assert response.json() == poe_gateway.http.get("/v1/models").json()["data"][0]


def test_an_unknown_model_is_a_404(poe_gateway: Gateway) -> None:
    response = poe_gateway.http.get("/v1/models/nobody")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert "nobody" in response.json()["error"]["message"]


def test_the_list_is_fetched_once_without_a_key_and_read_whatever_is_odd_in_it(listing) -> None:
    gateway, upstream = listing(
        models(
            {"id": "vendor/slash", "created": 1712505600},
            {"id": "odd", "created": "yesterday", "owned_by": None, "context_window": 7, "pricing": "free"},
            {
                "id": "nulls",
                "created": None,
                "architecture": None,
                "context_window": None,
                "parameters": None,
            },
            {"id": "strange", "parameters": [None, {}, {"name": 5}, {"name": "aspect"}], "pricing": []},
            {"id": ""},
            {"id": None},
            {"name": "no id"},
            "text",
            None,
        )
    )
    for path in ("/v1/models", "/models", "/v1/models"):
        listed = gateway.http.get(path).json()["data"]
        assert [each["id"] for each in listed] == ["vendor/slash", "odd", "nulls", "strange"]
        assert [each["created"] for each in listed] == [1712505600, 0, 0, 0]
        assert all(value is not None for each in listed for value in each.values())
    assert gateway.http.get("/v1/models/vendor/slash").json()["id"] == "vendor/slash"
    assert upstream.models.query.method == "GET"
    assert "authorization" not in upstream.models.query.headers


def test_without_any_list_it_is_a_502_until_there_is_one(listing) -> None:
    failures = [
        respond(500, {"error": "down"}),
        respond(200, b"<html>", Content_Type="text/html"),
        respond(200, {"data": "none"}),
        respond(200, []),
        respond(302, Location="/elsewhere"),
        [close],
    ]
    gateway, upstream = listing(*failures)
    eventually(lambda: upstream.models.queries)
    for failure in failures:
        upstream.models = Bot("the list of models", [failure])
        for path in ("/v1/models", "/v1/models/any"):
            response = gateway.http.get(path)
            assert response.status_code == 502, response.text
            assert response.json()["error"]["code"] == "upstream_error"
    assert gateway.http.get("/healthz").status_code == 200
    bot = upstream.bot(answer(text("fine"), DONE))
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    upstream.models = Bot("the list of models", [models({"id": "new"})])
    assert gateway.http.get("/v1/models/new").status_code == 200


def test_a_chat_never_waits_for_the_list(listing) -> None:
    gate = threading.Event()
    gateway, upstream = listing([gate, *models({"id": "Late"})])
    bot = upstream.bot(answer(text("fine"), DONE))
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    with gateway.connect() as client:
        client.request("GET", "/v1/models")
        assert message_of(gateway.ask(f"poe/{bot.name}", stop=None, model=bot.name))["content"] == "fine"
        gate.set()
        assert b"Late" in client.response().body
    assert len(upstream.models.queries) == 1


def test_an_old_list_is_served_while_poe_is_down_and_renewed_when_it_is_up(listing) -> None:
    gateway, upstream = listing(models({"id": "first"}), MODELS_CACHE_SECONDS="0")

    def listed() -> list[str]:
        response = gateway.http.get("/v1/models")
        assert response.status_code == 200, response.text
        return [each["id"] for each in response.json()["data"]]

    assert listed() == ["first"]
    upstream.models = down = Bot("the list of models", [respond(503)])
    eventually(lambda: listed() == ["first"] and down.queries and down.queries[0].answered.is_set())
    assert listed() == ["first"]
    upstream.models = Bot("the list of models", [models({"id": "second"})])
    eventually(lambda: listed() == ["second"])
