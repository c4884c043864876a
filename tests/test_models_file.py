"""models.yaml, as clients of a gateway with two workers see it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway import Gateway, eventually, message_of, replace_workers
from tests.models.test_config import RUST
from tests.models.test_file import BROKEN
from tests.upstream.bots import PoeServer
from tests.upstream.scripted import DONE, Bot, ScriptedUpstream, answer, respond, text

LIVE_SECONDS = 2.0  # a change is to hold in every worker by then
LOOKS = 8  # requests on connections of their own: both workers get some

LISTED = [
    {
        "id": "GPT-4o",
        "owned_by": "OpenAI",
        "created": 1712505600000,
        "context_window": {"context_length": 128000},
    },
    {"id": "claude-sonnet-4.5", "owned_by": "Anthropic"},
    {"id": "o3"},
    {"id": "Able", "supported_features": ["tools"]},
]


class Setting:
    """A folder with models.yaml, an upstream with some bots, and gateways in between."""

    def __init__(self, folder: Path, start: Callable[..., Gateway]) -> None:
        self.folder = folder
        self.path = folder / "models.yaml"
        self.upstream = ScriptedUpstream()
        self.upstream.models = Bot("the list of models", [respond(200, {"object": "list", "data": LISTED})])
        for entry in LISTED:
            self.upstream.bot(answer(text("fine"), DONE), name=entry["id"])
        self._start = start

    def gateway(self, content: str | None = None, **variables: str) -> Gateway:
        if content is not None:
            self.path.write_text(content)
        return self._start(self.upstream.url, CONFIG_DIR=str(self.folder), **variables)

    def bot(self, name: str) -> Bot:
        return self.upstream._bots[name]


@pytest.fixture
def setting(tmp_path: Path, start_gateway: Callable[..., Gateway]):
    setting = Setting(tmp_path, start_gateway)
    yield setting
    setting.upstream.stop()


def listed(gateway: Gateway) -> list[str]:
    response = gateway.http.get("/v1/models")
    assert response.status_code == 200, response.text
    return [entry["id"] for entry in response.json()["data"]]


def is_everywhere(holds: Callable[[], bool]) -> bool:
    return all(holds() for _ in range(LOOKS))


def holds_soon(holds: Callable[[], bool]) -> None:
    """Wait until something holds in all workers."""
    assert eventually(lambda: is_everywhere(holds))


def still_holds(holds: Callable[[], bool]) -> None:
    """Check that something still holds after all workers have had time to see a change."""
    time.sleep(LIVE_SECONDS)
    assert is_everywhere(holds)


def test_the_file_of_the_rust_version_works_as_it_is(setting: Setting) -> None:
    gateway = setting.gateway(RUST)
    assert listed(gateway) == ["gpt-4o-2024", "think", "Able", "My-Private-Bot", "other"]
    entry = gateway.http.get("/v1/models/GPT-4o-2024").json()
    assert (entry["owned_by"], entry["created"], entry["context_length"]) == ("OpenAI", 1712505600, 128000)
    custom = gateway.http.get("/v1/models/my-private-bot").json()
    assert (custom["created"], custom["owned_by"]) == (1716950400, "me")
    assert gateway.http.get("/v1/models/GPT-4o").status_code == 404
    for name in ("gpt-4o-2024", "GPT-4O-2024", "gpt-4o", "poe/gpt-4o-2024"):
        answered = gateway.ask(name)
        assert message_of(answered)["content"] == "fine"
        assert answered.json()["model"] == name
    assert message_of(gateway.ask("Claude-Sonnet-4.5"))["content"] == "fine"  # hidden, not gone
    assert setting.upstream.models.queries[0].headers["authorization"] == "Bearer some-token"


def test_system_messages_go_as_the_users_if_the_file_says_so(
    poe: PoeServer, start_gateway, tmp_path: Path
) -> None:
    tmp_path.joinpath("models.yaml").write_text("models: {echo: {mapping: e, replace_response: true}}")
    gateway = start_gateway(poe.url, CONFIG_DIR=str(tmp_path))
    tool = {"type": "function", "function": {"name": "now", "parameters": {}}}
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "developer", "content": "And short."},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Again"},
    ]
    gateway.http.get("/v1/models")
    response = gateway.ask("e", messages=messages, tools=[tool])
    received = json.loads(message_of(response)["content"])["query"]
    assert [each["role"] for each in received] == ["user", "user", "user", "bot", "user"]
    assert received[0]["content"].startswith("Be kind.\n\n# Tools")
    received = json.loads(message_of(gateway.ask("e", messages=messages[:1], aspect="1:1"))["content"])[
        "query"
    ]
    assert [(each["role"], each["parameters"]) for each in received] == [("user", {"aspect": "1:1"})]


def test_defaults_of_parameters_stand_under_what_the_request_says(setting: Setting) -> None:
    defaults = "{thinking_budget: 1000, reasoning_effort: high, nested: {a: [1, true]}, nothing: null}"
    gateway = setting.gateway(f"models: {{o3: {{parameters: {defaults}}}}}")
    bot = setting.bot("o3")

    def sent(**fields: Any) -> dict[str, Any]:
        message_of(gateway.ask("O3", **fields))
        found: dict[str, Any] = bot.queries[-1].json["query"][-1]["parameters"]
        return found

    assert sent() == {"thinking_budget": 1000, "reasoning_effort": "high", "nested": {"a": [1, True]}}
    assert sent(reasoning_effort="low")["reasoning_effort"] == "low"
    assert sent(reasoning={"effort": "low"})["reasoning_effort"] == "low"
    assert sent(thinking={"type": "disabled"})["thinking_budget"] == 0
    assert sent(extra_body={"thinking_budget": 5})["thinking_budget"] == 5
    assert sent(nested=1, other=2) == sent() | {"nested": 1, "other": 2}


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("reasoning_content", {"reasoning_content"}),
        ("reasoning", {"reasoning"}),
        ("both", {"reasoning_content", "reasoning"}),
    ],
)
def test_reasoning_stands_where_the_file_says(setting: Setting, field: str, names: set[str]) -> None:
    thought = text('*Thinking...*\n\n> So "so".\n\nYes.')
    setting.upstream.bot(answer(thought, DONE), name="o3")
    gateway = setting.gateway(f"models: {{o3: {{reasoning_field: {field}}}}}")
    message = message_of(gateway.ask("o3"))
    assert {name: message[name] for name in message if "reasoning" in name} == dict.fromkeys(
        names, 'So "so".'
    )
    chunks = [each["choices"][0]["delta"] for each in gateway.stream("o3") if isinstance(each, dict)]
    for name in ("reasoning_content", "reasoning"):
        joined = "".join(each.get(name, "") for each in chunks)
        assert joined == ('So "so".' if name in names else "")
    assert "".join(each.get("content", "") for each in chunks) == message["content"] == "Yes."


def test_the_way_of_tools_is_the_files(setting: Setting) -> None:
    gateway = setting.gateway("models: {Able: {tools: xml}, o3: {tools: native}, GPT-4o: {tools: 'off'}}")
    gateway.http.get("/v1/models")
    tool = {"type": "function", "function": {"name": "now", "parameters": {}}}
    sent = {}
    for name in ("Able", "o3", "GPT-4o"):
        message_of(gateway.ask(name, tools=[tool]))
        query = setting.bot(name).queries[-1].json
        sent[name] = "tools" in query, "# Tools" in query["query"][0]["content"]
    assert sent == {"Able": (False, True), "o3": (True, False), "GPT-4o": (False, False)}


def test_a_change_by_hand_is_live_in_every_worker_without_a_restart(setting: Setting) -> None:
    gateway = setting.gateway()
    assert "o3" in listed(gateway)
    setting.path.write_text("models: {o3: {mapping: think}}\n")
    holds_soon(lambda: "think" in listed(gateway) and "o3" not in listed(gateway))
    setting.path.write_text("models: {o3: {mapping: ponder}}\n")
    holds_soon(lambda: gateway.ask("ponder").status_code == 200 and gateway.ask("think").status_code == 404)
    replacement = setting.folder / "new"
    replacement.write_text("models: {o3: {enable: false}}\n")
    replacement.replace(setting.path)
    holds_soon(lambda: "o3" not in listed(gateway))
    setting.path.unlink()
    holds_soon(lambda: "o3" in listed(gateway))


def test_broken_files_under_load_leave_in_force_what_was_there(setting: Setting) -> None:
    gateway = setting.gateway("models: {o3: {mapping: think}}\n")
    assert "think" in listed(gateway)
    stop = threading.Event()
    statuses: set[int] = set()

    def ask() -> None:
        while not stop.is_set():
            statuses.add(gateway.ask("think").status_code)
            statuses.add(gateway.http.get("/v1/models/think").status_code)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for content in (*BROKEN.values(), *BROKEN.values()):
        setting.path.write_bytes(content)
        time.sleep(0.4)
    setting.path.unlink()
    os.mkfifo(setting.path)
    time.sleep(1.5)
    setting.path.unlink()
    setting.path.mkdir()
    time.sleep(1.5)
    stop.set()
    for asker in askers:
        asker.join(20)
    assert statuses == {200}
    assert gateway.http.get("/readyz").status_code == 200


def test_a_broken_file_is_told_once_with_its_line(setting: Setting) -> None:
    gateway = setting.gateway("models: {}\n")
    setting.path.write_text("enable: true\nmodels:\n  A:\n    mapping: 5\n")
    eventually(lambda: "models.A.mapping" in gateway.log.read_text())
    still_holds(lambda: "o3" in listed(gateway))
    assert gateway.log.read_text().count("line 4: models.A.mapping") == 1


def test_the_service_starts_with_a_broken_file(setting: Setting) -> None:
    gateway = setting.gateway("models: [\n")
    assert is_everywhere(lambda: listed(gateway) == [entry["id"] for entry in LISTED])
    assert gateway.log.read_text().count("is not used") == 1
    setting.path.write_text("models: {o3: {mapping: think}}\n")
    holds_soon(lambda: "think" in listed(gateway))


def test_workers_that_come_while_the_file_is_broken_know_what_was_good_last(setting: Setting) -> None:
    def is_second() -> bool:
        names = listed(gateway)
        return "second" in names and "first" not in names

    gateway = setting.gateway("models: {o3: {mapping: first}}\n")
    setting.path.write_text("models: {o3: {mapping: second}}\n")
    holds_soon(is_second)
    setting.path.write_text("models: [")
    time.sleep(LIVE_SECONDS)
    replace_workers(gateway)
    assert is_everywhere(is_second)


def test_names_that_are_claimed_twice_are_told_once(setting: Setting) -> None:
    gateway = setting.gateway("models: {o3: {mapping: x}, GPT-4o: {mapping: X}}\n")
    assert is_everywhere(lambda: listed(gateway) == ["GPT-4o", "claude-sonnet-4.5", "x", "Able"])
    assert gateway.log.read_text().count("models.GPT-4o.mapping: 'GPT-4o' and 'o3' would both be called") == 1


def test_one_fetch_serves_both_workers_and_a_restart_while_poe_is_down(setting: Setting) -> None:
    gateway = setting.gateway()
    threads = [threading.Thread(target=listed, args=(gateway,)) for _ in range(LOOKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert is_everywhere(lambda: "o3" in listed(gateway))
    assert len(setting.upstream.models.queries) == 1
    gateway.stop()
    setting.upstream.models = Bot("the list of models", [respond(503)])
    again = setting.gateway(MODELS_CACHE_SECONDS="0")
    assert is_everywhere(lambda: listed(again) == [entry["id"] for entry in LISTED])
    message_of(again.ask("gpt-4O"))
    assert setting.bot("GPT-4o").queries


def test_who_is_strict_answers_only_for_what_is_listed(setting: Setting) -> None:
    setting.upstream.bot(answer(text("fine"), DONE), name="private")
    content = "models: {o3: {enable: false}, GPT-4o: {mapping: g}}\ncustom_models: [{id: private}]\n"
    gateway = setting.gateway(content, STRICT_MODELS="true")
    for name in ("g", "GPT-4O", "private", "claude-sonnet-4.5"):
        assert message_of(gateway.ask(name))["content"] == "fine"
    for name in ("o3", "unknown"):
        response = gateway.ask(name)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    assert not setting.bot("o3").queries


def test_the_token_is_in_no_log_and_no_answer(setting: Setting) -> None:
    setting.upstream.models = Bot(
        "the list of models", [respond(401, {"error": "Invalid token a-secret-token"})]
    )
    gateway = setting.gateway("api_token: a-secret-token\n")
    response = gateway.http.get("/v1/models")
    assert response.status_code == 502
    setting.path.write_text("api_token: a-secret-token\nmodels: [a-secret-token\n")
    eventually(lambda: "is not used" in gateway.log.read_text())
    assert "a-secret-token" not in response.text + gateway.log.read_text()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, start_shared_gateway):
    upstream = ScriptedUpstream()
    upstream.models = Bot("the list of models", [respond(200, {"data": LISTED})])
    folder = tmp_path_factory.mktemp("fuzzed")
    yield start_shared_gateway(upstream.url, CONFIG_DIR=str(folder)), folder / "models.yaml"
    upstream.stop()


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=15)
@given(st.data())
def test_no_text_of_the_file_stops_the_service(fuzzed: tuple[Gateway, Path], data: st.DataObject) -> None:
    gateway, path = fuzzed
    good = "models: {o3: {mapping: think, parameters: {a: [1, x]}}}\ncustom_models:\n- id: x\n"
    start = data.draw(st.integers(0, len(good)))
    junk = data.draw(st.binary(max_size=200) | st.text(alphabet="{}[]:-&*!|>'\"\n ax<0").map(str.encode))
    path.write_bytes(good[:start].encode() + junk + good[start:].encode())
    os.utime(path, (0, 0))  # nobody waits for more
    time.sleep(0.55)  # as long as no worker looks
    for _ in range(LOOKS):
        assert gateway.http.get("/v1/models").status_code == 200
