"""A real Redis on the loopback, which can be killed, frozen and started again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import redis

from tests.gateway import eventually, free_port
from tests.programs import find


class RedisServer:
    """``redis-server`` with ``options`` on a port of its own. It keeps nothing on disk."""

    def __init__(self, folder: Path, *options: str, url: str | None = None) -> None:
        self.port = free_port()
        self.url = url or f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._options = options or ("--port", str(self.port), "--bind", "127.0.0.1")
        self.start()

    @property
    def client(self) -> redis.Redis:
        """A client of the test's own."""
        return redis.Redis.from_url(self.url, socket_timeout=10)

    def start(self) -> None:
        command = [find("redis-server") or "redis-server", *self._options, "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        eventually(self._is_up)

    def _is_up(self) -> bool:
        assert self._process.poll() is None, (self._folder / "redis.log").read_text()
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        """End it as a power cut would: all its data is lost."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Have it accept connections but answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)
