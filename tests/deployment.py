"""What deploy/ sets up: nginx with TLS in front of two gateways, which share a real Redis."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import trustme

from tests.conftest import check_log
from tests.gateway import ROOT, WORDS, Gateway, authorization, eventually, free_port, workers_of
from tests.programs import find
from tests.redis_server import RedisServer
from tests.upstream.scripted import LIMIT


class Nginx:
    """nginx with deploy/nginx.conf, its ``${NAME}``s filled in."""

    def __init__(
        self, folder: Path, gateways: list[int], is_up: Callable[[int], bool] = lambda status: status == 200
    ) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(folder / "certificate.pem", append=True)
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        values = {
            "TEMPORARY": str(folder),
            "HTTPS_PORT": f"127.0.0.1:{self.port}",
            "CERTIFICATE": str(folder / "certificate.pem"),
            "CERTIFICATE_KEY": str(folder / "key.pem"),
            "GATEWAY_1": f"127.0.0.1:{gateways[0]}",
            "GATEWAY_2": f"127.0.0.1:{gateways[1]}",
        }
        config = (ROOT / "deploy" / "nginx.conf").read_text()
        configured = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], config)
        (folder / "nginx.conf").write_text(configured)
        self.log = folder / "nginx.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    find("nginx") or "nginx",
                    "-e",
                    "stderr",
                    "-c",
                    str(folder / "nginx.conf"),
                    "-g",
                    "daemon off;",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(lambda: is_up(self._status()))
        except BaseException:
            self.stop()
            raise

    def _status(self) -> int:
        assert self._process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/healthz", verify=self.trust, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def reload(self) -> None:
        """Have new workers take over, while the old ones finish their answers."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(LIMIT)


class Deployment:
    """Two gateways with a folder each and two workers each, in front of ``poe_url``."""

    def __init__(self, folder: Path, poe_url: str, upload_url: str) -> None:
        self._folder = folder
        self.ports = [free_port(), free_port()]
        self._started: list[Gateway] = []
        with contextlib.ExitStack() as stack:
            self._stack = stack
            self.redis = RedisServer(folder)
            stack.callback(self.redis.kill)
            self._settings = {
                "REDIS_URL": self.redis.url,
                "POE_FILE_UPLOAD_URL": upload_url,
                "TRUSTED_PROXIES": "127.0.0.1",
                "RATE_LIMIT_MS": "20",
                "DRAIN_SECONDS": "0.5",
                "HEARTBEAT_SECONDS": "0.5",
                "MAX_REQUEST_SIZE": str(8 * 1024 * 1024),
            }
            self._poe_url = poe_url
            self.gateways = [self._start(number) for number in range(2)]
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            place.chmod(0o755)  # for nginx's workers, too
            self.nginx = Nginx(place, self.ports)
            stack.callback(self.nginx.stop)
            self.http = stack.enter_context(self.client(httpx.Limits(max_keepalive_connections=0)))
            self._stack = stack.pop_all()

    def _start(self, number: int) -> Gateway:
        folder = self._folder / f"gateway {number} {len(self._started)}"
        folder.mkdir()
        settings = self._settings | {"CONFIG_DIR": str(folder), "PORT": str(self.ports[number])}
        gateway = Gateway(folder, self._poe_url, **settings)
        self._stack.callback(gateway.stop)
        self._started.append(gateway)
        return gateway

    def restart(self, number: int) -> None:
        """As ``docker compose restart`` and systemd do it: SIGTERM, wait for the end, start."""
        process = self.gateways[number].process
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0
        self.start(number)

    def kill(self, number: int) -> None:
        """End a gateway and its workers as a crash of their machine does."""
        gateway = self.gateways[number]
        workers = workers_of(gateway)
        for process in (gateway.process.pid, *workers):
            os.kill(process, signal.SIGKILL)
        gateway.process.wait(LIMIT)
        eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))

    def start(self, number: int) -> None:
        self.gateways[number] = self._start(number)

    def under_way(self, number: int) -> int:
        """How many completions a gateway has under way."""
        metrics = self.gateways[number].http.get("/metrics", auth=("admin", "secret")).text
        (value,) = re.findall(r"^poe2openai_completions_in_flight (\S+)$", metrics, re.MULTILINE)
        return round(float(value))

    def client(self, limits: httpx.Limits | None = None) -> httpx.Client:
        """A client of nginx, which keeps its connections alive unless ``limits`` forbid it."""
        return httpx.Client(
            base_url=self.nginx.url,
            verify=self.nginx.trust,
            trust_env=False,
            timeout=LIMIT,
            limits=limits or httpx.Limits(),
        )

    def ask(self, bot: str, content: object = WORDS, **fields: Any) -> httpx.Response:
        body = {"model": bot, "messages": [{"role": "user", "content": content}], **fields}
        return self.http.post("/v1/chat/completions", json=body, headers=authorization())

    def requests_of(self, number: int) -> int:
        """How many completions a gateway has answered, over all its restarts."""
        logs = [each.log.read_text() for each in self._started if each.port == self.ports[number]]
        return sum(log.count("POST /v1/chat/completions") for log in logs)

    def stop(self) -> None:
        self.redis.thaw()
        self._stack.close()
        for gateway in self._started:
            check_log(gateway.log)
