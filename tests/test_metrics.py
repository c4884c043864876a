"""What /metrics reports, to whom, and that it stays correct and bounded."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app import create_app, errors
from app.attachments.counters import Counters
from app.completion import Completions
from app.metrics import _UPSTREAM_CODES, Metrics
from app.poe import faults
from app.settings import Settings
from app.variables import SettingsError
from tests.gateway import (
    KEY,
    ROOT,
    WORDS,
    Gateway,
    environment,
    eventually,
    free_port,
    message_of,
    workers_of,
)
from tests.upstream.scripted import (
    DONE,
    LIMIT,
    Bot,
    ScriptedUpstream,
    answer,
    begin,
    error,
    respond,
    text,
    until_closed,
)
from tests.upstream.uploads import UploadServer

ADMIN = ("admin", "secret")
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
TURNS = 6  # requests on connections of their own: both workers get some


def read(body: str) -> Samples:
    """The samples in Prometheus' text, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def scrape(gateway: Gateway) -> Samples:
    response = gateway.http.get("/metrics", auth=ADMIN)
    assert response.status_code == 200, response.text
    return read(response.text)


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    wanted = labels.items()
    return sum(
        value
        for (found, has), value in samples.items()
        if found == f"poe2openai_{name}" and wanted <= set(has)
    )


def counted(gateway: Gateway, name: str, count: float, **labels: str) -> Samples:
    """The samples once one has reached ``count``: a worker counts after the client has its answer."""

    def found() -> Samples | None:
        samples = scrape(gateway)
        return samples if total(samples, name, **labels) == count else None

    samples: Samples = eventually(found)
    return samples


