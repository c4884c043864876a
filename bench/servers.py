"""The servers under test: how each is started, on the one core that is theirs, and what it uses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import load

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
VENV = ROOT / ".bench" / "venv"
LITELLM = "litellm[proxy]"
BOTS = ("events-1", "events-20", "events-2000", "events-20000", "paced-1-1", "paced-100-50", "paced-8-1000")

_PYTHON = Path(sys.executable)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 120
_STOP_SECONDS = 10
_INSTALL_SECONDS = 600


class Absent(Exception):
    """A peer is not available here; the message says why."""


@dataclass(frozen=True)
class Memory:
    """In bytes: the worker's resident memory, its proportional share, and that of the whole service."""

    rss: int
    pss: int
    service_pss: int


@dataclass
class Server:
    """A process started for the bench, with its children."""

    name: str
    process: subprocess.Popen[bytes]
    target: load.Target
    log: Path

    def cpu(self) -> float:
        """Seconds of CPU time that it and its children have used."""
        return sum(_cpu(pid) for pid in self._family())

    def memory(self) -> Memory:
        """The worker's memory, and the service's: that of the worker and its parent."""
        family = self._family()
        worker = family[-1]
        return Memory(_rss(worker), _pss(worker), sum(_pss(pid) for pid in family))

    def rss(self) -> int:
        """The worker's resident bytes."""
        return _rss(self._family()[-1])

    def peak(self) -> int:
        """The worker's resident bytes at the highest since ``forget_peak``."""
        status = Path(f"/proc/{self._family()[-1]}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def forget_peak(self) -> None:
        """Reset the peak (proc(5), clear_refs)."""
        Path(f"/proc/{self._family()[-1]}/clear_refs").write_text("5")

    def _family(self) -> list[int]:
        """The process and, after it, its children."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, path.read_text().split())]

    def wait_until_ready(self) -> None:
        """Return after the first successful answer."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                tally = asyncio.run(load.run(self.target, load.Job("events-1", queries=1, limit=10)))
                if tally.answers and not tally.errors:
                    return
            time.sleep(0.2)
        raise Absent(f"{self.name} does not answer: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"

    def stop(self) -> None:
        """Stop it, gently at first."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Room:
    """Where the bench runs: a folder for the servers' output, the cores, the upstream."""

    folder: Path
    tested_core: int
    upstream_core: int
    upstream_port: int

    @property
    def upstream(self) -> str:
        """The upstream's address."""
        return f"http://127.0.0.1:{self.upstream_port}"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def raise_file_limit() -> None:
    """Raise the limit: thousands of streams need two files each; children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def others_cpu(servers: Iterable[Server]) -> float:
    """Seconds of CPU time used on this machine by others than these servers and this process."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]))
    idle = fields[3] + fields[4]
    busy = (sum(fields[:8]) - idle) / _TICKS
    return busy - sum(server.cpu() for server in servers) - _cpu(os.getpid())


def start_upstream(room: Room) -> Server:
    """The fast upstream, on a core where no server under test runs."""
    command = [_PYTHON, "-m", "bench.upstream", str(room.upstream_port)]
    target = load.Target(room.upstream_port, poe=True)
    return _start("upstream", room, command, target=target, core=room.upstream_core)


def start(name: str, room: Room) -> Server:
    """One of ``STARTERS``; may raise ``Absent``."""
    server = STARTERS[name](room)
    try:
        server.wait_until_ready()
    except BaseException:
        server.stop()
        raise
    return server


def _start_gateway(room: Room) -> Server:
    """The gateway with one worker and everything on except the rate limit."""
    port, folder = free_port(), room.folder / "gateway"
    folder.mkdir()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "RATE_LIMIT_MS": "0",
        "CONFIG_DIR": str(folder),
        "POE_FILE_UPLOAD_URL": f"{room.upstream}/upload",
        "ADMIN_PASSWORD": "bench",
    }
    return _start("gateway", room, [_PYTHON, "-m", "app"], settings, target=load.Target(port))


def _start_plain(room: Room) -> Server:
    """Flask and requests. With gunicorn's default of 1,000 connections, half of 2,000 would wait."""
    port = free_port()
    command = [_PYTHON, "-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{port}"]
    command += ["--worker-connections", "4096", "plain:app"]
    # In a folder of its own: gunicorn.conf.py here is the gateway's.
    return _start("plain", room, command, target=load.Target(port), folder=PEERS)


def _start_poe_client(room: Room) -> Server:
    port = free_port()
    command = [_PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), "--app-dir", PEERS]
    command += ["--no-access-log", "--log-level", "warning", "poe_client:app"]
    return _start("fastapi_poe", room, command, target=load.Target(port))


def _start_litellm(room: Room) -> Server:
    """As its documentation advises for production, without a database."""
    port, program = free_port(), install_litellm()
    parameters = {"api_base": f"{room.upstream}/v1", "api_key": load.KEY}
    models = [{"model_name": bot, "litellm_params": {"model": f"openai/{bot}", **parameters}} for bot in BOTS]
    configuration = {"model_list": models, "general_settings": {"master_key": load.KEY}}
    path = room.folder / "litellm.yaml"
    path.write_text(json.dumps(configuration), encoding="utf-8")
    settings = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "true",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_DISABLE_ANTHROPIC_BETA_HEADERS_FETCH": "true",
    }
    command = [program, "--config", path, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1", "--telemetry", "False"]
    return _start("LiteLLM", room, command, settings, target=load.Target(port))


def install_litellm() -> Path:
    """Install LiteLLM in a virtual environment of the bench's own; return its program."""
    program = VENV / "bin" / "litellm"
    if program.exists():
        return program
    print(f"Installing {LITELLM} into {VENV.relative_to(ROOT)} …", flush=True)
    commands = [
        [_PYTHON, "-m", "venv", "--clear", VENV],
        [VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", LITELLM],
    ]
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            program.unlink(missing_ok=True)
            raise Absent(f"{LITELLM} cannot be installed: {str(error).splitlines()[0]}") from error
    return program


_NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  upstream poe {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://poe;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"""


def _start_nginx(room: Room) -> Server:
    """nginx only passes bytes on: no gateway can be faster."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Absent("nginx is not here (apt-get install -y nginx-light)")
    port, folder = free_port(), room.folder / "nginx"
    folder.mkdir()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    path = folder / "nginx.conf"
    text = _NGINX.format(files=files, folder=folder, upstream=room.upstream_port, port=port)
    path.write_text(text, encoding="utf-8")
    command = [program, "-p", folder, "-e", folder / "error.log", "-c", path]
    return _start("nginx", room, command, target=load.Target(port))


STARTERS: Mapping[str, Callable[[Room], Server]] = {
    "gateway": _start_gateway,
    "plain": _start_plain,
    "fastapi_poe": _start_poe_client,
    "LiteLLM": _start_litellm,
    "nginx": _start_nginx,
}


def _start(
    name: str,
    room: Room,
    command: Iterable[str | Path],
    settings: Mapping[str, str] | None = None,
    *,
    target: load.Target,
    core: int | None = None,
    folder: Path = ROOT,
) -> Server:
    """Start a process on its core, without proxies and settings from the caller's environment."""
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    }
    environment |= {"POE_BASE_URL": room.upstream, "NO_PROXY": "127.0.0.1", **(settings or {})}
    pinned = ["taskset", "-c", str(room.tested_core if core is None else core), *map(str, command)]
    log = room.folder / f"{name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            pinned, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    return Server(name, process, target, log)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
