"""The demo: it starts, each bot does what it promises, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.bots import BOTS, SLOW_SECONDS
from tests.gateway import ROOT, content_of, environment, events_in, eventually, free_port, message_of
from tests.upstream.scripted import LIMIT

_AUTHORIZATION = {"Authorization": "Bearer demo"}
REQUIRED = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": REQUIRED}}


class Demo:
    """``python -m demo`` on a terminal of its own, as a user starts it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self._terminal, theirs = pty.openpty()
        self._written = bytearray()
        # The demo's own defaults for what the tests' environment sets.
        kept = {name: value for name, value in environment().items() if name in ("PATH", "HOME", "LANG")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env=kept | {"PORT": str(self.port), "RATE_LIMIT_MS": "0", "TMPDIR": str(folder)} | settings,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := os.read(self._terminal, 65536):
                self._written += data
        except OSError:  # the terminal's end
            return

    @property
    def output(self) -> str:
        return re.sub(r"\x1b\[\d*m|\r", "", self._written.decode())

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.output
        return "Try, from another terminal" in self.output and f"{self.url}/v1/models" in self.output

    @property
    def poe_url(self) -> str:
        return re.findall(r"Poe's part is played by (http\S+)\. ", self.output)[0]

    def ask(self, bot: str, content: object = "one two", **fields: Any) -> httpx.Response:
        body = {"model": bot, "messages": [{"role": "user", "content": content}], **fields}
        url = f"{self.url}/v1/chat/completions"
        return httpx.post(url, json=body, headers=_AUTHORIZATION, timeout=LIMIT, trust_env=False)

    def says(self, bot: str, **fields: Any) -> dict[str, Any]:
        """The message in a whole answer."""
        response = self.ask(bot, **fields)
        assert response.status_code == 200, response.text
        message: dict[str, Any] = response.json()["choices"][0]["message"]
        return message

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, b"\x03")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self._terminal)