@pytest.fixture
def measured(upstream: ScriptedUpstream, start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(upstream.url)


@pytest.fixture
def listing() -> Iterator[ScriptedUpstream]:
    """An upstream with a list of one bot."""
    server = ScriptedUpstream()
    server.models = Bot("the list", [respond(200, {"object": "list", "data": [{"id": "Listed"}]})])
    server.bot(answer(text("fine"), DONE), name="Listed")
    yield server
    server.stop()


def test_requests_and_completions_are_counted_over_both_workers(
    measured: Gateway, upstream: ScriptedUpstream
) -> None:
    bot = upstream.bot(answer(text("fine words"), DONE))
    for _ in range(TURNS):
        measured.ask(bot.name, "hello world")
        measured.ask(bot.name, "hello world", stream=True)
    measured.ask(bot.name, n=2)
    route = {"route": "/v1/chat/completions", "dialect": "chat"}
    counted(measured, "request_duration_seconds_count", 2 * TURNS + 1, **route)
    samples = counted(measured, "tokens_total", 2 * TURNS * 2, kind="completion")
    assert total(samples, "requests_total", status="200", **route) == 2 * TURNS
    assert total(samples, "requests_total", status="400", **route) == 1
    assert total(samples, "request_duration_seconds_count", **route) == 2 * TURNS + 1
    assert total(samples, "completions_total", dialect="chat", outcome="stop") == 2 * TURNS
    assert total(samples, "time_to_first_token_seconds_count", dialect="chat") == TURNS
    assert total(samples, "tokens_total", kind="prompt") == 2 * TURNS * 2
    assert total(samples, "tokens_total", kind="completion") == 2 * TURNS * 2
    assert total(samples, "completions_in_flight") == 0


def test_what_is_under_way_and_what_waits_is_seen(upstream: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(upstream.url, RATE_LIMIT_MS="3600000")
    bot = upstream.bot(begin(text("half"), until_closed))
    with gateway.connect() as first, gateway.connect() as second:
        first.post(bot.name, stream=True).read_head()
        second.post(bot.name)
        eventually(lambda: total(scrape(gateway), "completions_in_flight") == 2)
        eventually(lambda: total(scrape(gateway), "completions_queued") == 1)
    counted(gateway, "completions_total", 2, outcome="client_gone")
    samples = counted(gateway, "completions_in_flight", 0)
    assert total(samples, "completions_queued") == 0
    assert total(samples, "rate_limit_wait_seconds_count") == 2
    assert total(samples, "rate_limit_wait_seconds_sum") > 3000


def test_what_a_dead_worker_counted_stays_and_what_it_had_under_way_goes(
    measured: Gateway, upstream: ScriptedUpstream
) -> None:
    bot, slow = upstream.bot(answer(text("fine"), DONE)), upstream.bot(begin(text("half"), until_closed))
    for _ in range(TURNS):
        measured.ask(bot.name)
    counted(measured, "tokens_total", TURNS, kind="completion")
    clients = [measured.connect().post(slow.name, stream=True) for _ in range(TURNS)]
    eventually(lambda: total(scrape(measured), "completions_in_flight") == TURNS)
    for worker in workers_of(measured):
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: len(workers_of(measured)) == 2)
    eventually(lambda: total(_scrape_if_up(measured), "completions_in_flight") == 0)
    assert total(scrape(measured), "completions_total", outcome="stop") == TURNS
    measured.ask(bot.name)
    counted(measured, "completions_total", TURNS + 1, outcome="stop")
    (folder,) = _folders(measured)
    files = {path.name for path in folder.glob("counter_*.db")}
    assert files == {"counter_0.db", "counter_1.db"}  # the successors went on in the files of the dead
    for client in clients:
        client.close()


def test_a_file_that_a_worker_is_just_making_is_no_obstacle(measured: Gateway) -> None:
    (folder,) = _folders(measured)
    files = [folder / name for name in ("counter_63.db", "gauge_livesum_63.db", "histogram_63.db")]
    for file in files:
        file.touch()
    assert scrape(measured)
    for file in files:
        file.unlink()


def _scrape_if_up(gateway: Gateway) -> Samples:
    try:
        return scrape(gateway)
    except httpx.TransportError:  # the dead worker had accepted it
        return {("poe2openai_completions_in_flight", frozenset()): -1.0}


def _folders(gateway: Gateway) -> list[Path]:
    place = Path("/dev/shm")
    return list(place.glob(f"poe2openai-{gateway.process.pid}-*"))


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no /dev/shm here")
def test_what_a_killed_gateway_left_goes_with_the_next_start(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway, living = start_gateway(upstream.url), start_gateway(upstream.url)
    (left,), (held,) = _folders(gateway), _folders(living)
    workers = workers_of(gateway)
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(LIMIT)
    eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    for folder in (left, held):
        os.utime(folder, (0, 0))  # as if they had been there for long
    start_gateway(upstream.url)
    assert (left.exists(), held.exists()) == (False, True)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no /dev/shm here")
def test_the_counts_are_nobody_elses_and_go_with_the_gateway(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(upstream.url)
    (folder,) = _folders(gateway)
    assert folder.stat().st_mode & 0o777 == 0o700
    gateway.process.send_signal(signal.SIGTERM)
    gateway.process.wait(LIMIT)
    assert _folders(gateway) == []


def test_made_up_models_paths_and_methods_make_no_labels(
    measured: Gateway, upstream: ScriptedUpstream
) -> None:
    def make_up(number: int) -> None:
        made_up = upstream.bot(answer(text("fine"), DONE), name=f"made-up-{number}")
        measured.ask(made_up.name)
        measured.ask(f"nobody-{number}")
        measured.http.get(f"/made/up/{number}")
        measured.http.get(f"/v1/models/made-up-{number}")
        measured.http.request(f"MADEUP{number}", "/v1/models")
        measured.http.post(f"/v1/chat/completions/{number}")

    make_up(0)
    before = counted(measured, "completions_total", 2, model="other").keys()
    for number in range(1, 20):
        make_up(number)
    after = counted(measured, "completions_total", 40, model="other")
    assert {name for name, _ in after} == {name for name, _ in before}
    assert len(after) <= len(before) + 20  # the scrape itself, and what the other worker was first to say
    assert "made-up" not in str(after.keys())
    assert total(after, "requests_total", route="other") >= 40


def test_what_the_server_refuses_by_itself_is_counted(measured: Gateway) -> None:
    for request in (b"NO HTTP\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 30_000 + b"\r\n\r\n"):
        with measured.connect() as client:
            client.send(request)
            client.response()
    counted(measured, "requests_total", 1, route="other", status="400")
    counted(measured, "requests_total", 1, route="other", status="431")


def test_each_kind_of_failure_is_there_from_the_start(measured: Gateway) -> None:
    samples = scrape(measured)
    kinds = [dict(labels)["code"] for name, labels in samples if name == "poe2openai_upstream_errors_total"]
    assert len(kinds) >= 13
    assert total(samples, "upstream_errors_total") == 0


def test_a_model_of_the_list_is_named(listing: ScriptedUpstream, start_gateway) -> None:
    gateway: Gateway = start_gateway(listing.url)
    assert gateway.http.get("/v1/models").json()["data"][0]["id"] == "Listed"
    eventually(
        lambda: (
            gateway.ask("lISTED").status_code == 200
            and total(scrape(gateway), "completions_total", model="Listed") > 0
        )
    )


def test_failures_of_poe_are_counted_by_kind_also_those_tried_again(
    measured: Gateway, upstream: ScriptedUpstream
) -> None:
    fine = answer(text("fine"), DONE)
    assert message_of(measured.ask(upstream.bot(respond(502), fine).name))["content"] == "fine"
    for failing in (answer(error(error_type="insufficient_fund"), DONE), respond(429)):
        measured.ask(upstream.bot(failing).name)
    samples = counted(measured, "completions_total", 2, outcome="failed")
    codes = {"upstream_error", "insufficient_quota", "rate_limit_exceeded"}
    assert {code: total(samples, "upstream_errors_total", code=code) for code in codes} == dict.fromkeys(
        codes, 1
    )


def test_a_fault_of_the_gateway_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> Iterator[None]:
        yield from ()
        raise ValueError

    monkeypatch.setattr(Completions, "run", run)
    app = create_app(Settings.load(environment(CONFIG_DIR=str(tmp_path))))
    body = {"model": "x", "messages": [{"role": "user", "content": "x"}]}
    response = app.test_client().post("/v1/chat/completions", json=body, headers={"x-api-key": KEY})
    assert response.status_code == 500
    response.close()
    samples = read(app.extensions["metrics"].text())
    assert total(samples, "completions_total", outcome="failed") == 1
    assert total(samples, "requests_total", status="500") == 1


def test_uploads_and_the_cache_are_counted(poe, start_gateway) -> None:
    uploads = UploadServer()
    gateway: Gateway = start_gateway(poe.url, POE_FILE_UPLOAD_URL=uploads.url)
    url = "data:text/plain;base64," + base64.b64encode(b"some words").decode()
    parts = [{"type": "text", "text": WORDS}, {"type": "image_url", "image_url": {"url": url}}]
    try:
        for _ in range(2):
            assert gateway.ask("Echo", parts).status_code == 200
    finally:
        uploads.stop()
    samples = scrape(gateway)
    assert total(samples, "uploads_total") == 1
    assert total(samples, "uploaded_bytes_total") == len(b"some words")
    assert (total(samples, "upload_cache_hits_total"), total(samples, "upload_cache_misses_total")) == (1, 1)


def test_no_key_and_no_text_is_in_them(measured: Gateway, upstream: ScriptedUpstream) -> None:
    measured.ask(upstream.bot(answer(text("words of the bot"), DONE)).name)
    measured.http.get("/v1/models", params={"key": KEY}, headers={"x-api-key": KEY})
    body = measured.http.get("/metrics", auth=ADMIN).text
    for secret in (KEY, WORDS, "words of the bot", *ADMIN):
        assert secret not in body


# Who may see them.


def test_the_panels_password_opens_them_and_wrong_ones_are_counted_together(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(upstream.url)
    response = gateway.http.get("/metrics", auth=ADMIN)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in response.headers
    assert gateway.http.get("/metrics").headers["www-authenticate"].startswith("Basic")
    for path in ("/metrics", "/admin") * 5:
        assert gateway.http.get(path, auth=("admin", "wrong")).status_code == 401
    assert gateway.http.get("/metrics", auth=("admin", "wrong")).status_code == 429


def test_without_a_password_a_token_or_a_port_there_are_none(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(upstream.url, ADMIN_PASSWORD="")
    response = gateway.http.get("/metrics", auth=("admin", ""))
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("password", ["secret", ""])
def test_a_token_takes_the_passwords_place(upstream: ScriptedUpstream, start_gateway, password: str) -> None:
    gateway: Gateway = start_gateway(upstream.url, METRICS_TOKEN="a-token", ADMIN_PASSWORD=password)

    def status(authorization: str) -> int:
        return gateway.http.get("/metrics", headers={"Authorization": authorization}).status_code

    assert status("Bearer a-token") == status("bearer  a-token") == 200
    refused = gateway.http.get("/metrics", auth=ADMIN)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["error"]["code"] == "invalid_token"
    assert [status("Bearer wrong") for _ in range(11)] == [401] * 10 + [429]
    assert "a-token" not in gateway.log.read_text()


@pytest.mark.parametrize("token", ["", "a-token"])
def test_a_port_of_their_own_has_nothing_else(upstream: ScriptedUpstream, start_gateway, token: str) -> None:
    port = free_port()
    gateway: Gateway = start_gateway(upstream.url, METRICS_PORT=str(port), METRICS_TOKEN=token)
    assert gateway.http.get("/metrics", auth=ADMIN).status_code == 404
    assert gateway.http.get("/admin", auth=ADMIN).status_code == 200
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, trust_env=False, timeout=LIMIT) as client:
        for path in ("/", "/healthz", "/v1/models", "/admin", "/metrics/x"):
            assert client.get(path, headers=headers, auth=None).status_code == 404
        assert client.get("/metrics", headers=headers).status_code == 200
        assert client.get("/metrics").status_code == (401 if token else 200)
        assert client.get("/metrics", headers=headers | {"Host": f"x:{gateway.port}"}).status_code == 200
        for method in ("OPTIONS", "POST", "MADEUP"):
            assert client.request(method, "/v1/chat/completions", headers=headers).status_code == 404
    for method in ("OPTIONS", "POST", "HEAD", "MADEUP"):
        assert gateway.http.request(method, "/metrics").status_code == 404


def test_the_two_ports_cannot_be_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="METRICS_PORT"):
        Settings.load({"CONFIG_DIR": str(tmp_path), "PORT": "9999", "METRICS_PORT": "9999"})


# What comes with them.


@pytest.fixture(scope="module")
def names() -> set[str]:
    """All names that there can be."""
    metrics = Metrics(Counters().totals, lambda: 0)
    metrics.count_request("/", "health", 200, 0.1)
    metrics.begin_completion()
    metrics.count_completion("chat", "other", "stop", 0.1)
    metrics.count_tokens("chat", "other", 1, 1)
    metrics.count_upstream(["upstream_error"], [0.1])
    return {name for name, _ in read(metrics.text()) if not name.endswith("_created")}  # of one process only


def families(names: set[str]) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def used_in(expressions: list[str]) -> set[str]:
    used = {name for each in expressions for name in re.findall(r"\bpoe2openai_\w+", each)}
    assert used
    return used


def test_the_board_shows_nothing_that_there_is_not(names: set[str]) -> None:
    board = json.loads(ROOT.joinpath("deploy/grafana.json").read_text())
    targets = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    variables = [str(each["query"]) for each in board["templating"]["list"]]
    assert used_in(targets) | used_in(variables) <= names
    assert families(used_in(targets)) == families(names)


def test_the_alerts_ask_for_nothing_that_there_is_not(names: set[str]) -> None:
    groups = yaml.safe_load(ROOT.joinpath("deploy/alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert used_in([rule["expr"] for rule in rules]) <= names
    for rule in rules:
        assert rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    "command", [("check", "rules", "deploy/alerts.yml"), ("test", "rules", "tests/alerts.yml")]
)
def test_prometheus_understands_the_alerts_and_raises_them(command: tuple[str, ...]) -> None:
    promtool(*command)


@pytest.mark.needs("promtool")
def test_prometheus_understands_the_metrics_and_how_it_is_told_of_them(
    measured: Gateway, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    measured.ask(upstream.bot(answer(text("fine"), DONE)).name, stream=True)
    metrics = counted(measured, "time_to_first_token_seconds_count", 1) and measured.http.get(
        "/metrics", auth=ADMIN
    )
    promtool("check", "metrics", given=metrics.text)
    page = ROOT.joinpath("docs/deployment.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (config,) = (each for each in blocks if "scrape_configs" in each)
    tmp_path.joinpath("prometheus.yml").write_text(config)
    promtool("check", "config", str(tmp_path / "prometheus.yml"))


def promtool(*arguments: str, given: str | None = None) -> None:
    """Prometheus' own tool, which must not complain about its input."""
    ended = subprocess.run(
        ["promtool", *arguments],
        input=given,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_what_poe_can_fail_in_is_counted_by_these_names() -> None:
    makers = {
        *faults._BY_STATUS.values(),
        *faults._BY_ERROR_TYPE.values(),
        *(make for _, make in faults._WORDS),
    }
    said = {make("").code for make in makers} | {
        errors.invalid_request("").type,
        errors.bad_upstream("").code,
    }
    timed = {
        make(1.0).code for make in (errors.connect_timeout, errors.first_byte_timeout, errors.idle_timeout)
    }
    assert {*_UPSTREAM_CODES} == said | timed


def test_every_metric_stands_in_the_documents(names: set[str]) -> None:
    page = ROOT.joinpath("docs/deployment.md").read_text()
    assert {name for name in families(names) if f"`{name}`" not in page} == set()
