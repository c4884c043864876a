"""What the server itself refuses, and what becomes of the connection."""

from __future__ import annotations

import json

import pytest

from tests.api.requests import CHAT
from tests.gateway import Client, Gateway, eventually
from tests.upstream.scripted import Bot

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


PLAIN_PATHS = (b"/v1/chat/completions", b"/v1/responses", b"/")


@pytest.mark.parametrize("path", [b"/v1/messages", b"//v1/messages/count_tokens?beta=true", *PLAIN_PATHS])
@pytest.mark.parametrize(
    "name", ["unknown version", "large field", "many fields", "no colon", "two lengths", "bad expectation"]
)
def test_what_is_no_http_is_refused_in_the_form_of_its_api(gateway: Gateway, path: bytes, name: str) -> None:
    request, status = REFUSED[name]
    with gateway.connect() as client:
        client.send(request.replace(b" / ", b" %b " % path, 1))
        response = client.response()
    told = json.loads(response.body)
    if path in PLAIN_PATHS:
        assert told.keys() == {"error"}
        return
    assert (response.status, told["type"]) == (status, "error")
    assert told["error"]["type"] == "invalid_request_error"
    assert told["request_id"] == response.headers["request-id"] == response.headers["x-request-id"]


def test_a_refusal_has_the_form_of_its_own_request(gateway: Gateway) -> None:
    """Not that of the one before on the same connection."""
    with gateway.connect() as client:
        client.request("POST", "/v1/messages", b"{")
        assert client.response().status == 400
        client.send(b"garbage\r\n\r\n")
        assert client.response().error.keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02", b"\x80", b"\x05\x01\0", b"\0", b" "])
def test_who_speaks_another_protocol_is_told_at_once(gateway: Gateway, first: bytes) -> None:
    """TLS, say, whose client waits for an answer before it ends any line."""
    with gateway.connect() as client:
        client.send(first)
        assert client.read_to_the_end().startswith(b"HTTP/1.1 400 ")


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
