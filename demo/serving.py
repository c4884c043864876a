"""Serving: an ASGI application behind uvicorn, in a thread."""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn

_LOOPBACK = "127.0.0.1"
_BACKLOG = 512
_STOP_SECONDS = 10


class Served:
    """``app`` on a free port of the loopback, at ``url``, until it is stopped."""

    def __init__(self, app: Any, log_level: str = "critical") -> None:
        self._socket = socket.create_server((_LOOPBACK, 0), backlog=_BACKLOG)
        self.url = f"http://{_LOOPBACK}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level=log_level, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop at once, whatever is under way."""
        self._server.force_exit = self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        self._socket.close()
