"""What a client is told when Poe fails, and when Poe is asked again."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from tests.apis import APIS, CHAT, Api, Said, every_api
from tests.gateway import KEY, Gateway, authorization
from tests.upstream.scripted import (
    DONE,
    END,
    HEAD,
    Connection,
    Script,
    ScriptedUpstream,
    answer,
    begin,
    chunk,
    close,
    error,
    event,
    replace,
    reset,
    respond,
    text,
    until_closed,
)

FINE = answer(text("fine"), DONE)


told = CHAT.told

STATUSES = [
    (400, 400, None),
    (401, 401, "invalid_api_key"),
    (402, 402, "insufficient_quota"),
    (403, 403, "permission_denied"),
    (404, 404, "model_not_found"),
    (408, 504, "upstream_timeout"),
    (413, 400, "context_length_exceeded"),
    (429, 429, "rate_limit_exceeded"),
    (500, 502, "upstream_error"),
    (502, 502, "upstream_error"),
    (503, 503, "overloaded"),
    (504, 504, "upstream_timeout"),
    (529, 503, "overloaded"),
    (418, 502, "upstream_error"),
    (204, 502, "upstream_error"),
    (202, 502, "upstream_error"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("poes", "status", "code"), STATUSES)
@every_api
def test_a_status_of_poes_becomes_openais(
    api: Api,
    gateway: Gateway,
    upstream: ScriptedUpstream,
    poes: int,
    status: int,
    code: str | None,
    stream: bool,
) -> None:
    script = respond(poes, b"" if poes == 204 else {"error": {"message": "Poe's own words."}})
    error = api.told(api.ask(gateway, upstream.bot(script).name, stream=stream), status, code)
    assert poes < 400 or "Poe's own words." in error["message"]


EVENTS = [
    (error("Too long.", error_type="user_message_too_long"), 400, "context_length_exceeded"),
    (error("No.", error_type="insufficient_fund", allow_retry=False), 402, "insufficient_quota"),
    (error("No.", error_type="privacy_authorization_error"), 403, "permission_denied"),
    (error("Your fault.", error_type="user_caused_error"), 400, None),
    (error("This bot needs more points to answer your request."), 402, "insufficient_quota"),
    (error("You do not have enough points to message this bot."), 402, "insufficient_quota"),
    (error("rate limit"), 429, "rate_limit_exceeded"),
    (error("Invalid token"), 401, "invalid_api_key"),
    (error("Unauthorized"), 401, "invalid_api_key"),
    (error("Bot does not exist"), 404, "model_not_found"),
    (error("Internal server error"), 502, "upstream_error"),
    (error("Something new", error_type="invented_later"), 502, "upstream_error"),
    (error("Something new", error_type=7, allow_retry="no"), 502, "upstream_error"),
    (error(), 502, "upstream_error"),
    (event("error", b"{broken"), 502, "upstream_error"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("said", "status", "code"), EVENTS)
@every_api
def test_an_error_event_in_a_200_becomes_a_status(
    api: Api,
    gateway: Gateway,
    upstream: ScriptedUpstream,
    said: bytes,
    status: int,
    code: str | None,
    stream: bool,
) -> None:
    bot = upstream.bot(answer(event("meta", {}), said, DONE))
    api.told(api.ask(gateway, bot.name, stream=stream), status, code)
    assert len(bot.queries) == 1


@pytest.mark.parametrize("retry_after", ["7", "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
@every_api
def test_poes_retry_after_is_handed_on(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, status: int, retry_after: str
) -> None:
    bot = upstream.bot(respond(status, {"error": "busy"}, Retry_After=retry_after))
    response = api.ask(gateway, bot.name)
    assert (response.status_code, response.headers["retry-after"]) == (status, retry_after)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (answer(error("No.", error_type="insufficient_fund"), DONE), "false"),
        (respond(401, {"error": "Invalid token."}), "false"),
        (respond(404, {"error": "Nobody."}), "false"),
        (respond(429, {"error": "Busy."}), None),
        (respond(500, {"error": "Oops."}), None),
        (respond(500, {"error": "Oops.", "allow_retry": False}), "false"),
        (answer(error("Oops."), DONE), None),
        (answer(error("Oops.", allow_retry=False), DONE), "false"),
        (answer(error("Rate limit.", allow_retry=False), DONE), None),
    ],
    ids=["points", "key", "bot", "rate", "fault", "final fault", "event", "final event", "final rate"],
)
@every_api
def test_nobody_is_to_retry_what_would_fail_again(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, script: Script, expected: str | None
) -> None:
    assert api.ask(gateway, upstream.bot(script).name).headers.get("x-should-retry") == expected


def test_nobody_is_to_retry_a_wrong_request(gateway: Gateway) -> None:
    for path in (*(api.path for api in APIS), "/v1/nowhere"):
        response = gateway.http.post(path, json={}, headers=authorization())
        assert (response.status_code >= 400, response.headers["x-should-retry"]) == (True, "false")


def test_an_unknown_bot_is_named(gateway: Gateway) -> None:
    error = told(gateway.ask("no such bot"), 404, "model_not_found")
    assert "no such bot" in error["message"]
    assert error["param"] == "model"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@every_api
def test_redirects_are_not_followed(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, status: int
) -> None:
    elsewhere = upstream.bot(FINE)
    location = f"{upstream.url}/bot/{elsewhere.name}"
    api.told(api.ask(gateway, upstream.bot(respond(status, Location=location)).name), 502, "upstream_error")
    assert elsewhere.queries == []


@pytest.mark.parametrize(
    "script",
    [
        [b"SSH-2.0-OpenSSH_9.6\r\n", close],
        [b"HTTP/1.1 two hundred\r\n\r\n", close],
        respond(200, b"<html>captive portal</html>", Content_Type="text/html"),
        respond(200, {"text": "no events"}),
        [HEAD, b"xyz\r\n", close],
        [HEAD, b"-5\r\nhello", close],
        [HEAD.replace(b"text/event-stream", b"text/event-stream\r\ncontent-encoding: br"), chunk(b"x"), END],
        [
            HEAD.replace(b"text/event-stream", b"text/event-stream\r\ncontent-encoding: gzip"),
            chunk(b"x"),
            END,
        ],
        [HEAD, END],
        answer(b"no event at all\n\n"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@every_api
def test_an_answer_that_is_none_is_a_502(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, script: Script, stream: bool
) -> None:
    api.told(api.ask(gateway, upstream.bot(script).name, stream=stream), 502, "upstream_error")


# Asking again.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("failure", [[reset], [close], respond(502), respond(503)])
@every_api
def test_a_failure_before_the_answer_is_tried_once_more(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, failure: Script, stream: bool
) -> None:
    bot = upstream.bot(failure, FINE)
    assert api.said(api.ask(gateway, bot.name, stream=stream)) == Said("fine")
    assert len(bot.queries) == 2
    assert bot.queries[0].body == bot.queries[1].body


@pytest.mark.parametrize(
    ("failure", "status"), [([reset], 502), ([close], 502), (respond(502), 502), (respond(503), 503)]
)
@every_api
def test_a_failure_is_tried_only_once_more(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, failure: Script, status: int
) -> None:
    bot = upstream.bot(failure, failure, FINE)
    assert api.ask(gateway, bot.name).status_code == status
    assert len(bot.queries) == 2


@pytest.mark.parametrize(
    "failure",
    [
        *(respond(status) for status in (400, 401, 402, 403, 404, 408, 413, 429, 500, 504, 529)),
        respond(502, {"text": "no", "allow_retry": False}),
        respond(503, {"text": "no", "allow_retry": False}),
        answer(error("Internal server error", allow_retry=True), DONE),
        answer(error("no", allow_retry=False), DONE),
        [b"HTTP/1.1 20", close],
        [b"HTTP/1.1 20", reset],
        [HEAD, close],
        [HEAD, reset],
        begin(text("begun"), reset),
        begin(text("begun"), close),
        begin(replace("held back"), reset),
        begin(event("meta", {}), close),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@every_api
def test_any_other_failure_is_not_tried_again(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, failure: Script, stream: bool
) -> None:
    bot = upstream.bot(failure, FINE)
    assert "fine" not in api.ask(gateway, bot.name, stream=stream).text
    assert len(bot.queries) == 1


# In mid-stream.

FAILURES = [
    ([reset], "upstream_error"),
    ([close], "upstream_error"),
    ([b"not a chunk\r\n", close], "upstream_error"),
    ([chunk(error("Internal server error", allow_retry=False)), END], "upstream_error"),
    ([chunk(error("No.", error_type="insufficient_fund") + DONE), END], "insufficient_quota"),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
@every_api
def test_a_failure_in_mid_stream_is_an_error_and_no_finish(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, failure: Script, code: str
) -> None:
    client_reads = threading.Event()
    bot = upstream.bot([*begin(text("Half an "), client_reads), *failure])
    with gateway.connect() as client:
        api.send(client, bot.name, stream=True)
        assert client.read_head().status == 200
        body = client.read_until(b"Half an ")
        client_reads.set()
        body += client.read_rest()
    assert api.streamed(body) == Said("Half an ", api.failed(code))


@pytest.mark.parametrize(("failure", "code"), FAILURES)
@every_api
def test_a_failure_in_the_middle_of_a_whole_answer_is_a_status(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, failure: Script, code: str
) -> None:
    status = {"upstream_error": 502, "insufficient_quota": 402}[code]
    api.told(api.ask(gateway, upstream.bot([*begin(text("Half an ")), *failure]).name), status, code)


# Time-outs.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("script", [[until_closed], [b"HTTP/1.1 200", until_closed], [HEAD, until_closed]])
@every_api
def test_a_bot_that_does_not_begin_is_a_504(
    api: Api, impatient_gateway: Gateway, upstream: ScriptedUpstream, script: Script, stream: bool
) -> None:
    bot = upstream.bot(script, FINE)
    error = api.told(api.ask(impatient_gateway, bot.name, stream=stream), 504, "first_byte_timeout")
    assert "first-byte" in error["message"]
    bot.query.wait_closed()


@every_api
def test_a_bot_that_falls_silent_is_a_504(
    api: Api, impatient_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(begin(text("Half an "), until_closed))
    error = api.told(api.ask(impatient_gateway, bot.name), 504, "idle_timeout")
    assert "idle" in error["message"]
    bot.query.wait_closed()


@every_api
def test_a_stream_that_falls_silent_ends_with_an_error(
    api: Api, impatient_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(begin(text("Half an "), until_closed))
    said = api.said(api.ask(impatient_gateway, bot.name, stream=True))
    assert said == Said("Half an ", api.failed("idle_timeout"))
    bot.query.wait_closed()


def test_an_error_page_that_never_ends_is_not_waited_for(
    impatient_gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    """Nor one that keeps growing."""
    head = b"HTTP/1.1 500 Oops\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\n\r\nhalf"
    for end in (until_closed, drip):
        bot = upstream.bot([head, end])
        told(impatient_gateway.ask(bot.name), 502, "upstream_error")
        bot.query.wait_closed()


def drip(connection: Connection) -> None:
    while not connection.closed.wait(0.3):
        connection.send(b".")
    raise EOFError


def test_a_poe_that_cannot_be_reached(start_gateway) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        # The kernel lets nobody in any more once its queue is full.
        queue = [socket.socket() for _ in range(4)]
        for each in queue:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        gateway: Gateway = start_gateway(url, CONNECT_TIMEOUT_SECONDS="0.5")
        error = told(gateway.ask("anyone"), 504, "connect_timeout")
        assert "connect" in error["message"]
        for each in queue:
            each.close()
    told(gateway.ask("anyone"), 502, "upstream_error")
    told(gateway.ask("anyone", stream=True), 502, "upstream_error")
    assert gateway.http.get("/healthz").status_code == 200


# What nobody is told.


@pytest.mark.parametrize(
    "script",
    [
        respond(401, {"error": f"The key {KEY} is wrong."}),
        respond(500, f"Authorization: Bearer {KEY}".encode()),
        respond(404, {"error": {"message": f"{KEY}: Bot does not exist"}}),
        answer(error(f"Invalid token {KEY}"), DONE),
        begin(text("begun"), error(f"Invalid token {KEY}"), END),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@every_api
def test_the_key_is_in_no_error(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream, script: Script, stream: bool
) -> None:
    response = api.ask(gateway, upstream.bot(script).name, stream=stream)
    assert "error" in response.text
    assert KEY not in response.text
    assert KEY not in str(response.headers)
    assert KEY not in gateway.log.read_text()


@every_api
def test_what_a_bots_program_said_to_itself_is_not_shown(
    api: Api, gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(error("Oops.", raw_response="Traceback: private"), DONE))
    assert "private" not in api.ask(gateway, bot.name).text


@every_api
def test_an_error_page_is_not_shown(api: Api, gateway: Gateway, upstream: ScriptedUpstream) -> None:
    page = b"<!DOCTYPE html><html><h1>Bad gateway</h1> nginx private-host</html>"
    response = api.ask(gateway, upstream.bot(respond(500, page, Content_Type="text/html")).name)
    api.told(response, 502, "upstream_error")
    assert "private-host" not in response.text


def test_a_long_error_is_cut(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    response = gateway.ask(upstream.bot(respond(500, {"error": "long " * 100_000})).name)
    assert len(json.dumps(told(response, 502, "upstream_error"))) < 5000


def test_a_key_that_poe_quotes_is_not_even_shown_in_part(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(respond(500, "a" * 1990 + f" {KEY} and more"))
    message = gateway.ask(bot.name).json()["error"]["message"]
    assert len(message) == 2000
    assert KEY[:4] not in message


def test_a_short_key_spoils_no_words(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(respond(500, "Something broke."))
    response = gateway.http.post(
        "/v1/chat/completions",
        json={"model": bot.name, "messages": [{"role": "user", "content": "hi"}]},
        headers={"Authorization": "Bearer o"},
    )
    assert response.json()["error"]["message"] == "Something broke."
