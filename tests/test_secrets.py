"""No key, password or message text appears where it does not belong: log, errors, disk, panel."""

from __future__ import annotations

import base64
import json
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.keys import lines as keys
from app.settings import Settings
from app.variables import SettingsError
from tests.conftest import StartGateway
from tests.gateway import Gateway, eventually, free_port
from tests.redis_server import RedisServer
from tests.upstream.scripted import (
    DONE,
    Bot,
    ScriptedUpstream,
    answer,
    begin,
    error,
    event,
    replace,
    reset,
    respond,
    text,
)

KEYS = {
    "the client's key": "pb-secret-of-the-client-0123456789",
    "a wrong key": "pb-secret-that-nobody-knows-9876543210",
    "the gateway's Poe key": "pb-secret-of-the-gateway-5647382910",
    "the access key": keys.generate(),
    "the list's token": "pb-secret-token-of-the-list-1029384756",
    "the password": "secret-password-of-the-panel",
    "a wrong password": "secret-password-that-is-wrong",
}
TEXTS = {
    "the prompt": "secret-words-of-the-prompt",
    "the system prompt": "secret-words-of-the-system",
    "the answer": "secret-words-of-the-answer",
    "the reasoning": "secret-words-of-the-reasoning",
    "the arguments": "secret-words-of-the-arguments",
    "the result": "secret-words-of-the-result",
    "the file": "secret-words-of-the-file",
    "the file's name": "secret-name-of-the-file.txt",
    "the tool": "secret-words-of-the-tool",
    "the schema": "secret-words-of-the-schema",
    "the parameter": "secret-words-of-the-parameter",
}
# What is kept on disk, by design, for the gateway's own user alone.
KEPT = {
    "models.yaml": {"the list's token"},
    "models.history": {"the list's token"},
    "url_cache": {"the file's name"},
}
PASSWORD, TOKEN = KEYS["the password"], KEYS["the list's token"]
PANEL = ("/admin", "/api/models", "/api/admin/config", "/api/admin/history", "/api/admin/state")
PUBLIC = ("/", "/healthz", "/readyz", "/openapi.json", "/metrics", "/v1/models", "/v1/models/none", "/none")


@dataclass
class Shown:
    """Everything shown where no secret belongs."""

    answers: dict[str, bytes] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    def add(self, response: httpx.Response, what: str = "") -> httpx.Response:
        name = f"{len(self.answers)}: {response.request.method} {response.request.url.path} {what}"
        self.answers[name] = str(response.headers).encode() + response.content
        if response.status_code >= 400:
            self.refused.add(response.status_code)
        return response


def forms(secret: str) -> list[bytes]:
    """The forms in which a secret may appear: as it is, and in base64, at each of the three offsets."""
    found = [secret.encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + secret.encode())
        found.append(encoded[4 if shift else 0 : -4])
    return found


def check(where: str, content: bytes, secrets: dict[str, str]) -> None:
    for name, secret in secrets.items():
        for form in forms(secret):
            at = content.find(form)
            assert at < 0, f"{name} stands in {where}: {content[max(0, at - 200) : at + 200]!r}"


