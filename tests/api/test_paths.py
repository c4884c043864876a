"""Which paths and methods exist, and how others are refused."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.api.requests import CHAT, body_for, post, told
from tests.gateway import KEY, Gateway, authorization
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, text

RIGHT = ("/v1/chat/completions", "/chat/completions", "/v1/responses", "/responses", "/v1/models", "/models")


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/chat/completions", "/chat/completions", "/v1/chat/completions/", "/chat/completions/"),
        *("/v1//chat/completions", "//v1/chat///completions//"),
        *("/v1/v1/chat/completions", "/api/v1/chat/completions", "/openai/v1/chat/completions"),
        *("/v1beta/openai/chat/completions", "/openai/deployments/gpt-4o/chat/completions"),
        *("/v1/chat/completions/chat/completions", "/v1/chat/completions/v1//chat/completions/"),
    ],
)
@pytest.mark.parametrize("query", ["", "?beta=true"])
def test_a_chat_has_several_paths(gateway: Gateway, bot: Bot, path: str, query: str) -> None:
    response = post(gateway, body_for(bot), path + query)
    assert response.json()["choices"][0]["message"]["content"] == "fine"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v1/", "/healthz", "/readyz", "/healthz/"),
        *("/v1/models", "/models", "/v1/models/", "/models/", "/v1//models"),
        *(
            "/v1/v1/models",
            "/api/v1/models",
            "/openai/models",
            "/v1/chat/completions/models",
            "/anthropic/v1/models",
        ),
    ],
)
def test_get_and_head_need_no_key(gateway: Gateway, path: str) -> None:
    got, head = gateway.http.get(path), gateway.http.head(path)
    assert (got.status_code, head.status_code) == (200, 200)
    assert got.headers["content-type"] == head.headers["content-type"] == "application/json"
    assert isinstance(got.json(), dict)
    assert head.content == b""


@pytest.mark.parametrize("path", ["/", "/v1"])
def test_the_root_says_what_this_is(gateway: Gateway, path: str) -> None:
    assert gateway.http.get(path).json()["name"] == "poe2openai"


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/v1/v1/v2/chat/completions", "/chat/completions"),
        ("/v3/responses", "/responses"),
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/v2/chat/completions", "/chat/completions"),
        ("/compatible/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/model", "/v1/models"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_path_is_told_the_nearest_right_one(
    gateway: Gateway, method: str, path: str, nearest: str
) -> None:
    with gateway.connect() as client:
        response = client.request(method, path).response()
    assert response.status == 404
    hint = re.search(r"Did you mean (\S+)\?", response.error["message"])
    assert hint, response.error
    assert hint[1].endswith(nearest)
    assert hint[1] in RIGHT


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("/v1/completions", "Poe's bots chat: POST /v1/chat/completions, with messages."),
        ("/v1/engines/Echo/completions", "POST /v1/chat/completions"),
        ("/v1/responses/resp_1", "POST /v1/responses with the whole conversation as input"),
        ("/responses/resp_1/cancel", "POST /v1/responses with the whole conversation as input"),
        ("/v1/embeddings", "Poe has no bots for them"),
        ("/v1/v1/embeddings", "Poe has no bots for them"),
        ("/openai/v1/moderations", "Poe has no bots for them"),
        ("/v1/images/generations", "ask an image bot by POST /v1/chat/completions"),
        ("/v1/audio/transcriptions", "as input_audio"),
        ("/v1/videos", "ask a video bot"),
        ("/v1/files/file-1/content", "as parts of type file"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_asks_for_an_api_that_is_not_here_is_told_what_to_do(
    gateway: Gateway, method: str, path: str, advice: str
) -> None:
    error = told(gateway.http.request(method, path, headers=authorization()), 404, "not_found")
    assert advice in error["message"]
    assert f"{gateway.url}/v1." in error["message"]
    assert "Did you mean" not in error["message"]


@pytest.mark.parametrize("before", ["/v1", "/anthropic", "/anthropic/v1", "/v1/messages"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_who_gives_anthropics_client_another_base_url_is_understood(
    gateway: Gateway, bot: Bot, before: str, path: str
) -> None:
    response = post(gateway, body_for(bot), f"{before}{path}")
    assert response.status_code == 200, response.text
    assert response.json().keys() & {"content", "input_tokens"}


@pytest.mark.parametrize("model", [{}, {"model": None}])
def test_who_names_no_model_asks_the_deployment_of_the_path(
    gateway: Gateway, upstream: ScriptedUpstream, model: dict[str, None]
) -> None:
    """As Azure's clients do."""
    bot = upstream.bot(answer(text("fine"), DONE), name="Ein Bot-ü")
    path = f"/openai/deployments/{quote(bot.name)}/chat/completions?api-version=2024-10-21"
    body = {"messages": [{"role": "user", "content": "hi"}], **model}
    response = gateway.http.post(path, json=body, headers={"api-key": KEY})
    assert response.json()["choices"][0]["message"]["content"] == "fine", response.text
    assert response.json()["model"] == bot.name
    named = gateway.http.post(path, json=body | {"model": "Another"}, headers={"api-key": KEY})
    assert (named.status_code, len(bot.queries)) == (404, 1)
    told(gateway.http.post(CHAT, json=body, headers={"api-key": KEY}), 400)


def test_names_of_models_may_look_like_base_urls(gateway: Gateway) -> None:
    error = told(gateway.http.get("/v1/models/openai/v1/models/no"), 404, "model_not_found")
    assert "'openai/v1/models/no'" in error["message"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_who_gives_anthropics_client_an_odd_base_url_is_told_the_right_one(
    gateway: Gateway, path: str
) -> None:
    response = gateway.http.post(f"/v2{path}", json={}, headers={"x-api-key": KEY})
    assert (response.status_code, response.json()["type"]) == (404, "error")
    told = f"Did you mean {path}? The base URL for Anthropic clients is {gateway.url}."
    assert response.json()["error"]["message"].endswith(told)


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/messages/batches/msgbatch_1/results"])
def test_anthropics_clients_are_told_so_in_their_form(gateway: Gateway, path: str) -> None:
    response = gateway.http.post(path, json={}, headers={"x-api-key": KEY})
    assert response.status_code == 404
    assert response.json().keys() == {"type", "error", "request_id"}
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "not_found_error"
    assert "POST /v1/messages answers" in response.json()["error"]["message"]


def test_googles_clients_are_told_so_in_their_form(gateway: Gateway) -> None:
    response = gateway.http.post("/v1beta/models/Echo:generateContent", json={})
    assert response.status_code == 404
    error = response.json()["error"]
    assert error.keys() == {"code", "message", "status"}
    assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    assert f"{gateway.url}/v1." in error["message"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/tags", "/api/version"])
def test_ollamas_clients_are_told_so_in_their_form(gateway: Gateway, path: str) -> None:
    response = gateway.http.get(path)
    assert response.status_code == 404
    assert f"{gateway.url}/v1." in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CHAT, {"POST", "OPTIONS"}),
        ("DELETE", CHAT, {"POST", "OPTIONS"}),
        ("PUT", "/chat/completions/", {"POST", "OPTIONS"}),
        ("POST", "/v1/models", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    gateway: Gateway, method: str, path: str, allowed: set[str]
) -> None:
    response = gateway.http.request(method, path, headers=authorization())
    told(response, 405)
    assert set(response.headers["allow"].split(", ")) == allowed
