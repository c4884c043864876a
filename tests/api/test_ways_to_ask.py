"""Requests as old, odd and careless clients write them, in every API."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.apis import Api, Said, every_api
from tests.gateway import KEY, Gateway
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, text

FINE = Said("fine")


@pytest.fixture
def bot(upstream: ScriptedUpstream) -> Bot:
    return upstream.bot(answer(text("fine"), DONE))


def head(path: str, *fields: str, method: str = "POST", version: str = "1.1", host: str = "Host: x") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", host, f"Authorization: Bearer {KEY}", *fields]
    return "\r\n".join([*filter(None, lines), "\r\n"]).encode()


def body_for(api: Api, bot: Bot, *, stream: bool = False) -> bytes:
    return json.dumps(api.body(bot.name, stream=stream)).encode()


def length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


@pytest.mark.parametrize("field", ["", "Connection: keep-alive"], ids=["plain", "keep-alive"])
@pytest.mark.parametrize("host", ["", "Host: x"], ids=["no host", "host"])
@every_api
def test_a_stream_in_http_1_0_ends_with_its_connection(
    api: Api, gateway: Gateway, bot: Bot, host: str, field: str
) -> None:
    body = body_for(api, bot, stream=True)
    with gateway.connect() as client:
        client.send(head(api.path, length(body), field, version="1.0", host=host) + body)
        response = client.read_head()
        said = client.read_to_the_end()
    assert (response.status, response.headers["connection"]) == (200, "close")
    assert "transfer-encoding" not in response.headers
    assert api.streamed(said) == FINE


@pytest.mark.parametrize("keep", [False, True], ids=["close", "keep-alive"])
@every_api
def test_a_whole_answer_in_http_1_0_keeps_the_connection_if_asked(
    api: Api, gateway: Gateway, bot: Bot, keep: bool
) -> None:
    body = body_for(api, bot)
    request = head(api.path, length(body), "Connection: keep-alive" if keep else "", version="1.0") + body
    with gateway.connect() as client:
        for _ in range(2 if keep else 1):
            client.send(request)
            assert api.whole(json.loads(client.response().body)) == "fine"
        if not keep:
            assert client.read_to_the_end() == b""


@pytest.mark.parametrize(
    "write",
    [
        "http://elsewhere.example:99{}".format,
        "{}?api-version=1&x=%00".format,
        "{}#x".format,
        "{}/".format,
        lambda path: path.replace("/v1", "/%76%31"),
        lambda path: path.replace("/v1/", "//v1//"),
    ],
    ids=["absolute", "query", "fragment", "slash", "percent", "slashes"],
)
@every_api
def test_a_target_may_be_written_in_many_ways(
    api: Api, gateway: Gateway, bot: Bot, write: Callable[[str], str]
) -> None:
    body = body_for(api, bot)
    with gateway.connect() as client:
        client.send(head(write(api.path), length(body)) + body)
        response = client.response()
    assert response.status == 200, response.body
    assert api.whole(json.loads(response.body)) == "fine"


@pytest.mark.parametrize(
    "frame",
    [
        lambda body: b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        lambda body: b'%X;a="b;c";d\r\n%b\r\n0;e\r\nX-Sum: 1\r\n\r\n' % (len(body), body),
        lambda body: b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"000\r\n\r\n",
    ],
    ids=["one", "extensions and a trailer", "a byte each"],
)
@every_api
def test_a_body_may_come_in_chunks(
    api: Api, gateway: Gateway, bot: Bot, frame: Callable[[bytes], bytes]
) -> None:
    fields = ("Transfer-Encoding: chunked", "TE: trailers", "Cookie: " + "a=b; " * 1000)
    with gateway.connect() as client:
        for _ in range(2):
            client.send(head(api.path, *fields) + frame(body_for(api, bot)))
            assert api.whole(json.loads(client.response().body)) == "fine"


@pytest.mark.parametrize("fields", [("Content-Length: 0",), ()], ids=["length", "no length"])
@every_api
def test_an_empty_body_is_told_from_a_broken_one(api: Api, gateway: Gateway, fields: tuple[str, ...]) -> None:
    with gateway.connect() as client:
        client.send(head(api.path, *fields))
        response = client.response()
    assert response.status == 400
    assert "is empty" in api.check(json.loads(response.body), 400, None)["message"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "BREW"])
@every_api
def test_other_methods_are_refused_and_their_bodies_read_away(
    api: Api, gateway: Gateway, bot: Bot, method: str
) -> None:
    body = body_for(api, bot)
    with gateway.connect() as client:
        client.send(head(api.path, length(body), method=method) + body)
        response = client.read_head() if method == "HEAD" else client.response()
        assert (response.status, response.headers["allow"]) == (405, "OPTIONS, POST")
        assert method == "HEAD" or api.check(json.loads(response.body), 405, "method_not_allowed")
        if method != "CONNECT":
            client.send(head(api.path, length(body)) + body)
            assert client.response().status == 200
    assert len(bot.queries) == (method != "CONNECT")