def messages(**last: Any) -> list[dict[str, Any]]:
    file = base64.b64encode(TEXTS["the file"].encode()).decode()
    call = {"name": "look", "arguments": json.dumps({"what": TEXTS["the arguments"]})}
    return [
        {"role": "system", "content": TEXTS["the system prompt"]},
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "call_1", "content": TEXTS["the result"]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": TEXTS["the prompt"]},
                {"type": "file", "file": {"file_data": file, "filename": TEXTS["the file's name"]}},
            ],
        }
        | last,
    ]


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Valid and invalid requests of a client."""
    function = {"name": "look", "description": TEXTS["the tool"], "parameters": {"type": "object"}}
    schema = {"type": "object", "required": ["a"], "description": TEXTS["the schema"]}
    yield "plain", {"secret": TEXTS["the parameter"]}
    yield "streamed", {"stream": True}
    yield "tools", {"tools": [{"type": "function", "function": function}]}
    yield "required", {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
    yield (
        "structured",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
    )
    yield "bad field", {"temperature": "hot"}
    yield "bad part", {"messages": messages(content=[{"type": "file", "file": {"file_data": "%%%"}}])}
    yield "bad role", {"messages": messages(role="nobody")}
    yield "no messages", {"messages": []}


def others() -> Iterator[tuple[str, dict[str, Any]]]:
    """The same in the other dialects."""
    system, prompt, tool = (TEXTS[name] for name in ("the system prompt", "the prompt", "the tool"))
    asked = [{"role": "user", "content": prompt}]
    for wrong in ({}, {"temperature": "hot"}):
        function = {"type": "function", "name": "look", "description": tool, "parameters": {"type": "object"}}
        yield "/v1/responses", {"instructions": system, "input": asked, "tools": [function]} | wrong
        function = {"name": "look", "description": tool, "input_schema": {"type": "object"}}
        yield (
            "/v1/messages",
            {"max_tokens": 99, "system": system, "messages": asked, "tools": [function]} | wrong,
        )


def scripts(key: str) -> Iterator[tuple[str, list[Any]]]:
    """What a bot may do; several repeat the key with which they were asked."""
    said, thought = TEXTS["the answer"], TEXTS["the reasoning"]
    yield "well", answer(text(f"*Thinking...*\n\n> {thought}\n\n{said}"), DONE)
    yield "replaced", answer(text(said), replace(thought), DONE)
    yield "calls", answer(text(f'<tool_call><invoke name="look">{said}</invoke></tool_call>'), DONE)
    yield "broken call", answer(text(f'<tool_call><invoke name="look"><parameter name="{said}'), DONE)
    yield "broken event", answer(event("text", said.encode()), text("a"), DONE)
    yield "unknown event", answer(event(said, {"text": said}), text("a"), DONE)
    yield "error event", answer(text(said), error(f"Invalid token {key}."))
    yield "reset", begin(text(said), reset)
    for status in (400, 401, 402, 404, 429, 500):
        yield str(status), respond(status, {"error": f"The key {key} is not welcome."})
    yield "odd", respond(200, f"<html>{said}</html>".encode())
    yield "redirect", respond(302, b"", location=f"https://example.com/?key={key}")


class World:
    """A gateway, what it has shown, and the folder in which it writes."""

    def __init__(
        self, start: StartGateway, upstream: ScriptedUpstream, folder: Path, **settings: str
    ) -> None:
        self.upstream = upstream
        self.folder = folder
        self.shown = Shown()
        settings |= {"POE_FILE_UPLOAD_URL": f"{upstream.url}/bot/uploads", "CONFIG_DIR": str(folder)}
        self.gateway: Gateway = start(upstream.url, ADMIN_PASSWORD=PASSWORD, LOG_LEVEL="debug", **settings)

    def chat(self, key: str, poe_key: str) -> None:
        """All requests to a working bot, a plain one to each failing bot; good and bad uploads."""
        attached = {"attachment_url": "https://pfst.cf2.poecdn.net/base/1", "mime_type": "text/plain"}
        for upload in (respond(200, attached), respond(403, {"error": f"Not with {poe_key}."})):
            self.upstream.bot(upload, name="uploads")
            for name, fields in requests():
                self.ask(key, f"well {name}", dict(scripts(poe_key))["well"], fields)
            for name, script in scripts(poe_key):
                for stream in (False, True):
                    self.ask(key, name, script, {"stream": stream})
                    for path, body in others():
                        self.post(path, key, name, script, body | {"stream": stream})

    def ask(self, key: str, name: str, script: list[Any], fields: dict[str, Any]) -> None:
        self.post("/v1/chat/completions", key, name, script, {"messages": messages()} | fields)

    def post(self, path: str, key: str, name: str, script: list[Any], body: dict[str, Any]) -> None:
        body = {"model": self.upstream.bot(script).name} | body
        response = self.gateway.http.post(path, json=body, headers={"Authorization": f"Bearer {key}"})
        if response.status_code >= 400:
            self.shown.add(response, name)

    def use_panel(self) -> None:
        """Read and change all that there is, with the right password and with a wrong one."""
        http, shown = self.gateway.http, self.shown.add
        admin, wrong = ("admin", PASSWORD), ("admin", KEYS["a wrong password"])
        config = {"api_token": TOKEN, "models": {"A": {"mapping": "b"}}}
        self.upstream.models = self.upstream.bot(respond(401, {"error": f"Not with {TOKEN}."}), name="list")
        assert shown(http.post("/api/admin/config", json=config, auth=admin)).json()["api_token_set"]
        shown(http.post("/api/admin/config", json=config | {"api_token": f"{TOKEN}é"}, auth=admin))
        shown(http.post("/api/admin/config", json={"models": 1, "api_token": TOKEN}, auth=admin))
        shown(http.post("/api/admin/config", json=config | {"enable": False}, auth=admin))
        dry = {"text": f"api_token: {TOKEN}2\nmodels: {{}}\n", "dry_run": True}
        shown(http.post("/api/admin/import", json=dry, auth=admin))
        shown(http.post("/api/admin/import", json={"text": f"api_token: [{TOKEN}"}, auth=admin))
        for version in shown(http.get("/api/admin/history", auth=admin)).json()["data"]:
            shown(http.get(f"/api/admin/history/{version['id']}", auth=admin))
        for form in ("yaml", "json", "none"):
            shown(http.get("/api/admin/export", params={"format": form}, auth=admin))
        for path in (*PANEL, *PUBLIC):
            for auth in (admin, wrong, None):
                shown(http.get(path, auth=auth))
        (self.folder / "models.yaml").write_text(f"models: [\napi_token: {TOKEN}\n")
        for path in PANEL:
            shown(http.get(path, auth=admin))

    def check(self) -> None:
        """None of the secrets appears where it does not belong; bots' answers are not searched."""
        self.gateway.stop()
        everything = KEYS | TEXTS
        check("the log", self.gateway.log.read_bytes(), everything)
        for name, content in self.shown.answers.items():
            check(name, content, everything)
        for path in (path for path in self.folder.rglob("*") if path.is_file()):
            exempt = KEPT.get(path.relative_to(self.folder).parts[0], set())
            found = {name: secret for name, secret in everything.items() if name not in exempt}
            check(str(path), str(path).encode() + path.read_bytes(), found)


