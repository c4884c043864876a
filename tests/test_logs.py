"""What is logged, and what never is."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import logs
from tests.gateway import (
    GUNICORN,
    KEY,
    ROOT,
    Gateway,
    authorization,
    environment,
    eventually,
    free_port,
)
from tests.upstream.scripted import (
    DONE,
    LIMIT,
    ScriptedUpstream,
    answer,
    begin,
    close,
    error,
    event,
    replace,
    reset,
    respond,
    text,
    until_closed,
)

SAID = "words-that-the-bot-said"
ASKED = "words-that-the-client-wrote"


@pytest.fixture(scope="module")
def logged(upstream: ScriptedUpstream, start_shared_gateway) -> Iterator[Gateway]:
    """A gateway at the most verbose log level."""
    return start_shared_gateway(
        upstream.url, LOG_LEVEL="debug", MAX_REQUEST_SIZE="100000", IDLE_TIMEOUT_SECONDS="0.5"
    )


@pytest.fixture(scope="module")
def objects(upstream: ScriptedUpstream, start_shared_gateway) -> Iterator[Gateway]:
    """The same, as JSON."""
    return start_shared_gateway(upstream.url, LOG_LEVEL="debug", LOG_FORMAT="json")


def object_of(gateway: Gateway, request_id: str) -> dict[str, Any]:
    """The one object of a request."""

    def found() -> list[dict[str, Any]]:
        written = gateway.log.read_text().split("\n")
        return [json.loads(each) for each in written if f'"id":"{request_id}"' in each and each.endswith("}")]

    (one,) = eventually(found)
    return one


def line_of(gateway: Gateway, request_id: str) -> str:
    """The one line of a request."""
    pattern = rf'^.* id="?{request_id}"? .*$'
    eventually(lambda: re.search(pattern, gateway.log.read_text(), re.MULTILINE))
    (line,) = re.findall(pattern, gateway.log.read_text(), re.MULTILINE)
    return line


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_is_one_line_with_what_an_operator_asks_for(
    logged: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    bot = upstream.bot(answer(text("fine words"), DONE))
    line = line_of(logged, logged.ask(bot.name, "hello world", stream=stream).headers["x-request-id"])
    assert "INFO" in line
    assert "POST /v1/chat/completions" in line
    facts = dict(re.findall(r'(\w+)="?([^" ]*)', line))
    assert facts["status"] == "200"
    assert facts["bot"] == bot.name
    assert facts["stream"] == str(int(stream))
    assert facts["prompt_tokens"] == "2"
    assert facts["completion_tokens"] == "2"
    assert int(facts["total_ms"]) >= 0
    if stream:
        assert int(facts["total_ms"]) >= int(facts["first_ms"]) >= 0


def test_a_failure_says_which(logged: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(error("No.", error_type="insufficient_fund"), DONE))
    line = line_of(logged, logged.ask(bot.name).headers["x-request-id"])
    assert "status=402" in line
    assert "insufficient_quota" in line


def test_a_failure_in_mid_stream_is_no_success(logged: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(begin(text("Half an "), until_closed))
    line = line_of(logged, logged.ask(bot.name, stream=True).headers["x-request-id"])
    assert "failed" in line
    assert "idle_timeout" in line


def test_a_client_that_left_is_told_apart(logged: Gateway, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot([until_closed])
    client = logged.connect().request(
        "POST",
        "/v1/chat/completions",
        b'{"model": "%b", "messages": [{"role": "user", "content": "x"}]}' % bot.name.encode(),
        {"x-request-id": "leaver-1"},
    )
    bot.wait_for_query()
    client.close()
    assert "client_gone" in line_of(logged, "leaver-1")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_in_json_a_request_is_one_object_with_the_same(
    objects: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    bot = upstream.bot(answer(text("fine words"), DONE))
    facts = object_of(objects, objects.ask(bot.name, "hello", stream=stream).headers["x-request-id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", facts["time"])
    assert facts["message"] == "POST /v1/chat/completions"
    assert (facts["level"], facts["client"], facts["status"]) == ("info", "127.0.0.1", 200)
    assert (facts["bot"], facts["stream"], facts["outcome"]) == (bot.name, int(stream), "stop")
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (1, 2)
    assert isinstance(facts["pid"], int)
    assert isinstance(facts["total_ms"], int)
    assert ("first_ms" in facts) is stream


def test_in_json_every_line_is_an_object_also_the_servers(objects: Gateway) -> None:
    with objects.connect() as client:
        client.send(b"NO HTTP\r\n\r\n")
        client.read_to_the_end()
    client = objects.connect().request("GET", "/%0A%E2%80%A8%22", headers={"x-request-id": "strange"})
    client.response()
    facts = object_of(objects, "strange")
    assert facts["message"] == 'GET /??"'
    written = [json.loads(line) for line in objects.log.read_text().splitlines()]
    assert all(each.keys() >= {"time", "level", "pid", "message"} for each in written)
    assert any("Listening" in each["message"] for each in written)
    assert any("refused" in each["message"] and each["level"] == "warning" for each in written)


LOUD = """
import sys, warnings, gevent
exec(compile(open({conf!r}).read(), {conf!r}, "exec"))
really = post_worker_init