def _take_terminal() -> None:
    """Make the terminal on standard input ours, so that Ctrl-C on it reaches us."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder))
        try:
            eventually(demo.is_ready)
            yield demo
        finally:
            demo.close()
        assert "Traceback" not in demo.output


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=LIMIT, trust_env=False)


def test_it_tells_of_every_bot(demo: Demo) -> None:
    for kind in BOTS:
        assert re.search(rf"^  {kind.__name__} +{re.escape(kind.about)}$", demo.output, re.MULTILINE)
    assert "fastapi" not in demo.output
    assert "WARNING" not in demo.output


def test_every_command_that_it_prints_works(demo: Demo) -> None:
    printed = demo.output.partition("Try, from another terminal")[2].replace("\\\n", " ")
    commands = re.findall(r"^ *(curl .*)$", printed, re.MULTILINE)
    assert len(commands) == 12
    for command in commands:
        arguments = shlex.split(command)
        done = subprocess.run(
            [*arguments, "--noproxy", "*", "-s", "-w", "%{http_code}"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=True,
        )
        assert done.stdout.endswith("402" if "NoPoints" in command else "200"), command


def test_the_list_has_the_bots_with_contexts_modalities_and_times_in_seconds(demo: Demo) -> None:
    listed = {model["id"]: model for model in get(f"{demo.url}/v1/models").json()["data"]}
    assert set(listed) == {kind.__name__ for kind in BOTS} - {"Private"}
    assert listed["Thinker"]["created"] < 10**10
    assert "200000" in json.dumps(listed["Thinker"])
    in_poe = {model["id"]: model for model in get(f"{demo.poe_url}/v1/models").json()["data"]}
    assert in_poe["Thinker"]["created"] == listed["Thinker"]["created"] * 1000
    assert in_poe["Artist"]["architecture"]["output_modalities"] == ["image"]


def test_echo_repeats(demo: Demo) -> None:
    assert demo.says("Echo")["content"].split() == ["one", "two"]


def test_mirror_shows_the_query_with_its_parameters(demo: Demo) -> None:
    content = demo.says("Mirror", thinking_budget=7)["content"]
    query = json.loads(content.removeprefix("```json\n").removesuffix("\n```"))
    assert query["query"][-1]["content"] == "one two"
    assert query["query"][-1]["parameters"] == {"thinking_budget": 7}


def test_viewer_says_what_it_received(demo: Demo) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(2000)
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.webp"}},
    ]
    assert demo.says("Viewer", content=parts)["content"].splitlines() == [
        "I see 2 attachment(s).",
        "- image.png, image/png, 2,008 bytes",
        "- a.webp, image/webp, elsewhere",
    ]


def test_thinker_thinks_apart(demo: Demo) -> None:
    message = demo.says("Thinker")
    assert message["content"] == "The answer is 42."
    assert "Six times seven" in message["reasoning_content"]


@pytest.mark.parametrize("bot", ["Artist", "Progress"])
def test_the_picture_that_a_bot_sends_can_be_seen(demo: Demo, bot: str) -> None:
    content = demo.says(bot)["content"]
    picture = get(re.findall(r"!\[[^]]*\]\((http[^)]+)\)", content)[0])
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert "elapsed" not in content


def test_progress_streams_only_the_result(demo: Demo) -> None:
    streamed = demo.ask("Progress", stream=True).text
    assert "A sunset, finished." in streamed
    assert "elapsed" not in streamed


@pytest.mark.parametrize("bot", ["ToolUser", "NativeToolUser"])
def test_a_tool_user_without_tools_talks(demo: Demo, bot: str) -> None:
    assert demo.says(bot)["content"] == "No tool reached me, so I can only talk."


@pytest.mark.parametrize("bot", ["ToolUser", "NativeToolUser"])
def test_a_tool_user_calls_and_tells(demo: Demo, bot: str) -> None:
    # Which bots have tools of their own the gateway learns from the list, in each of its processes.
    eventually(lambda: "tool_calls" in demo.says(bot, tools=[TOOL]))
    called = demo.says(bot, content="Weather in Oslo?", tools=[TOOL])
    (call,) = called["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Oslo"}
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
    messages = [{"role": "user", "content": "weather?"}, called, result]
    eventually(lambda: demo.says(bot, messages=messages, tools=[TOOL])["content"] == "The tool says: sunny")


@pytest.mark.parametrize("bot", ["ToolUser", "NativeToolUser"])
def test_a_tool_user_takes_no_heading_for_a_tool(demo: Demo, bot: str) -> None:
    rules = {"role": "system", "content": "# Rules\n\n## Style\nBe brief.\n"}
    more = {"role": "system", "content": "More rules."}
    messages = [rules, more, {"role": "user", "content": "Weather in Oslo?"}]
    eventually(lambda: "tool_calls" in demo.says(bot, messages=messages, tools=[TOOL]))
    (call,) = demo.says(bot, messages=messages, tools=[TOOL])["tool_calls"]
    assert call["function"]["name"] == "weather"


def fitting(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 6},
        "kind": {"enum": ["novel", "play"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 2},
    },
    "required": ["title", "kind", "parts"],
    "additionalProperties": False,
    "$defs": {"part": {"anyOf": [{"type": ["integer", "null"], "minimum": 3}, {"type": "null"}]}},
}


@pytest.mark.parametrize("bot", ["JsonWriter", "CarelessWriter"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_json_writer_writes_what_fits(demo: Demo, bot: str, stream: bool) -> None:
    response = demo.ask(bot, response_format=fitting(SCHEMA), stream=stream)
    content = content_of(events_in(response.content)) if stream else message_of(response)["content"]
    assert json.loads(content) == {"title": "demo..", "kind": "novel", "parts": [3, 3]}
    assert content.startswith("{")


def test_a_json_writer_writes_any_object_or_talks(demo: Demo) -> None:
    content = demo.says("JsonWriter", response_format={"type": "json_object"})["content"]
    assert json.loads(content) == {"question": "one two"}
    assert demo.says("JsonWriter")["content"] == "No format reached me, so I can only talk."


def test_slow_is_bridged_by_heartbeats(demo: Demo) -> None:
    events = events_in(demo.ask("Slow", stream=True).content)
    heartbeats = [event for event in events if isinstance(event, str) and event.startswith(":")]
    assert len(heartbeats) >= SLOW_SECONDS // 2 - 1
    assert events[-1] == "[DONE]"


def test_a_private_bot_answers(demo: Demo) -> None:
    assert demo.says("Private")["content"] == "Only those who know my name find me."


@pytest.mark.parametrize(
    ("bot", "status"), [("NoPoints", 402), ("TooLong", 400), ("RateLimited", 429), ("Crashing", 502)]
)
def test_failing_bots_fail(demo: Demo, bot: str, status: int) -> None:
    response = demo.ask(bot)
    assert response.status_code == status
    assert response.json()["error"]["message"]


def test_a_crash_ends_a_stream_with_an_error(demo: Demo) -> None:
    events = [event for event in events_in(demo.ask("Crashing", stream=True).content) if event != "[DONE]"]
    assert events[0]["choices"]
    assert "error" in events[-1]


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_it_stops_both_and_leaves_nothing(how: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder))
        try:
            eventually(demo.is_ready)
            ports = [demo.port, httpx.URL(demo.poe_url).port]
            assert list(demo.folder.iterdir()) != []
            demo.press_ctrl_c() if how == "Ctrl-C" else demo.process.send_signal(signal.SIGTERM)
            assert demo.process.wait(LIMIT) == 0
            assert list(demo.folder.iterdir()) == []
            for port in ports:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
            assert "Traceback" not in demo.output
        finally:
            demo.close()


def test_a_stop_while_it_starts_leaves_nothing() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder))
        try:
            eventually(lambda: list(demo.folder.iterdir()))
            demo.process.send_signal(signal.SIGTERM)
            assert demo.process.wait(LIMIT) == 0
            assert list(demo.folder.iterdir()) == []
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", demo.port), timeout=1).close()
        finally:
            demo.close()


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder), PORT=str(listener.getsockname()[1]))
        try:
            assert demo.process.wait(LIMIT) == 1
            eventually(lambda: "is taken" in demo.output)
            assert demo.output.count("\n") == 1
        finally:
            demo.close()