def odd(secret: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Requests that have ``secret``, a key, where nobody looks for one."""
    chat, body = "/v1/chat/completions", {"model": "x", "messages": [{"role": "user", "content": "x"}]}
    basic = base64.b64encode(f"user:{secret}".encode()).decode()
    yield "POST", f"{chat}?key={secret}", {"json": body}
    yield "GET", f"/v1/models?api_key={secret}", {}
    for name in ("api-key", "x-api-key", "x-goog-api-key", "X-Poe-Key", "Cookie", "User-Agent", "Referer"):
        yield "POST", chat, {"json": body, "headers": {name: secret}}
    for value in (secret, f"Token {secret}", f"Basic {basic}", f"Bearer {secret} {secret}"):
        yield "POST", chat, {"json": body, "headers": {"Authorization": value}}
    for fields in ({"api_key": secret}, {secret: 1}, {"metadata": {"key": secret}}, {"user": secret}):
        yield "POST", chat, {"json": body | fields, "headers": {"x-api-key": "another"}}
    for fields in ({"model": secret}, {"stream": secret}, {"messages": [{"role": secret}]}):
        yield "POST", chat, {"json": body | fields, "headers": {"x-api-key": secret}}
    url = {"type": "image_url", "image_url": {"url": f"https://user:{secret}@example.com/?key={secret}"}}
    yield "POST", chat, {"json": body | {"messages": [{"role": "user", "content": [url]}]}}
    for path in (f"/{secret}/v1/models", f"/v1/{secret}{chat}", f"/v1/models/{secret}", f"/static/{secret}"):
        yield "GET", path, {}
    for path in ("/admin", "/api/admin/state", "/metrics"):
        yield "GET", path, {"auth": ("admin", secret)}
        yield "GET", path, {"auth": (secret, "x")}
        yield "GET", path, {"headers": {"Authorization": f"Bearer {secret}"}}
    yield "GET", f"/api/admin/history/{secret}", {"auth": ("admin", PASSWORD)}
    yield "GET", f"/api/admin/export?format={secret}", {"auth": ("admin", PASSWORD)}
    for file in (f"api_token: [{secret}", f"api_token: *{secret}", f"api_token: !{secret} x"):
        yield "POST", "/api/admin/import", {"auth": ("admin", PASSWORD), "json": {"text": file}}


def broken(secret: str) -> Iterator[bytes]:
    """Invalid HTTP, with ``secret`` in each part of a request."""
    yield f"GET /{secret} HTTP/9.9\r\n\r\n".encode()
    yield f"{secret} / HTTP/1.1\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\n{secret}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nAuthorization: Bearer {secret}\0\r\n\r\n".encode()
    yield f"Authorization: Bearer {secret}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\nContent-Length: {secret}\r\n\r\n".encode()
    yield f"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{secret}\r\n".encode()
    yield f"GET {secret} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    yield f"GET http://user:{secret}@host/v1/models HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture
def own_upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.stop()


def test_what_clients_bring_is_nowhere(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    world = World(start_gateway, own_upstream, tmp_path)
    key = KEYS["the client's key"]
    world.chat(key, key)
    world.use_panel()
    world.check()
    assert world.shown.refused >= {400, 401, 402, 404, 429, 502}
    kept = [*tmp_path.glob("models.history/*.yaml"), tmp_path / "models.yaml"]
    assert all(TOKEN in path.read_text() for path in kept)
    cached = [path for path in tmp_path.glob("url_cache/*") if path.is_file()]
    assert len(kept) >= 2
    assert cached
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [str(path) for path in files if path.stat().st_mode & 0o077] == []


def test_what_the_gateway_has_is_nowhere(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    access, folder = tmp_path / "keys", tmp_path / "config"
    folder.mkdir()
    access.write_text(keys.line("alice", KEYS["the access key"]) + "\n")
    poe_key = KEYS["the gateway's Poe key"]
    world = World(start_gateway, own_upstream, folder, POE_API_KEY=poe_key, ACCESS_KEYS=str(access))
    world.chat(KEYS["the access key"], poe_key)
    world.ask(KEYS["a wrong key"], "a wrong key", answer(DONE), {})
    world.use_panel()
    world.check()
    assert KEYS["the access key"].encode() not in access.read_bytes()
    assert world.shown.refused >= {400, 401, 402, 404, 429, 502}


def test_a_key_in_the_wrong_place_is_nowhere_either(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    own_upstream.anyone = Bot("whoever", [answer(text("fine"), DONE)])
    settings = {"ADMIN_PASSWORD": PASSWORD, "CONFIG_DIR": str(tmp_path), "LOG_LEVEL": "debug"}
    gateway = start_gateway(own_upstream.url, **settings)
    secret = keys.generate()
    for method, path, request in odd(secret):
        assert gateway.http.request(method, path, **request).status_code != 500
    for request in broken(secret):
        with gateway.connect() as client:
            client.send(request)
            client.socket.shutdown(socket.SHUT_WR)
            client.read_to_the_end()
    metrics = gateway.http.get("/metrics", auth=("admin", PASSWORD))
    assert metrics.status_code == 200
    gateway.stop()
    everything = {"the key": secret, "the password": PASSWORD}
    check("the log", gateway.log.read_bytes(), everything)
    check("the metrics", metrics.content, everything)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        check(str(path), str(path).encode() + path.read_bytes(), everything)


@pytest.mark.parametrize(
    "proxy", ["http://user:{}@127.0.0.1:{}", "user:{}@127.0.0.1:{}", "http://user:{}@x:y{}"]
)
def test_a_proxy_s_password_is_nowhere(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream, proxy: str
) -> None:
    secret = KEYS["the password"]
    gateway = start_gateway("http://poe.example", HTTP_PROXY=proxy.format(secret, free_port()))
    answers = [
        gateway.ask("x"),
        gateway.http.get("/v1/models"),
        gateway.http.get("/api/admin/state", auth=("admin", "secret")),
    ]
    assert [each.status_code for each in answers] == [502, 502, 200]
    gateway.stop()
    shown = b"".join(each.content for each in answers) + gateway.log.read_bytes()
    check("an answer or the log", shown, {"the proxy's password": secret})


@pytest.mark.needs("redis-server")
def test_the_password_of_a_redis_is_nowhere(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """Of one that is not there, and of one with another password."""
    own_upstream.anyone = Bot("whoever", [answer(text("fine"), DONE)])
    secret, port = KEYS["the password"], free_port()
    url = "redis://user:{}@127.0.0.1:{}"
    for options in ("--port", str(port), "--requirepass", "another"), None:
        server = (
            RedisServer(tmp_path, *options, url=url.format("another", port).replace("user", ""))
            if options
            else None
        )
        gateway = start_gateway(own_upstream.url, REDIS_URL=url.format(secret, port))
        answers = [gateway.ask("x"), gateway.http.get("/api/admin/state", auth=("admin", "secret"))]
        assert [each.status_code for each in answers] == [200, 200]
        gateway.stop()
        if server:
            server.kill()
        assert b"cannot be used" in gateway.log.read_bytes()
        shown = b"".join(each.content for each in answers) + gateway.log.read_bytes()
        check("an answer or the log", shown, {"the password": secret})


def test_a_key_in_the_wrong_variable_is_not_shown(tmp_path: Path) -> None:
    """The start is refused in one line, which says which variable."""
    key = keys.generate()
    for name, value in {
        "POE_BASE_URL": f"https://user:{key}@api.poe.com",
        "POE_API_KEY": f"{key} {key}",
        "ACCESS_KEYS": key,
        "METRICS_TOKEN": f"{key} x",
        "REDIS_URL": key,
        "PORT": key,
    }.items():
        given = {"CONFIG_DIR": str(tmp_path), "POE_API_KEY": "key", "ACCESS_KEYS": str(tmp_path)} | {
            name: value
        }
        with pytest.raises(SettingsError, match=f"^{name}=") as refused:
            Settings.load(given)
        assert key not in str(refused.value)


def test_a_broken_file_of_keys_is_not_quoted(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    access, secret = tmp_path / "keys", keys.generate()
    access.write_text(keys.line("alice", KEYS["the access key"]) + "\n")
    gateway = start_gateway(own_upstream.url, POE_API_KEY="pb-of-the-gateway", ACCESS_KEYS=str(access))
    access.write_text(f"alice {secret}\n{secret}\n")
    eventually(lambda: "is not used" in gateway.log.read_text())
    check("the log", gateway.log.read_bytes(), {"the key": secret})


def test_no_url_that_a_client_or_a_bot_gives_is_fetched(
    start_gateway: StartGateway, own_upstream: ScriptedUpstream
) -> None:
    """The servers named in them never get a connection."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
        file = {"url": url, "content_type": "image/png", "name": "x.png", "inline_ref": "x"}
        own_upstream.bot(respond(200, {"attachment_url": url, "mime_type": "image/png"}), name="uploads")
        own_upstream.models = own_upstream.bot(respond(302, b"", location=url), name="list")
        gateway = start_gateway(own_upstream.url, POE_FILE_UPLOAD_URL=f"{own_upstream.url}/bot/uploads")
        scripts = (
            answer(text("![x][x]"), event("file", file), DONE),
            respond(302, b"", location=url),
            respond(307, b"", location=url),
        )
        schema = {"type": "object", "properties": {"a": {"$ref": url}}, "$id": url}
        requests = (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]},
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": url}}]}]},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": schema}}]},
            {"extra_body": {"base_url": url}, "webhook": url},
        )
        statuses = set()
        for script in scripts:
            for fields in requests:
                bot = own_upstream.bot(script)
                plain = {"model": bot.name, "messages": [{"role": "user", "content": "x"}]}
                headers = {"x-api-key": KEYS["the client's key"], "Referer": url, "X-Forwarded-Host": url}
                response = gateway.http.post("/v1/chat/completions", json=plain | fields, headers=headers)
                statuses.add(response.status_code)
        assert {200, 502} <= statuses <= {200, 400, 502}
        assert gateway.http.get("/v1/models").status_code == 502
        text_with_url = {"text": f"models: !include {url}\n", "dry_run": True}
        gateway.http.post("/api/admin/import", json=text_with_url, auth=("admin", "secret"))
        assert select.select([trap], [], [], 0)[0] == []
