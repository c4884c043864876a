"""How a request's body may be sent, and which bodies are refused."""

from __future__ import annotations

import gzip
import select
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.requests import LIMIT, body_for, post, told
from tests.gateway import WORDS, Gateway
from tests.upstream.scripted import Bot


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
    '{"model": "BOT", "messages": [{"role": "user", "content": "x"}], "max_tokens": "x"}': "max_tokens",
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
