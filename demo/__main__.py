"""``python -m demo``: serve the bots, start the gateway in front of them, say what to try, wait.

PORT and every other setting of the gateway are honoured; its folder is a temporary one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from demo.bots import BOTS, create_poe
from demo.serving import Served

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60
_STOP_SECONDS = 10
_LOOK_SECONDS = 0.05
_LOOPBACK = "127.0.0.1"
# The demo's defaults where they differ from the gateway's; the environment takes precedence.
_DEFAULTS = {
    "HOST": _LOOPBACK,
    "PORT": "8080",
    "WEB_CONCURRENCY": "1",
    "ADMIN_PASSWORD": "demo",
    "HEARTBEAT_SECONDS": "2",
}


# A picture of one pixel, in the form in which clients send pictures.
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_LOOK = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}},
]


class _Stop:
    """Notes that Ctrl-C or the like has come; whoever waits checks it from time to time.

    A handler that raises would not do: a system call that begins right after the signal would wait for
    ever, and work interrupted in the middle might never be cleaned up.
    """

    is_asked = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_asked = True


def main() -> None:
    """Run until Ctrl-C, or until the gateway ends by itself."""
    stop = _Stop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    settings = _DEFAULTS | {name: value for name, value in os.environ.items() if value}
    if _is_taken(settings):
        sys.exit(f"demo: port {settings['PORT']} is taken. Another: PORT=18080 make demo")
    with serve_bots() as poe_url, _gateway(settings, poe_url) as gateway:
        if _is_ready(gateway, settings, stop):
            print(_guide(f"http://{_host(settings)}:{settings['PORT']}", poe_url, settings), flush=True)
        while gateway.poll() is None and not stop.is_asked:
            time.sleep(_LOOK_SECONDS)
        code = gateway.poll() or 0
    sys.exit(code)


def _is_taken(settings: Mapping[str, str]) -> bool:
    """Whether something else answers on the gateway's port. The gateway itself refuses invalid ones."""
    try:
        with socket.create_connection((_host(settings).strip("[]"), int(settings["PORT"])), timeout=1):
            return True
    except (OSError, ValueError, OverflowError):
        return False


@contextlib.contextmanager
def serve_bots() -> Iterator[str]:
    """Serve the bots on a free port, in a thread; return their address."""
    # fastapi_poe would warn for each bot that the real Poe does not know it.
    logging.getLogger("uvicorn.default").setLevel(logging.ERROR)
    served = Served(create_poe(), log_level="error")
    try:
        yield served.url
    finally:
        served.stop()


@contextlib.contextmanager
def _gateway(settings: Mapping[str, str], poe_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start the gateway, logging to our output, in a session of its own: Ctrl-C is ours to handle."""
    with tempfile.TemporaryDirectory(prefix="poe2openai-demo-") as folder:
        own = {
            "CONFIG_DIR": folder,
            "POE_BASE_URL": poe_url,
            "POE_FILE_UPLOAD_URL": f"{poe_url}/upload",
            "NO_PROXY": _LOOPBACK,
            "no_proxy": _LOOPBACK,
        }
        command = [sys.executable, "-m", "app"]
        process = subprocess.Popen(command, cwd=_ROOT, env={**settings, **own}, start_new_session=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _host(settings: Mapping[str, str]) -> str:
    """A host at which the gateway can be reached, even if it listens on all addresses."""
    host = {"0.0.0.0": _LOOPBACK, "::": "::1"}.get(settings["HOST"], settings["HOST"])
    return f"[{host}]" if ":" in host else host


def _is_ready(gateway: subprocess.Popen[bytes], settings: Mapping[str, str], stop: _Stop) -> bool:
    """Wait for the gateway; false if it has ended, having said why, or should stop."""
    deadline = time.monotonic() + _START_SECONDS
    while gateway.poll() is None and not stop.is_asked and time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(f"{_host(settings)}:{settings['PORT']}", timeout=1)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return True
        time.sleep(_LOOK_SECONDS)
    return False


_FORMAT = (
    ', "response_format": {"type": "json_schema", "json_schema": {"name": "book", "schema": '
    '{"type": "object", "properties": {"title": {"type": "string"}, "year": {"type": "integer"}}}}}'
)
_MESSAGE = {
    "model": "Thinker",
    "max_tokens": 1000,
    "thinking": {"type": "adaptive"},
    "messages": [{"role": "user", "content": "What is six times seven?"}],
}
_TOOLS = ', "tools": [{"type": "function", "function": {"name": "get_time"}}]'


def _guide(gateway: str, poe: str, settings: Mapping[str, str]) -> str:
    is_ours = settings["ADMIN_PASSWORD"] == _DEFAULTS["ADMIN_PASSWORD"]
    entry = ", user admin, password demo" if is_ours else ""
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("", "")
    bots = "\n".join(f"  {kind.__name__:<14} {kind.about}" for kind in BOTS)
    return f"""
{bold}The gateway is on {gateway}/v1{plain}
Any key will do. Poe's part is played by {poe}. Ctrl-C stops both.
The panel is on {gateway}/admin{entry}.

{bold}Bots{plain}
{bots}

{bold}Try, from another terminal{plain}

{_ask(gateway, "Echo", "Hello, how are you?")}

{_ask(gateway, "Thinker", "What is six times seven?", stream=True)}

{_ask(gateway, "Progress", "A sunset, please", stream=True)}

{_ask(gateway, "Mirror", "What do you see?", more=', "thinking_budget": 1024')}

{_ask(gateway, "ToolUser", "What time is it?", more=_TOOLS)}

{_ask(gateway, "JsonWriter", "Which book?", more=_FORMAT)}

{_ask(gateway, "Viewer", _LOOK)}

{_ask(gateway, "Slow", "Take your time", stream=True)}

{_ask(gateway, "NoPoints", "Hello?")}

  curl {gateway}/v1/models

{bold}The same by OpenAI's Responses API, and by Anthropic's{plain}

{_post(f"{gateway}/v1/responses", {"model": "Thinker", "input": "What is six times seven?"})}

{_post(f"{gateway}/v1/messages", _MESSAGE)}
"""


def _post(url: str, body: object) -> str:
    return f"""\
  curl {url} \\
    -H 'Authorization: Bearer demo' -H 'Content-Type: application/json' \\
    -d '{json.dumps(body)}'"""


def _ask(gateway: str, bot: str, content: object, *, stream: bool = False, more: str = "") -> str:
    curl, streamed = ("curl -N", ', "stream": true') if stream else ("curl", "")
    message = json.dumps({"role": "user", "content": content})
    return f"""\
  {curl} {gateway}/v1/chat/completions \\
    -H 'Authorization: Bearer demo' -H 'Content-Type: application/json' \\
    -d '{{"model": "{bot}"{streamed}{more}, "messages": [{message}]}}'"""


if __name__ == "__main__":
    main()
