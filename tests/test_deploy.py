"""deploy/: nginx with TLS, two gateways and Redis as they run together, and the files themselves."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import yaml

from app.settings import Settings
from tests.deployment import Deployment, Nginx
from tests.gateway import ROOT, WORDS, authorization, content_of, events_in, eventually, free_port, message_of
from tests.programs import find
from tests.upstream.scripted import (
    DONE,
    Bot,
    Connection,
    ScriptedUpstream,
    answer,
    begin,
    text,
    until_closed,
)
from tests.upstream.uploads import UploadServer

with_servers = pytest.mark.needs("redis-server", "nginx")
PIECES = [f"piece {number} " for number in range(12)]


@pytest.fixture(scope="module")
def uploads() -> Iterator[UploadServer]:
    server = UploadServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, uploads: UploadServer
) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), upstream.url, uploads.url)
    yield deployment
    deployment.stop()


def slow_bot(upstream: ScriptedUpstream, seconds: float = 0.6) -> Bot:
    """Takes that many seconds to write its answer."""

    def pause(_: Connection) -> None:
        time.sleep(seconds / len(PIECES))

    return upstream.bot(answer(*(step for piece in PIECES for step in (text(piece), pause)), DONE))


class Load:
    """Clients that repeat their ``jobs`` until told to stop."""

    def __init__(self, jobs: Sequence[Callable[[], None]]) -> None:
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(len(jobs))
        self._counts = [self._pool.submit(self._go_on, job) for job in jobs]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown()

    def answers(self) -> list[int]:
        """Stop, and return how often each job was done. Raises if one failed."""
        self._stopped.set()
        return [each.result() for each in self._counts]

    def _go_on(self, job: Callable[[], None]) -> int:
        count = 0
        while not self._stopped.is_set():
            job()
            count += 1
        return count


def asking(deployment: Deployment, bot: Bot, clients: int = 8) -> list[Callable[[], None]]:
    """Clients that ask ``bot``, half of them for streams."""
    return [partial(_ask, deployment.http, bot, number % 2 == 0) for number in range(clients)]


def _ask(client: httpx.Client, bot: Bot, is_streamed: bool, content: str = WORDS) -> None:
    """A whole answer. The request is sent in pieces, with a pause after each."""
    body = {"model": bot.name, "messages": [{"role": "user", "content": content}], "stream": is_streamed}
    encoded = json.dumps(body).encode()
    headers = authorization() | {"Content-Length": str(len(encoded)), "Content-Type": "application/json"}
    response = client.post("/v1/chat/completions", content=_slowly(encoded), headers=headers)
    assert response.status_code == 200, response.text
    assert _content(response, is_streamed) == "".join(PIECES)


def _slowly(body: bytes) -> Iterator[bytes]:
    size = 64 * 1024
    for place in range(0, len(body), size):
        yield body[place : place + size]
        if len(body) > size:
            time.sleep(0.05)


def _content(response: httpx.Response, is_streamed: bool) -> str:
    if not is_streamed:
        return str(message_of(response)["content"])
    events = events_in(response.content)
    assert events[-1] == "[DONE]", events[-3:]
    return content_of(events)


# Through nginx.


@with_servers
def test_an_answer_streams_through_nginx_as_it_comes(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    bot = upstream.bot(answer(text("first "), gate, text("last"), DONE))
    body = {"model": bot.name, "messages": [{"role": "user", "content": WORDS}], "stream": True}
    headers = authorization() | {"Accept-Encoding": "gzip"}
    with deployment.http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        assert "content-encoding" not in response.headers
        pieces = response.iter_bytes()
        received = b""
        while b"first " not in received:
            received += next(pieces)
        gate.set()
        received += b"".join(pieces)
    assert content_of(events_in(received)) == "first last"


@with_servers
def test_a_client_that_leaves_ends_its_query_through_nginx(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(begin(text("first "), until_closed))
    body = {"model": bot.name, "messages": [{"role": "user", "content": WORDS}], "stream": True}
    headers = authorization()
    with deployment.http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        next(response.iter_bytes())
    bot.query.wait_closed()


@with_servers
def test_a_body_over_the_bound_is_a_413_through_nginx(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(text("fine"), DONE))
    assert message_of(deployment.ask(bot.name, "x" * 7 * 1024 * 1024))["content"] == "fine"
    refused = deployment.ask(bot.name, "x" * 9 * 1024 * 1024)
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "payload_too_large"


@with_servers
def test_a_gateway_knows_its_client_through_nginx(deployment: Deployment) -> None:
    transport = httpx.HTTPTransport(verify=deployment.nginx.trust, local_address="127.0.0.77")
    with httpx.Client(base_url=deployment.nginx.url, transport=transport) as client:
        forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Prefix": "/forged"}
        response = client.get("/v1/models/none", headers=authorization() | forged)
    id = response.headers["x-request-id"]

    def line() -> str:  # which is written after the answer
        logs = "".join(gateway.log.read_text() for gateway in deployment.gateways)
        return next((line for line in logs.splitlines() if id in line), "")

    assert "127.0.0.77" in eventually(line)
    assert "192.0.2.1" not in line()


@with_servers
def test_what_nginx_says_itself_has_the_form_of_an_error(deployment: Deployment, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    alone = Nginx(tmp_path, [free_port(), free_port()], is_up=lambda status: status == 502)
    try:
        response = httpx.get(f"{alone.url}/v1/models", verify=alone.trust, trust_env=False)
    finally:
        alone.stop()
    assert response.status_code == 502
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["type"] == "overloaded_error"


# Together.


@with_servers
def test_the_limit_holds_over_both_gateways(deployment: Deployment, upstream: ScriptedUpstream) -> None:
    bot = upstream.bot(answer(text("fine"), DONE))
    count = 60
    before = [deployment.requests_of(number) for number in range(2)]
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        for response in pool.map(lambda _: deployment.ask(bot.name), range(count)):
            assert message_of(response)["content"] == "fine"
    assert time.monotonic() - began >= (count - 1) * 0.02
    assert all(deployment.requests_of(number) > before[number] + 10 for number in range(2))


@with_servers
def test_an_upload_is_made_once_for_both_gateways_and_known_to_both(
    deployment: Deployment, upstream: ScriptedUpstream, uploads: UploadServer
) -> None:
    uploads.uploads.clear()
    uploads.delay = 0.3
    bot = upstream.bot(answer(text("fine"), DONE))
    content = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(500)).decode()
    picture = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{content}"}}]
    with ThreadPoolExecutor(8) as pool:
        for response in pool.map(lambda _: deployment.ask(bot.name, picture), range(8)):
            assert message_of(response)["content"] == "fine"
    for gateway in deployment.gateways:
        assert message_of(gateway.ask(bot.name, picture))["content"] == "fine"
    assert len(uploads.uploads) == 1
    urls = {json.dumps(query.json["query"][-1]["attachments"]) for query in bot.queries}
    assert len(bot.queries) == 10
    assert len(urls) == 1


@with_servers
def test_a_rolling_restart_under_load_cuts_no_answer(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    with Load(asking(deployment, slow_bot(upstream))) as load:
        for number in range(2):
            eventually(_serves(deployment, number))
            deployment.restart(number)
        eventually(_serves(deployment, 1))
        assert sum(load.answers()) > 20


@with_servers
def test_a_rolling_restart_cuts_no_long_stream_no_kept_connection_and_no_upload(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    short, long = slow_bot(upstream), slow_bot(upstream, seconds=5)
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(deployment.client()) for _ in range(4)]
        load = stack.enter_context(
            Load(
                [
                    *(
                        partial(_ask, deployment.http, long, is_streamed)
                        for is_streamed in (True, True, False)
                    ),
                    *(partial(_ask, client, short, number % 2 == 0) for number, client in enumerate(kept)),
                    *(partial(_ask, deployment.http, short, True, "x" * 2_000_000) for _ in range(2)),
                ]
            )
        )
        for number in range(2):
            eventually(_serves(deployment, number))
            deployment.restart(number)
        eventually(_serves(deployment, 1))
        assert min(load.answers()) > 1


@with_servers
def test_a_reload_of_nginx_cuts_no_answer(deployment: Deployment, upstream: ScriptedUpstream) -> None:
    short, long = slow_bot(upstream), slow_bot(upstream, seconds=3)
    with Load([*asking(deployment, short, 4), *asking(deployment, long, 4)]) as load:
        for _ in range(3):
            before = len(short.queries)
            deployment.nginx.reload()
            eventually(lambda before=before: len(short.queries) > before + 8)
        assert min(load.answers()) > 0


@with_servers
def test_who_was_served_by_a_gateway_that_was_killed_can_see_it_and_nobody_else(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    gate = threading.Event()
    begun = upstream.bot(answer(text("first "), gate, text("last"), DONE))
    waiting = upstream.bot([gate, *answer(text("fine"), DONE)])
    with ThreadPoolExecutor(8) as pool, contextlib.ExitStack() as stack:
        stack.callback(gate.set)
        streams = [pool.submit(_seen, deployment, begun.name) for _ in range(4)]
        wholes = [pool.submit(deployment.ask, waiting.name) for _ in range(4)]
        begun.wait_for_query(4)
        waiting.wait_for_query(4)
        eventually(lambda: sum(map(deployment.under_way, range(2))) == 8)
        own = deployment.under_way(0)
        deployment.kill(0)
        fine = upstream.bot(answer(text("fine"), DONE))
        for _ in range(8):
            assert message_of(deployment.ask(fine.name))["content"] == "fine"
        gate.set()
        cut = [each.result() for each in streams]
        answers = [each.result() for each in wholes]
    deployment.start(0)
    ends = [content for content in cut if content.endswith("[DONE]")]
    refused = [each.json()["error"]["type"] for each in answers if each.status_code == 502]
    assert len(cut) - len(ends) + len(refused) == own
    assert set(refused) <= {"overloaded_error"}
    assert all(each.status_code in (200, 502) for each in answers)
    assert len(begun.queries) == len(waiting.queries) == 4  # none was asked twice


def _seen(deployment: Deployment, bot: str) -> str:
    """What a client gets of a stream, complete or not."""
    body = {"model": bot, "messages": [{"role": "user", "content": WORDS}], "stream": True}
    received = ""
    with (
        contextlib.suppress(httpx.RemoteProtocolError),
        deployment.http.stream(
            "POST", "/v1/chat/completions", json=body, headers=authorization()
        ) as response,
    ):
        for piece in response.iter_text():
            received += piece
    return received.strip()


def _serves(deployment: Deployment, number: int) -> Callable[[], bool]:
    """Whether the gateway gets its share of the load from now on."""
    before = deployment.requests_of(number)
    return lambda: deployment.requests_of(number) > before + 2


@with_servers
def test_a_redis_that_is_killed_and_started_under_load_loses_no_answer(
    deployment: Deployment, upstream: ScriptedUpstream
) -> None:
    bot = slow_bot(upstream)

    def some_more() -> None:
        before = len(bot.queries)
        eventually(lambda: len(bot.queries) > before + 16)

    with Load(asking(deployment, bot)) as load:
        some_more()
        deployment.redis.kill()
        some_more()
        deployment.redis.start()
        some_more()
        eventually(lambda: deployment.redis.client.exists("poe2openai:slots:next"))
        deployment.redis.freeze()
        some_more()
        deployment.redis.thaw()
        some_more()
        assert sum(load.answers()) > 64


# The files.


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())
    return loaded


def needed_to_stop(folder: Path) -> float:
    settings = Settings.load({"CONFIG_DIR": str(folder)})
    return settings.drain_seconds + settings.graceful_timeout + 5


def test_compose_fills_in_all_that_nginx_needs(compose: dict[str, Any]) -> None:
    config = (ROOT / "deploy" / "nginx.conf").read_text()
    nginx = compose["services"]["nginx"]
    assert set(re.findall(r"\$\{(\w+)\}", config)) == {*nginx["environment"]} - {"NGINX_ENVSUBST_OUTPUT_DIR"}
    mounts = [volume.rpartition(":")[0].rpartition(":") for volume in nginx["volumes"]]
    assert mounts[0][0] == "./nginx.conf"
    assert nginx["environment"]["CERTIFICATE"].startswith(f"{mounts[1][2]}/")


def test_nginx_finds_the_gateways_of_compose(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for number in (1, 2):
        address = services[f"gateway-{number}"]["networks"]["front"]["ipv4_address"]
        assert services["nginx"]["environment"][f"GATEWAY_{number}"] == f"{address}:8080"


def test_what_compose_sets_are_settings_of_the_gateway(compose: dict[str, Any], tmp_path: Path) -> None:
    environment = compose["services"]["gateway-1"]["environment"]
    filled = {name: re.sub(r"\$\{\w+:[-?](.*)\}", r"\1", value) for name, value in environment.items()}
    settings = Settings.load(filled | {"CONFIG_DIR": str(tmp_path)})
    own = {name: environment[name] for name in ("REDIS_URL", "TRUSTED_PROXIES")}
    assert settings == Settings.load(own | {"CONFIG_DIR": str(tmp_path), "ADMIN_PASSWORD": "choose one"})
    assert environment["REDIS_URL"].startswith("redis://redis:")
    assert "redis" in compose["services"]
    nginx = compose["services"]["nginx"]["networks"]["front"]["ipv4_address"]
    assert environment["TRUSTED_PROXIES"] == nginx


def test_compose_lets_answers_end_and_locks_everything_down(compose: dict[str, Any], tmp_path: Path) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name != "redis":
            assert float(service["stop_grace_period"].removesuffix("s")) > needed_to_stop(tmp_path), name


UNIT = (ROOT / "deploy" / "poe2openai.service").read_text()


def blocks(language: str) -> list[str]:
    """The code of one language in docs/deployment.md."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(found) > 1
    return found


