"""The HTTP of the API: paths, bodies, keys, CORS, and refusals that a client understands."""

from __future__ import annotations

import gzip
import json
import re
import select
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway import KEY, WORDS, Client, Gateway, authorization, eventually
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, text

LIMIT = 1024 * 1024  # the gateway's MAX_REQUEST_SIZE
CHAT = "/v1/chat/completions"


@pytest.fixture
def bot(upstream: ScriptedUpstream) -> Bot:
    return upstream.bot(answer(text("fine"), DONE))


def body_for(bot: Bot, **fields: Any) -> bytes:
    return json.dumps(
        {"model": bot.name, "messages": [{"role": "user", "content": WORDS}], **fields}
    ).encode()


def post(gateway: Gateway, content: Any, path: str = CHAT, **headers: str) -> httpx.Response:
    fields = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return gateway.http.post(path, content=content, headers=authorization() | fields)


def told(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The error of a response, which must have this status and OpenAI's form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.headers["access-control-allow-origin"] == "*"
    error: dict[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert code is None or error["code"] == code
    assert error["message"].isascii()
    return error


# Paths.

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


# Bodies.


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "application/json",
            "application/json; charset=utf-8",
            "APPLICATION/JSON",
            "application/vnd.x+json",
        ),
        *("", "text/plain;charset=UTF-8"),
    ],
)
def test_json_by_any_name_is_read(gateway: Gateway, bot: Bot, kind: str) -> None:
    assert post(gateway, body_for(bot), Content_Type=kind).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/markdown", "multipart/form-data; boundary=x", "image/png", "text/html"]
)
def test_what_says_that_it_is_no_json_is_a_415(gateway: Gateway, bot: Bot, kind: str) -> None:
    told(post(gateway, body_for(bot), Content_Type=kind), 415)
    assert bot.queries == []


def test_a_chunked_body_is_read(gateway: Gateway, bot: Bot) -> None:
    body = body_for(bot)
    assert post(gateway, (body[at : at + 7] for at in range(0, len(body), 7))).status_code == 200
    assert bot.query.json["query"][0]["content"] == WORDS


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)
def test_a_compressed_body_is_unpacked(gateway: Gateway, bot: Bot, coding: str, pack: Any) -> None:
    assert post(gateway, pack(body_for(bot)), Content_Encoding=coding).status_code == 200
    assert bot.query.json["query"][0]["content"] == WORDS


@pytest.mark.parametrize(
    ("packed", "coding", "status"),
    [
        (gzip.compress(b'{"model": "' + b"x" * 100 * LIMIT + b'"}'), "gzip", 413),
        (zlib.compress(b" " * (LIMIT + 1)), "deflate", 413),
        (b"not compressed", "gzip", 400),
        (gzip.compress(b"{}" * 1000)[:-10], "gzip", 400),
        (b"", "gzip", 400),
        (b"{}", "br", 415),
        (b"{}", "gzip, gzip", 415),
    ],
    ids=["bomb", "over", "no gzip", "cut", "empty", "unknown", "twice"],
)
def test_a_compressed_body_that_cannot_be_read_is_refused(
    gateway: Gateway, packed: bytes, coding: str, status: int
) -> None:
    told(post(gateway, packed, Content_Encoding=coding), status)


def padded(bot: Bot, size: int) -> bytes:
    body = body_for(bot)
    return body + b" " * (size - len(body))


def chunked(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), 50_000):
        yield body[at : at + 50_000]


def test_a_body_of_just_the_limit_is_read(gateway: Gateway, bot: Bot) -> None:
    assert post(gateway, padded(bot, LIMIT)).status_code == 200
    assert post(gateway, chunked(padded(bot, LIMIT))).status_code == 200


def test_a_body_over_the_limit_is_a_413_that_can_be_read(gateway: Gateway, bot: Bot) -> None:
    """Both clients send all of it before they read."""
    for body in (padded(bot, LIMIT + 1), padded(bot, LIMIT + LIMIT // 2)):
        told(post(gateway, body), 413)
        told(post(gateway, chunked(body)), 413)
    assert bot.queries == []


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 999999999", b"Transfer-Encoding: chunked"], ids=["length", "chunked"]
)
def test_a_413_comes_while_the_client_is_still_sending(gateway: Gateway, framing: bytes) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n%b\r\n\r\n" % framing
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with gateway.connect() as client:
        client.send(head)
        sent = 0
        while not select.select([client.socket], [], [], 0)[0]:
            if select.select([], [client.socket], [], 1)[1]:
                client.socket.send(piece)
                sent += len(piece)
            assert sent < 100 * LIMIT, "nobody said that it is too much"
        response = client.response()
    assert response.status == 413
    assert response.error["code"] == "payload_too_large"


def test_who_asks_before_sending_a_body_is_told_to_go_on(gateway: Gateway, bot: Bot) -> None:
    body = body_for(bot)
    with gateway.connect() as client:
        client.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
        )
        assert client.read_head().status == 100
        client.send(body)
        assert client.response().status == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 100\r\n", 401),
        (b"Transfer-Encoding: chunked\r\n", 401),
        (b"Authorization: Bearer k\r\nContent-Length: 1000000000\r\n", 413),
    ],
)
def test_nobody_is_asked_for_a_body_that_is_not_read(gateway: Gateway, fields: bytes, status: int) -> None:
    with gateway.connect() as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n%b\r\n" % fields)
        response = client.response()
        assert (response.status, response.headers["connection"]) == (status, "close")
        assert client.read_to_the_end() == b""


def test_nobody_is_asked_for_an_empty_body_nor_instead_of_the_next_request(gateway: Gateway) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"
    with gateway.connect() as client:
        client.send(head)
        assert client.response().status == 401
        client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().status == 200


