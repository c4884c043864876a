"""The image, as far as it can be tested without an engine: its entry point, health check and files."""

from __future__ import annotations

import http.server
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.gateway import ROOT, environment, eventually, free_port
from tests.upstream.scripted import LIMIT

PYTHON = str(Path(sys.executable).resolve())  # without the virtual environment, as the scripts need none
SERVICE = int(runpy.run_path(str(ROOT / "docker/entrypoint.py"), run_name="tested")["USER_ID"])
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NOBODY = 65534
WHO = 'echo "$$ $(id -u) $(id -g) $(id -G) $HOME"'

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

Owners = dict[str, tuple[int, int]]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users reach, too, with a copy of the entry point in ``program``."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "program" / "docker").mkdir(parents=True)
        shutil.copy(ROOT / "docker" / "entrypoint.py", place / "program" / "docker")
        yield place


def entrypoint(place: Path, *command: str, python: str = PYTHON) -> list[str]:
    return [python, "-I", str(place / "program" / "docker" / "entrypoint.py"), *command]


def start(
    place: Path, config_dir: Path | str, *command: str, python: str = PYTHON, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` through the entry point to its end."""
    return subprocess.run(
        entrypoint(place, *command, python=python),
        env={"PATH": os.environ["PATH"], "HOME": "/root", "CONFIG_DIR": str(config_dir)},
        cwd=place / "program",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        **options,
    )


def owners(folder: Path) -> Owners:
    """The owners of ``folder`` and its contents; for a link, of the link itself."""
    paths = [folder, *sorted(folder.rglob("*"))]
    stats = [(str(path.relative_to(folder)), path.lstat()) for path in paths]
    return {name: (stat.st_uid, stat.st_gid) for name, stat in stats}


def old_data(place: Path) -> Path:
    """A data folder as an older version left it: root's, and closed to others."""
    data = place / "data"
    (data / "url_cache" / "deep").mkdir(parents=True)
    (data / "models.yaml").write_text("enable: true\n")
    (data / "url_cache" / "deep" / "entry").write_bytes(b"x")
    (data / "url_cache" / "deep").chmod(0o700)
    data.chmod(0o700)
    return data


# The entry point.


@as_root
def test_an_old_data_folder_is_given_to_the_service(place: Path) -> None:
    data = old_data(place)
    done = start(
        place, data, "sh", "-c", 'cat "$CONFIG_DIR/models.yaml" && touch "$CONFIG_DIR/url_cache/new"'
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "enable: true\n", "")
    assert set(owners(data).values()) == {(SERVICE, SERVICE)}
    assert len(owners(data)) == 6


@as_root
def test_the_command_takes_the_entry_points_place_without_roots_rights(place: Path) -> None:
    process = subprocess.Popen(
        entrypoint(place, "sh", "-c", f"{WHO}; grep -E '^Cap(Prm|Eff)|^Groups' /proc/self/status"),
        env={"PATH": os.environ["PATH"], "HOME": "/root", "CONFIG_DIR": str(old_data(place))},
        extra_groups=[4, 27],
        stdout=subprocess.PIPE,
        text=True,
    )
    output = process.communicate(timeout=LIMIT)[0].splitlines()
    assert output[0] == f"{process.pid} {SERVICE} {SERVICE} {SERVICE} /nonexistent"
    assert [line.split() for line in output[1:]] == [
        ["Groups:"],
        ["CapPrm:", "0" * 16],
        ["CapEff:", "0" * 16],
    ]


@as_root
def test_started_as_a_user_it_leaves_the_folder_and_the_user_alone(place: Path) -> None:
    data = old_data(place)
    before = owners(data)
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": [NOBODY]}
    done = start(place, data, "sh", "-c", WHO, python=python_for(NOBODY), **user)
    assert done.returncode == 0
    assert done.stdout.split()[1:] == [*[str(NOBODY)] * 3, "/root"]
    assert owners(data) == before


def python_for(user: int) -> str:
    """A Python that ``user`` can run: ours may be in root's home."""
    for python in (PYTHON, "/usr/bin/python3", "/usr/local/bin/python3"):
        if (
            subprocess.run(
                ["test", "-x", python], user=user, group=user, extra_groups=[], check=False
            ).returncode
            == 0
        ):
            return python
    pytest.skip("no Python for other users")


def test_started_as_whoever_runs_this_it_runs_the_command(place: Path) -> None:
    (place / "data").mkdir()
    done = start(place, place / "data", "sh", "-c", 'echo "$CONFIG_DIR"; exit 7')
    assert (done.returncode, done.stdout) == (7, f"{place}/data\n")


@as_root
def test_links_in_the_folder_are_not_followed(place: Path) -> None:
    data = old_data(place)
    outside = place / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("root's")
    before = owners(outside)
    (data / "to-file").symlink_to(outside / "file")
    (data / "to-folder").symlink_to(outside / "folder")
    (data / "url_cache" / "up").symlink_to("../../outside")
    (data / "nowhere").symlink_to("gone")
    assert start(place, data, "true").returncode == 0
    assert owners(outside) == before
    assert set(owners(data).values()) == {(SERVICE, SERVICE)}


@as_root
def test_a_folder_that_is_itself_a_link_is_not_given_away(place: Path) -> None:
    outside = place / "outside"
    outside.mkdir()
    (place / "data").symlink_to(outside)
    done = start(place, place / "data", "echo", "on")
    assert done.stdout == "on\n"
    assert f"{place}/data cannot be given to user {SERVICE}" in done.stderr
    assert owners(outside) == {".": (0, 0)}


@as_root
@pytest.mark.parametrize("config_dir", ["/", "./", "..", "docker/.."])
def test_a_folder_with_the_program_in_it_is_not_given_away(place: Path, config_dir: str) -> None:
    before = owners(place)
    done = start(place, config_dir, "echo", "on")
    assert done.stdout == "on\n"
    assert "has the program in it and keeps its owner" in done.stderr
    assert owners(place) == before


@as_root
def test_a_folder_that_is_not_there_is_made(place: Path) -> None:
    assert start(place, place / "new" / "data", "true").returncode == 0
    assert owners(place / "new" / "data") == {".": (SERVICE, SERVICE)}


@as_root
def test_what_already_belongs_to_the_service_is_not_touched(place: Path) -> None:
    data = old_data(place)
    assert start(place, data, "true").returncode == 0
    before = [path.lstat().st_ctime_ns for path in (data, *sorted(data.rglob("*")))]
    assert start(place, data, "true").returncode == 0
    assert [path.lstat().st_ctime_ns for path in (data, *sorted(data.rglob("*")))] == before


@as_root
def test_root_without_the_right_to_change_users_is_told_what_is_missing(place: Path) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is not installed")
    done = subprocess.run(
        [setpriv, "--bounding-set=-all", "--inh-caps=-all", *entrypoint(place, "echo", "on")],
        env={"PATH": os.environ["PATH"], "CONFIG_DIR": str(old_data(place))},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"cannot become user {SERVICE}" in done.stderr
    assert f"user: '{SERVICE}:{SERVICE}'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [([], "no command given"), (["no-such-program"], "no-such-program cannot be run")],
    ids=["none", "unknown"],
)
def test_a_command_that_cannot_be_run_is_one_line(place: Path, command: list[str], said: str) -> None:
    (place / "data").mkdir()
    done = start(place, place / "data", *command)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


# The gateway behind it.


class Container:
    """The gateway, started as in the image by a ``prefix`` of a command, without a way to Poe."""

    def __init__(self, place: Path, prefix: list[str]) -> None:
        self.variables = environment(
            PORT=str(free_port()),
            CONFIG_DIR=str(old_data(place)),
            POE_BASE_URL="http://127.0.0.1:9",
            WEB_CONCURRENCY="1",
            DRAIN_SECONDS="0.5",
            PYTHONDONTWRITEBYTECODE="1",
            TMPDIR="/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir(),
        )
        self._log = place / "log"
        command = [*prefix, *entrypoint(place, sys.executable, "-m", "app")]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.variables, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log
        return check_health(self.variables).returncode == 0

    def status(self, name: str) -> list[str]:
        """The kernel's status of the process that was started."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return re.findall(rf"^{name}:(.*)$", status, re.MULTILINE)[0].split()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def run_container(place: Path) -> Iterator[Callable[..., Container]]:
    """Start the gateway through the entry point."""
    started: list[Container] = []

    def run(prefix: list[str]) -> Container:
        started.append(Container(place, prefix))
        return started[-1]

    yield run
    for container in started:
        container.stop()


def mounted(place: Path, *, read_only: bool) -> list[str]:
    """A prefix that runs a command where every user can reach this Python and this checkout.

    In a mount name space of its own: a folder that is closed to others, such as root's home, is covered
    by an empty one in which only these two are.
    """
    needed = [str(Path(sys.base_prefix).resolve()), str(ROOT.resolve())]
    closed = {
        str(parent) for path in needed for parent in Path(path).parents if not parent.stat().st_mode & 0o001
    }
    lines = ["set -e", "fail() { exit 42; }", "trap fail EXIT"]
    for number, path in enumerate(needed):
        (place / f"kept{number}").mkdir()
        lines.append(f"mount --bind {path} {place}/kept{number}")
    lines += [f"mount -t tmpfs -o mode=755 none {folder}" for folder in sorted(closed)]
    for number, path in enumerate(needed):
        lines.append(f"mkdir -p {path} && mount --bind {place}/kept{number} {path}")
    if read_only:
        lines += [f"mount --bind {place}/data {place}/data", "mount -o remount,bind,ro /"]
        lines += [f"mount -o remount,bind,ro {path}" for path in needed]
        lines += [f"! touch {path}/written 2>/dev/null" for path in ("", *needed)]
    script = "\n".join([*lines, f"trap - EXIT; cd {ROOT}", 'exec "$@"'])
    prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    (place / "data").mkdir()
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no mount name spaces here")
    (place / "data").rmdir()
    return prefix


def test_the_gateway_gets_the_signals_and_stops_with_0(
    place: Path, run_container: Callable[..., Container]
) -> None:
    is_root = os.geteuid() == 0
    container = run_container(mounted(place, read_only=False) if is_root else [])
    eventually(container.is_ready)
    if is_root:
        assert container.status("Uid") == container.status("Gid") == [str(SERVICE)] * 4
        assert container.status("Groups") == []
    container.process.send_signal(signal.SIGTERM)
    eventually(lambda: "503" in check_health(container.variables).stderr)
    assert container.process.wait(LIMIT) == 0, container.log


@as_root
def test_the_gateway_runs_on_a_read_only_root_file_system(
    place: Path, run_container: Callable[..., Container]
) -> None:
    container = run_container(mounted(place, read_only=True))
    eventually(container.is_ready)
    assert container.status("Uid") == [str(SERVICE)] * 4
    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(LIMIT) == 0, container.log
    assert "Read-only" not in container.log
    assert "Traceback" not in container.log


# The health check.


def check_health(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-I", str(ROOT / "docker" / "healthcheck.py")],
        env=variables,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Serve ``status`` on a port for each path but ``/readyz``'s own is another."""
    servers: list[http.server.HTTPServer] = []

    def start_server(status: int, host: str = "127.0.0.1") -> int:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/readyz" else 418)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.HTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        server = Server((host, 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start_server
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_gateway_that_is_ready_is_healthy_whatever_the_proxy(serve: Callable[..., int]) -> None:
    done = check_health({"PORT": str(serve(200)), "HTTP_PROXY": "http://127.0.0.1:9", "HOST": "0.0.0.0"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")


def test_a_gateway_that_is_stopping_is_not(serve: Callable[..., int]) -> None:
    done = check_health({"PORT": str(serve(503))})
    assert (done.returncode, done.stderr) == (1, "not ready: /readyz answers 503\n")


@pytest.mark.parametrize("port", ["9", "none", "70000"])
def test_no_gateway_is_not_healthy_in_one_line(port: str) -> None:
    done = check_health({"PORT": port})
    assert done.returncode == 1
    assert done.stderr.startswith("not ready: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["::", "::1"])
def test_a_gateway_on_ipv6_is_found(host: str, serve: Callable[..., int]) -> None:
    try:
        port = serve(200, host)
    except OSError:
        pytest.skip("no IPv6 here")
    assert check_health({"PORT": str(port), "HOST": host}).returncode == 0


def test_silence_ends_before_the_engine_loses_patience() -> None:
    patience = float(re.findall(r"--timeout=(\d+)s", DOCKERFILE)[0])
    own = runpy.run_path(str(ROOT / "docker/healthcheck.py"), run_name="tested")["TIMEOUT_SECONDS"]
    assert own < patience


# The files.


def test_the_image_is_made_of_what_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(sources) > 5
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source.partition('/')[0]}" in ignore, f"{source} is ignored"


def test_the_entry_point_knows_the_images_user_and_version_is_the_projects() -> None:
    assert f"--uid {SERVICE} --gid {SERVICE}" in DOCKERFILE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"ARG VERSION={project['version']}\n" in DOCKERFILE
    assert f'image.licenses="{project["license"]}"' in DOCKERFILE
    assert f'image.description="{project["description"]}"' in DOCKERFILE


def test_the_image_starts_as_make_run_does() -> None:
    command = json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[0])
    assert command == ["python", "-m", "app"]
    assert "$(BIN)/python -m app" in (ROOT / "Makefile").read_text()


def compose() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][
        "poe2openai"
    ]
    return service


def test_compose_has_the_variables_of_the_rust_version_with_our_defaults() -> None:
    defaults = {
        each.metadata["variable"].name: each.metadata["variable"].default for each in fields(Settings)
    }
    variables = compose()["environment"]
    assert list(variables) == [
        *("PORT", "LOG_LEVEL", "ADMIN_USERNAME", "ADMIN_PASSWORD", "MAX_REQUEST_SIZE", "CONFIG_DIR"),
        *("RATE_LIMIT_MS", "URL_CACHE_TTL_SECONDS", "URL_CACHE_SIZE_MB"),
    ]
    assert variables.pop("CONFIG_DIR") == "/data"
    assert variables == {name: f"${{{name}:-{defaults[name]}}}" for name in variables}


def test_compose_keeps_data_where_the_rust_version_had_it_and_lets_answers_end() -> None:
    service = compose()
    assert service["volumes"] == ["./data:/data"]
    assert service["restart"] == "unless-stopped"
    settings = Settings.load({"CONFIG_DIR": tempfile.gettempdir()})
    needed = settings.drain_seconds + settings.graceful_timeout + 5
    assert float(service["stop_grace_period"].removesuffix("s")) > needed