@with_servers
@pytest.mark.parametrize("block", blocks("nginx"))
def test_nginx_takes_what_the_page_has_for_it(tmp_path: Path, block: str) -> None:
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind}; " for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    server = f"server {{ listen 127.0.0.1:{free_port()}; {block} }}"
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ client_body_temp_path {tmp_path}/body; {paths} {server} }}"
    )
    command = [find("nginx") or "nginx", "-e", "stderr", "-t", "-c", str(tmp_path / "nginx.conf")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "warn" not in run.stderr


def test_the_page_says_of_nginx_what_the_tested_file_says() -> None:
    tested = directives((ROOT / "deploy" / "nginx.conf").read_text())
    own = {"proxy_pass http://127.0.0.1:8080", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for"}
    assert directives(blocks("nginx")[0]) - own <= tested


def directives(config: str) -> set[str]:
    """The simple directives of a configuration of nginx."""
    lines = re.sub(r"#.*", "", config).splitlines()
    return {" ".join(line.split()).removesuffix(";") for line in lines if line.rstrip().endswith(";")}


@pytest.mark.parametrize("block", blocks("sh"))
def test_commands_of_the_page_can_be_read_and_their_files_are_there(block: str) -> None:
    run = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for path in re.findall(r"(?<![\w/.])deploy/[\w./-]+", block):
        assert (ROOT / path).exists() or path.startswith("deploy/certificates"), path


def unit_value(name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    return str(value)


def test_the_unit_waits_for_answers_to_end(tmp_path: Path) -> None:
    assert float(unit_value("TimeoutStopSec")) > needed_to_stop(tmp_path)
    assert unit_value("KillMode") == "mixed"


def test_the_unit_starts_as_make_run_does() -> None:
    program = unit_value("WorkingDirectory")
    assert unit_value("ExecStart") == f"{program}/.venv/bin/python -m app"
    assert f"CONFIG_DIR=/var/lib/{unit_value('StateDirectory')}" in unit_value("Environment")


@pytest.mark.needs("systemd-analyze")
def test_systemd_takes_the_unit_for_a_safe_one(tmp_path: Path) -> None:
    unit = tmp_path / "poe2openai.service"
    there = UNIT.replace("/srv/poe2openai/.venv/bin/python", "/usr/bin/env python3")
    unit.write_text(there.replace("/srv/poe2openai", str(ROOT)))
    for command in (
        ["systemd-analyze", "verify", str(unit)],
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)],
    ):
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert command[1] == "security" or not run.stderr, run.stderr