def test_a_body_that_comes_unasked_needs_no_word(gateway: Gateway, bot: Bot) -> None:
    body = body_for(bot)
    with gateway.connect() as client:
        for _ in range(2):
            client.request("POST", "/v1/chat/completions", body, {"Expect": "100-continue"})
            response = client.response()
            response = client.response() if response.status == 100 else response
            assert (response.status, response.headers["connection"]) == (200, "keep-alive")


@pytest.mark.parametrize("path", ["/v1/messages", "/messages/count_tokens/"])
def test_a_wrong_method_is_told_in_the_apis_form(gateway: Gateway, path: str) -> None:
    response = gateway.http.put(path, json={})
    assert response.status_code == 405
    assert response.json()["request_id"] == response.headers["request-id"]


def test_a_body_that_ends_early_is_a_400(gateway: Gateway, bot: Bot) -> None:
    for framing in (b"Content-Length: 1000\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        with gateway.connect() as client:
            client.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n" + framing
            )
            client.socket.shutdown(socket.SHUT_WR)
            assert client.response().status == 400


WRONG = {
    "": None,
    "{": None,
    "[]": None,
    '"text"': None,
    '{"messages": [{"role": "user", "content": "x"}]}': "model",
    '{"model": "", "messages": [{"role": "user", "content": "x"}]}': "model",
    '{"model": 7, "messages": [{"role": "user", "content": "x"}]}': "model",
    '{"model": "BOT"}': "messages",
    '{"model": "BOT", "messages": []}': "messages",
    '{"model": "BOT", "messages": "x"}': "messages",
    '{"model": "BOT", "messages": [7]}': "messages[0]",
    '{"model": "BOT", "messages": [{"content": "x"}]}': "messages[0].role",
    '{"model": "BOT", "messages": [{"role": "king", "content": "x"}]}': "messages[0].role",
    '{"model": "BOT", "messages": [{"role": "user", "content": 7}]}': "messages[0].content",
    '{"model": "BOT", "messages": [{"role": "user", "content": [5]}]}': "messages[0].content[0]",
    '{"model": "BOT", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, '
    '{"type": "hologram"}]}]}': "messages[0].content[1].type",
    '{"model": "BOT", "messages": [{"role": "user", "content": [{"type": "text"}]}]}':
    "messages[0].content[0].text",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "temperature": "hot"}': "temperature",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "stop": 7}': "stop",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "stop": ["a", 7]}': "stop[1]",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}': "stream",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "max_tokens": "5"}': "max_tokens",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "n": 2}': "n",
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}': None,
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "logit_bias": [1]}': "logit_bias",
    '{"model": "BOT", "messages": [{"role": "user", "content": "\\ud800"}]}': None,
    '{"model": "BOT", "x": ' + "[" * 50_000: None,
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "x": ' + "[" * 50_000
    + "]" * 50_000 + "}": None,
    '{"model": "BOT", "messages": ' + '{"a":' * 50_000: None,
}  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=lambda body: body[:100])
def test_a_wrong_request_is_a_400_that_names_the_place(gateway: Gateway, bot: Bot, body: str) -> None:
    error = told(post(gateway, body.replace("BOT", bot.name).encode()), 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == WRONG[body]
    assert not WRONG[body] or WRONG[body] in error["message"]
    assert len(error["message"]) < 500
    assert bot.queries == []


def test_a_body_that_is_not_utf_8_is_a_400(gateway: Gateway, bot: Bot) -> None:
    told(post(gateway, body_for(bot).replace(WORDS.encode(), b"\xff\xfe")), 400)
    told(post(gateway, body_for(bot).decode().encode("utf-16")), 400)
    assert bot.queries == []


# Keys.


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer {KEY}"},
        {"Authorization": f"BEARER   {KEY} "},
        {"x-api-key": KEY},
        {"api-key": KEY},
        {"X-API-KEY": KEY},
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
        {"Authorization": KEY},
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


# CORS.


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


# Request ids.


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


# What the server itself refuses.

REFUSED = {
    "garbage": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "unknown version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "long line": (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "large field": (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
    "many fields": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n", 431),
    "no colon": (b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400),
    "bad name": (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        400,
    ),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "negative length": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    "unknown coding": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n", 501),
    "bad chunk": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        400,
    ),
    "bad expectation": (
        b"POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n",
        417,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_http_is_refused_as_json(gateway: Gateway, name: str) -> None:
    request, status = REFUSED[name]
    with gateway.connect() as client:
        client.send(request)
        response = client.response()
    assert response.status == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.error.keys() == {"message", "type", "param", "code"}
    assert "<" not in response.body.decode()


def test_options_of_the_server_itself_is_answered(gateway: Gateway) -> None:
    with gateway.connect() as client:
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().status < 500


def test_a_connection_is_kept_for_further_requests(gateway: Gateway, bot: Bot) -> None:
    with gateway.connect() as client:
        for stream in (False, True, False):
            assert client.post(bot.name, stream=stream).response().status == 200
        assert client.request("GET", "/nowhere").response().status == 404
        assert client.request("POST", CHAT, b"{").response().status == 400
        assert client.post(bot.name).response().status == 200


def test_a_refused_body_is_not_taken_for_the_next_request(gateway: Gateway) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with gateway.connect() as client:
        client.request("POST", "/nowhere", smuggled)
        assert client.response().status == 404
        assert client.request("GET", "/healthz").response().status == 200
    assert "/smuggled" not in gateway.log.read_text()


def test_a_silent_connection_costs_nobody_anything(gateway: Gateway, bot: Bot) -> None:
    silent: list[Client] = [gateway.connect() for _ in range(100)]
    assert gateway.ask(bot.name).status_code == 200
    for client in silent:
        client.close()
    eventually(lambda: gateway.http.get("/healthz").status_code == 200)