def fail(words):
    raise ValueError(words)

def post_worker_init(worker):
    really(worker)
    warnings.warn("a warning\\nof two lines")
    print("printed", "twice\\nnot at once", file=sys.stderr)
    gevent.spawn(fail, {said!r})
"""


def test_in_json_also_what_is_written_past_the_log_is_objects(
    upstream: ScriptedUpstream, start_gateway, tmp_path: Path
) -> None:
    conf = tmp_path / "gunicorn.conf.py"
    conf.write_text(LOUD.format(conf=str(ROOT / "gunicorn.conf.py"), said=SAID))
    gateway: Gateway = start_gateway(
        upstream.url, LOG_FORMAT="json", command=(GUNICORN, "-c", str(conf), "wsgi:app")
    )
    eventually(lambda: gateway.log.read_text().count("a greenlet failed") == 2)
    said = [json.loads(line)["message"] for line in gateway.log.read_text().splitlines()]
    assert any(r"UserWarning: a warning\nof two lines" in each for each in said)
    assert {"printed twice", "not at once"} <= set(said)
    assert SAID not in str(said)


BROKEN = {
    "broken.py": ("raise ValueError('no\\nway')", "pass"),
    "post_fork": ("from wsgi import app", "def post_fork(server, worker): raise ValueError('no\\nway')"),
}


@pytest.mark.parametrize("where", BROKEN)
def test_in_json_also_a_crash_at_the_start_is_objects(tmp_path: Path, where: str) -> None:
    application, hook = BROKEN[where]
    conf, source = tmp_path / "gunicorn.conf.py", str(ROOT / "gunicorn.conf.py")
    conf.write_text(f"exec(compile(open({source!r}).read(), {source!r}, 'exec'))\n{hook}\n")
    (tmp_path / "broken.py").write_text(application)
    variables = environment(PORT=str(free_port()), CONFIG_DIR=str(tmp_path), LOG_FORMAT="json")
    ended = subprocess.run(
        (GUNICORN, "-c", str(conf), "--pythonpath", f"{ROOT},{tmp_path}", "broken:app"),
        cwd=ROOT, env=variables, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert ended.returncode not in (0, None)
    written = [json.loads(line) for line in (ended.stdout + ended.stderr).splitlines()]
    assert any("ValueError" in str(each) and where in str(each) for each in written)


@pytest.mark.parametrize(
    ("value", "text", "plain"),
    [
        ("plain", "plain", "plain"),
        ("a.b", '"a.b"', "a.b"),
        ('a" status=200 b="', r'"a\"?status=200?b=\""', 'a"?status=200?b="'),
        ("back\\", r'"back\\"', "back\\"),
        ("new\nline\u2028\x1b[31m", '"new?line??[31m"', "new?line??[31m"),
        ("\ud800", '"?"', "?"),
        ("-" * 500, f'"{"-" * 200}"', "-" * 200),
        ("x" * 500, "x" * 200, "x" * 200),
        (7, "7", 7),
    ],
)
def test_every_value_is_escaped_in_both_forms(value: object, text: str, plain: object) -> None:
    record = logging.makeLogRecord({"msg": logs.Line("said", {"value": value, "nothing": None})})
    assert logs.LineFormatter("%(message)s").format(record) == f"said value={text}"
    encoded = json.loads(logs.JsonFormatter().format(record))
    assert encoded["value"] == plain
    assert "nothing" not in encoded


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/sk-poe2openai-7poXrvKFnOrOCZV1PhGmC-i3GVf8lTB-CHHLNGXZwUU/v1/models", "/***/v1/models"),
        ("/v1/models/0123456789abcdef0123456789abcdef", "/v1/models/***"),
        ("/" + "x" * 150, "/" + "x" * 150),
        ("/" + "1" * 150, "/" + "1" * 150),
        ("a-name-that-is-long-but-only-of-words", "a-name-that-is-long-but-only-of-words"),
        ("Claude-Sonnet-4.5-Thinking-Search-Preview", "Claude-Sonnet-4.5-Thinking-Search-Preview"),
        (
            "/api/admin/history/1795449358000-3f2a9c1d5e7b8a60",
            "/api/admin/history/1795449358000-3f2a9c1d5e7b8a60",
        ),
    ],
)
def test_what_may_be_a_key_is_not_shown(text: str, shown: str) -> None:
    assert logs.masked(text) == shown


def test_what_others_say_is_one_line_too_and_an_exception_is_not_quoted() -> None:
    try:
        raise ValueError(SAID)
    except ValueError:
        raised = sys.exc_info()
    record = logging.makeLogRecord({"msg": "two\nlines of %s", "args": ("words\r",), "exc_info": raised})
    encoded = json.loads(logs.JsonFormatter().format(record))
    assert encoded["message"] == r"two\nlines of words\r"
    assert encoded["exception"].startswith("ValueError at ")
    assert SAID not in str(encoded)
    plain = logging.makeLogRecord({"msg": "two\nlines of %s", "args": ("words\r",)})
    assert logs.LineFormatter("%(message)s").format(plain) == r"two\nlines of words\r"


@pytest.mark.parametrize(
    "path", ["/a%0Ab id=forged status=200", "/a%0D%0A", "/%E2%80%A8", "/%1B%5B31m", "/" + "x" * 5000]
)
def test_nobody_can_write_lines_of_his_own(logged: Gateway, path: str) -> None:
    before = len(logged.log.read_text().splitlines())
    request_id = f"forger-{abs(hash(path))}"
    with logged.connect() as client:
        client.request("GET", path.replace(" ", "%20"), headers={"x-request-id": request_id}).response()
    line = line_of(logged, request_id)
    assert line.isprintable()
    assert len(line) < 1000
    assert not re.search(r"\sid=forged", line)
    added = logged.log.read_text().splitlines()[before:]
    assert all(re.match(r"\d{4}-\d\d-\d\dT", each) for each in added)


def test_no_key_and_no_text_of_a_message_is_ever_logged(logged: Gateway, upstream: ScriptedUpstream) -> None:
    """Whatever happens, at the most verbose level."""
    scripts = [
        answer(text(SAID), DONE),
        answer(text(f"*Thinking...*\n\n> {SAID}\n\n{SAID}"), DONE),
        answer(replace(SAID), DONE),
        answer(text(SAID), event("text", f'{{"text": "{SAID}'.encode()), DONE),
        answer(error(f"{SAID} {KEY}"), DONE),
        answer(error(SAID, error_type="user_caused_error", raw_response=SAID), DONE),
        begin(text(SAID), reset),
        begin(text(SAID), until_closed),
        begin(SAID.encode(), close),
        [SAID.encode(), close],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + SAID.encode(), close],
        respond(400, {"error": {"message": f"{SAID} {KEY}"}}),
        respond(500, SAID.encode()),
        respond(302, Location=f"/{SAID}"),
    ]
    for script in scripts:
        for stream in (False, True):
            logged.ask(upstream.bot(script).name, ASKED, stream=stream, aspect=ASKED, stop=[f"{ASKED}!"])
    bodies = [
        f'{{"model": "x", "messages": [{{"role": "user", "content": "{ASKED}',
        f'{{"model": "x", "messages": "{ASKED}"}}',
        f'{{"model": "x", "messages": [{{"role": "{ASKED}", "content": "x"}}]}}',
        f'{{"model": "x", "messages": [{{"role": "user", "content": [{{"type": "{ASKED}"}}]}}]}}',
        f'{{"model": "x", "messages": [{{"role": "user", "content": "{ASKED * 10_000}"}}]}}',
        ASKED,
    ]
    for body in bodies:
        logged.http.post("/v1/chat/completions", content=body, headers=authorization())
    for header in (f"Authorization: {KEY}\x01", f"Authori zation: Bearer {KEY}", f"X:{KEY * 2000}"):
        with logged.connect() as client:
            client.send(f"GET / HTTP/1.1\r\n{header}\r\n\r\n".encode())
            client.response()
    logged.http.get("/", params={"key": KEY}, headers={"x-request-id": "the-last"})
    line_of(logged, "the-last")
    log = logged.log.read_text()
    for forbidden in (KEY, SAID, ASKED, "Traceback"):
        assert forbidden not in log


def test_half_a_head_is_not_quoted(logged: Gateway) -> None:
    """gunicorn would, key and all, at debug level."""
    for half in (f"GET / HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nX", f"GET / HTTP/1.1\r\nX {KEY}\r\n\r\n"):
        with logged.connect() as client:
            client.send(half.encode())
            client.socket.shutdown(socket.SHUT_WR)
            client.read_to_the_end()
    eventually(lambda: "refused: InvalidHeader" in logged.log.read_text())
    assert KEY not in logged.log.read_text()


def test_the_console_has_a_lock_as_every_python_expects() -> None:
    handler = logs.ConsoleHandler()
    with handler.lock:  # Python 3.13's
        handler.acquire()  # those before
        handler.release()
    handler.flush()
