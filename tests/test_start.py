"""How the gateway starts, and how it refuses to."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.gateway import COMMAND, LIMIT, ROOT, Gateway, environment, eventually, free_port, message_of
from tests.upstream.scripted import DONE, ScriptedUpstream, answer, text

WRONG = {
    "PORT": ["eighty", "0", "-1", "65536", "80.5", "٨٠"],
    "WEB_CONCURRENCY": ["0", "many", "1000"],
    "MAX_REQUEST_SIZE": ["-1", "0", "1GB"],
    "RATE_LIMIT_MS": ["-1", "fast"],
    "MAX_CONCURRENT": ["0", "-1"],
    "MAX_QUEUE": ["-1", "1.5"],
    "MAX_REQUESTS": ["-1", "many"],
    "BODY_TIMEOUT_SECONDS": ["0", "-1"],
    "SEND_TIMEOUT_SECONDS": ["0", "inf"],
    "ANSWER_TIMEOUT_SECONDS": ["-1", "nan"],
    "LOG_LEVEL": ["loud"],
    "URL_CACHE_TTL_SECONDS": ["-5"],
    "URL_CACHE_SIZE_MB": ["-5"],
    "HEARTBEAT_SECONDS": ["nan", "-1", "inf", "0.001"],
    "IDLE_TIMEOUT_SECONDS": ["0"],
    "HEAD_TIMEOUT_SECONDS": ["0", "1e9"],
    "POE_BASE_URL": [
        "api.poe.com",
        "ftp://api.poe.com",
        "https://",
        "https://x:port",
        "https://a b",
        "https://a..b",
        "http://x:0",
        "http://x\\y",
    ],
    "ADMIN_USERNAME": ["a:b"],
    "TRUSTED_PROXIES": ["proxy", "10.0.0.1/8", "10.0.0.0/33", "*", "127.0.0.1;10.0.0.1"],
    "SCRIPT_NAME": ["poe", "//poe", "/a b", "/poe?", "http://x/poe"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, each) for name, values in WRONG.items() for each in values]
)
def test_a_setting_that_cannot_be_used_stops_the_start_with_one_line(
    tmp_path: Path, name: str, value: str
) -> None:
    line = refusal(tmp_path, **{name: value})
    assert name in line
    assert repr(value) in line
    assert "allowed" in line


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/nobody/can/make/this"])
def test_a_folder_that_cannot_be_used_stops_the_start_with_one_line(tmp_path: Path, folder: str) -> None:
    tmp_path.joinpath("file").write_text("no folder")
    path = str(tmp_path / folder)
    line = refusal(tmp_path, CONFIG_DIR=path)
    assert "CONFIG_DIR" in line
    assert path in line


@pytest.mark.parametrize(
    "value",
    [
        *("hidden", "http://:hidden@localhost", "redis://", "redis://:hidden@", "redis://:hidden@host:port"),
        *("redis://:hidden@host:70000", "redis://:hidden@host:0", "redis://:hidden@host/name"),
        *("redis://:hidden@host/1/2", "redis://:hidden@host?socket_timeout=9", "redis://:hidden@host?db=x"),
        *("redis://:hidden@a..b", f"redis://:hidden@{'a' * 64}.example", "redis://:hidden@.host"),
        *("redis://:hidden@host?ssl_ca_certs=/x", "redis://:hidden@ho st", "redis://:hid#den@host"),
        *("rediss://:hidden@host?ssl_ca_certs=/not/there", "rediss://:hidden@host?ssl_cert_reqs=maybe"),
        *("unix://", "unix://host/path?password=hidden", "unix:///path?password=hidden&db=-1"),
    ],
)
def test_an_address_of_redis_that_cannot_be_used_is_refused_and_not_shown(tmp_path: Path, value: str) -> None:
    line = refusal(tmp_path, REDIS_URL=value)
    assert line.startswith("poe2openai: REDIS_URL=(hidden) cannot be used; allowed is a redis://")
    assert "hid#den" not in line.replace("(hidden)", "")
    assert "hidden" not in line.replace("(hidden)", "")


def test_addresses_of_redis_that_can_be_used(tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("certificates")
    for url in (
        *("redis://localhost", "redis://localhost/", "redis://127.0.0.1:6379/1", "redis://[::1]:6379"),
        *("redis://redis.example.:6379", f"redis://{'a' * 63}.example"),
        *("redis://:p%40ss@redis:6379/15", "rediss://user:pass@host:1?db=2", "redis://host?db=3"),
        *(f"rediss://host?ssl_ca_certs={certificates}", "rediss://host?ssl_cert_reqs=none"),
        *("unix:///run/redis.sock", "unix:///run/redis.sock?db=1&password=p%40ss"),
    ):
        settings = Settings.load({"CONFIG_DIR": str(tmp_path), "REDIS_URL": url})
        assert settings.redis_url == url
        assert url not in repr(settings)
    assert Settings.load({"CONFIG_DIR": str(tmp_path)}).redis_url is None


def test_help_names_every_setting_and_starts_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "--help"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LIMIT
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    documented = re.findall(
        r"^\| `(\w+)` \|", ROOT.joinpath("docs", "configuration.md").read_text(), re.MULTILINE
    )
    assert re.findall(r"^  ([A-Z_]+)\b", ended.stdout, re.MULTILINE) == documented


@pytest.mark.parametrize("argument", ["--port=80", "serve", "--workers"])
def test_an_option_stops_the_start_with_one_line(tmp_path: Path, argument: str) -> None:
    assert argument in refusal(tmp_path, (sys.executable, "-m", "app", argument))


def test_gunicorn_can_be_started_anywhere(tmp_path: Path) -> None:
    port = str(free_port())
    command = [COMMAND[0], "-c", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(PORT=port), stderr=subprocess.PIPE)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("admin", "secret")) as client:
            eventually(lambda: process.poll() is None and is_served(client))
            assert client.get("/admin").status_code == 200
        assert (tmp_path / "url_cache").is_dir()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)


def is_served(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return client.get("/readyz").status_code == 200
    return False


def test_gunicorn_by_itself_refuses_as_well(tmp_path: Path) -> None:
    line = refusal(tmp_path, COMMAND, PORT="eighty")
    assert "PORT='eighty'" in line


@pytest.mark.parametrize("command", [(sys.executable, "-m", "app"), COMMAND])
def test_where_the_log_is_json_a_refusal_is_an_object(tmp_path: Path, command: Sequence[str]) -> None:
    said = json.loads(refusal(tmp_path, command, PORT="eighty", LOG_FORMAT="json"))
    assert said.keys() == {"time", "level", "pid", "message"}
    assert said["level"] == "error"
    assert said["message"].startswith("poe2openai: PORT='eighty' cannot be used")
    assert "LOG_FORMAT='xml'" in refusal(tmp_path, command, LOG_FORMAT="xml")


@pytest.mark.parametrize("host", ["nobody.invalid", "192.0.2.1", "[::1]", "a:b:c", "a..b"])
@pytest.mark.parametrize("command", [(sys.executable, "-m", "app"), COMMAND], ids=["app", "gunicorn"])
def test_a_host_that_is_not_this_one_stops_the_start_with_one_line(
    tmp_path: Path, host: str, command: Sequence[str]
) -> None:
    line = refusal(tmp_path, command, HOST=host)
    assert "HOST" in line
    assert repr(host) in line


@pytest.mark.parametrize("name", ["PORT", "METRICS_PORT"])
def test_a_port_that_is_taken_stops_the_start_with_one_line(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refusal(tmp_path, **{name: port})
    assert port in line
    assert "in use" in line


def refusal(folder: Path, command: Sequence[str] = (sys.executable, "-m", "app"), **settings: str) -> str:
    """The error of a start that must fail at once."""
    usual = {"PORT": str(free_port()), "CONFIG_DIR": str(folder)}
    run = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**usual | settings),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert run.returncode not in (0, None)
    (line,) = (run.stdout + run.stderr).splitlines()
    return line


def test_the_defaults_are_enough_but_warn_once_about_the_password(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    gateway: Gateway = start_gateway(
        upstream.url, ADMIN_PASSWORD=None, LOG_LEVEL=None, RATE_LIMIT_MS=None, WEB_CONCURRENCY="3"
    )
    bot = upstream.bot(answer(text("fine"), DONE))
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    warnings = [line for line in gateway.log.read_text().splitlines() if "ADMIN_PASSWORD" in line]
    assert len(warnings) == 1
    assert "WARN" in warnings[0]


def limited(soft: int, hard: int) -> list[str]:
    """The command of a gateway that may have so many descriptors."""
    return ["bash", "-c", f'ulimit -Sn {soft}; ulimit -Hn {hard}; exec "$@"', "bash", *COMMAND]


def test_too_few_descriptors_are_warned_of_with_the_number_that_is_needed(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    settings = {"MAX_CONCURRENT": "100", "MAX_QUEUE": "50", "WEB_CONCURRENCY": "1"}
    gateway: Gateway = start_gateway(upstream.url, command=limited(256, 512), **settings)
    (warning,) = [line for line in gateway.log.read_text().splitlines() if "ulimit" in line]
    assert "WARN" in warning
    assert "512 open files" in warning
    assert str(2 * 100 + 50 + 1024) in warning


def test_descriptors_are_allowed_as_far_as_that_is_possible(
    upstream: ScriptedUpstream, start_gateway
) -> None:
    settings = {"MAX_CONCURRENT": "100", "MAX_QUEUE": "50", "WEB_CONCURRENCY": "1"}
    gateway: Gateway = start_gateway(upstream.url, command=limited(256, 4000), **settings)
    assert "ulimit" not in gateway.log.read_text()
    limits = Path(f"/proc/{gateway.process.pid}/limits").read_text()
    assert re.search(rf"^Max open files +{2 * 100 + 50 + 1024} ", limits, re.MULTILINE)


def test_a_password_of_ones_own_is_not_warned_about_nor_shown(gateway: Gateway) -> None:
    log = gateway.log.read_text()
    assert "ADMIN_PASSWORD" not in log
    assert "secret" not in log


def test_empty_variables_count_as_absent_and_a_missing_folder_is_made(
    upstream: ScriptedUpstream, start_gateway, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "folder"
    settings = dict.fromkeys(
        ["LOG_LEVEL", "HEARTBEAT_SECONDS", "MAX_REQUEST_SIZE", "POE_FILE_UPLOAD_URL"], ""
    )
    gateway: Gateway = start_gateway(
        upstream.url + "/", CONFIG_DIR=str(folder), WEB_CONCURRENCY="1", **settings
    )
    bot = upstream.bot(answer(text("fine"), DONE))
    assert message_of(gateway.ask(bot.name))["content"] == "fine"
    assert folder.is_dir()
