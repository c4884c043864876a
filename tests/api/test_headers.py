"""What headers do: keys, CORS, request ids."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.requests import CHAT, body_for
from tests.gateway import KEY, Gateway, eventually
from tests.upstream.scripted import Bot


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer {KEY}"},
        {"Authorization": f"BEARER   {KEY} "},
        {"x-api-key": KEY},
        {"api-key": KEY},
        {"X-API-KEY": KEY},
        {"x-goog-api-key": KEY},
        {"Authorization": KEY},
        {"Authorization": "Basic YWRtaW46MTIzNDU2", "api-key": KEY},
        {"Authorization": "a-proxy's", "api-key": KEY},
        {"x-api-key": " ", "x-goog-api-key": KEY},
        {"Authorization": f"Bearer {KEY}", "x-api-key": KEY},
        {"Authorization": "Bearer ", "x-api-key": KEY},
    ],
)
def test_a_key_goes_to_poe_from_any_header(gateway: Gateway, bot: Bot, headers: dict[str, str]) -> None:
    with gateway.connect() as client:
        response = client.request("POST", CHAT, body_for(bot), headers, key=None).response()
    assert response.status == 200, response.body
    assert bot.query.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer   "},
        {"Authorization": "Basic YWRtaW46MTIzNDU2"},
        {"Authorization": f"Token {KEY}"},
        {"Authorization": "k\u00e9y"},
        {"x-api-key": ""},
        {"Authorization": "Bearer two words"},
        {"Authorization": "Bearer k\u00e9y"},
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_without_a_key_nothing_is_asked(
    gateway: Gateway, bot: Bot, headers: dict[str, Any], stream: bool
) -> None:
    with gateway.connect() as client:
        response = client.request("POST", CHAT, body_for(bot, stream=stream), headers, key=None).response()
    assert response.status == 401
    assert response.error["code"] == "invalid_api_key"
    assert response.error["type"] == "invalid_request_error"
    assert KEY.encode() not in response.body
    assert bot.queries == []


@pytest.mark.parametrize("path", [CHAT, "/chat/completions", "/v1/models", "/v1/no/such/path"])
def test_a_preflight_needs_no_key_and_echoes_what_is_asked_for(gateway: Gateway, path: str) -> None:
    asked = "authorization,content-type,x-stainless-os,http-referer"
    response = gateway.http.options(
        path,
        headers={
            "Origin": "app://obsidian.md",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": asked,
        },
    )
    assert response.status_code in (200, 204)
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-headers"] == asked
    assert "POST" in response.headers["access-control-allow-methods"]


def test_a_preflight_cannot_smuggle_a_header_into_the_answer(gateway: Gateway) -> None:
    headers = {"Origin": "https://x.example", "Access-Control-Request-Headers": "a\tb: c<script>"}
    assert "script" not in str(gateway.http.options(CHAT, headers=headers).headers)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_answers_allow_every_origin(gateway: Gateway, bot: Bot, stream: bool) -> None:
    headers = gateway.ask(bot.name, stream=stream).headers
    assert headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/anything", "/api/admin/models"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_the_panel_is_closed_to_other_origins(gateway: Gateway, path: str, method: str) -> None:
    headers = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    response = gateway.http.request(method, path, headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_every_answer_has_an_id_of_its_own_which_stands_in_the_log(gateway: Gateway, bot: Bot) -> None:
    responses = [
        gateway.ask(bot.name),
        gateway.ask(bot.name, stream=True),
        gateway.ask("no such bot"),
        gateway.http.get("/nowhere"),
        gateway.http.get("/v1/models"),
        gateway.http.options(CHAT),
    ]
    ids = [response.headers["x-request-id"] for response in responses]
    assert len(set(ids)) == len(ids)
    for each in ids:
        eventually(lambda each=each: re.search(rf"\b{each}\b", gateway.log.read_text()))


def test_a_clients_own_id_is_kept(gateway: Gateway) -> None:
    assert gateway.http.get("/", headers={"x-request-id": "mine-7"}).headers["x-request-id"] == "mine-7"


@pytest.mark.parametrize("given", ["two words", "x" * 500, "a\tb", 'q"uote', b"\xff"])
def test_an_id_that_would_spoil_the_log_is_replaced(gateway: Gateway, given: str) -> None:
    assert re.fullmatch(
        r"[\w-]{8,}", gateway.http.get("/", headers={"x-request-id": given}).headers["x-request-id"]
    )
