"""The gateway's own keys: whoever has one may use Poe's key, which stays on the server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.api.access import _OWN_HINT
from app.keys import lines as keys
from app.keys.file import KeyFile
from app.keys.lines import KeysError
from app.settings import Settings
from app.variables import SettingsError
from tests.gateway import KEY, ROOT, WORDS, Gateway, environment, eventually, message_of, replace_workers
from tests.upstream.scripted import DONE, LIMIT, ScriptedUpstream, answer, respond, text

POE_KEY = "the-key-of-the-server-at-poe-0123456789"
LIVE_SECONDS = 2.0  # within which a change holds in every worker
LOOKS = 8  # requests on connections of their own: both workers get some
# As keys.generate() makes them, but the same in every run: some name a test.
ALICE = "sk-poe2openai-7poXrvKFnOrOCZV1PhGmC-i3GVf8lTB-CHHLNGXZwUU"
BOB = "sk-poe2openai-GaFwK7cc7wCs6DEb3AZyFwVd75gefCuwSCj07iKZ28w"


class Team:
    """A gateway with a file of keys, and an upstream that answers."""

    def __init__(self, path: Path, gateway: Gateway, upstream: ScriptedUpstream) -> None:
        self.path = path
        self.gateway = gateway
        self.bot = upstream.bot(answer(text("fine"), DONE))

    def ask(self, key: str, header: str = "Authorization", form: str = "Bearer {}"):
        body = {"model": self.bot.name, "messages": [{"role": "user", "content": WORDS}]}
        headers = {header: form.format(key)}
        return self.gateway.http.post("/v1/chat/completions", json=body, headers=headers)

    def statuses(self, key: str) -> set[int]:
        return {self.ask(key).status_code for _ in range(LOOKS)}

    def log(self) -> str:
        return self.gateway.log.read_text()


@pytest.fixture
def team(tmp_path: Path, upstream: ScriptedUpstream, start_gateway: Callable[..., Gateway]) -> Iterator[Team]:
    path = tmp_path / "keys"
    path.write_text(f"# who may\n\n{keys.line('alice', ALICE)}\n")
    path.chmod(0o600)
    team = Team(path, start_gateway(upstream.url, POE_API_KEY=POE_KEY, ACCESS_KEYS=str(path)), upstream)
    yield team
    log = team.log()
    for secret in (POE_KEY, ALICE, BOB):
        assert secret not in log


@pytest.mark.parametrize(
    ("header", "form"),
    [
        *(("Authorization", "Bearer {}"), ("authorization", "bearer {}"), ("Authorization", "{}")),
        *(("x-api-key", "{}"), ("api-key", "{}"), ("x-goog-api-key", "{}")),
    ],
)
def test_a_key_of_the_gateway_asks_with_the_key_of_the_server(team: Team, header: str, form: str) -> None:
    response = team.ask(ALICE, header, form)
    assert message_of(response)["content"] == "fine"
    sent = team.bot.queries[-1].headers
    assert sent["authorization"] == f"Bearer {POE_KEY}"
    assert ALICE not in str(sent)
    assert POE_KEY not in response.text + str(response.headers)
    eventually(lambda: re.search(rf"id={response.headers['x-request-id']} .*key=alice ", team.log()))


@pytest.mark.parametrize(
    "key",
    [BOB, POE_KEY, KEY, ALICE[:-1], ALICE + "x", ALICE.lower(), "alice", "x" * 8000],
    ids=["another's", "Poe's", "a stranger's", "short", "long", "lower case", "a name", "very long"],
)
def test_any_other_key_is_refused_in_the_form_of_openai(team: Team, key: str) -> None:
    response = team.ask(key)
    assert response.status_code == 401
    error = response.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        "invalid_api_key",
        None,
    )
    assert _OWN_HINT in error["message"]
    assert key not in response.text or key == "alice"
    assert not team.bot.queries


def test_no_key_is_told_of_the_gateways_keys_and_the_list_needs_none(team: Team) -> None:
    response = team.gateway.http.post("/v1/chat/completions", json={})
    assert response.status_code == 401
    assert _OWN_HINT in response.json()["error"]["message"]
    assert team.gateway.http.get("/v1/models").status_code != 401


def test_keys_come_and_go_without_a_restart(team: Team) -> None:
    assert team.statuses(ALICE) == {200}
    assert team.statuses(BOB) == {401}
    team.path.write_text(keys.line("bob", BOB))
    time.sleep(LIVE_SECONDS)  # nobody asks meanwhile
    assert team.statuses(BOB) == {200}
    assert team.statuses(ALICE) == {401}
    team.path.write_text("")
    time.sleep(LIVE_SECONDS)
    assert team.statuses(BOB) == {401}


def test_a_key_that_was_taken_back_stays_so_for_workers_that_come_while_the_file_is_broken(
    team: Team,
) -> None:
    team.path.write_text(keys.line("bob", BOB))
    time.sleep(LIVE_SECONDS)
    assert team.statuses(ALICE) == {401}
    team.path.write_text("broken")
    time.sleep(LIVE_SECONDS)
    replace_workers(team.gateway)
    assert team.statuses(BOB) == {200}
    assert team.statuses(ALICE) == {401}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{keys.line('bob', BOB)}\nalice {ALICE}\n", "line 2"),
        (None, "cannot be read"),
        ("x" * 200_000, "larger than"),
    ],
    ids=["a plain key", "gone", "large"],
)
def test_a_broken_file_leaves_the_last_good_keys_in_force_with_one_warning(
    team: Team, content: str | None, reason: str
) -> None:
    if content is None:
        team.path.unlink()
    else:
        team.path.write_text(content)
    time.sleep(LIVE_SECONDS)
    assert team.statuses(ALICE) == {200}
    assert team.statuses(BOB) == {401}
    (warning,) = [each for each in team.log().splitlines() if "stay in force" in each]
    assert "WARN" in warning
    assert reason in warning
    team.path.write_text(keys.line("bob", BOB))
    time.sleep(LIVE_SECONDS)
    assert team.statuses(BOB) == {200}


def test_a_file_that_others_may_read_or_write_is_warned_of(
    tmp_path: Path, upstream: ScriptedUpstream, start_gateway
) -> None:
    path = tmp_path / "keys"
    path.write_text(keys.line("alice", ALICE))
    path.chmod(0o664)
    gateway: Gateway = start_gateway(upstream.url, POE_API_KEY=POE_KEY, ACCESS_KEYS=str(path))
    (warning,) = [each for each in gateway.log.read_text().splitlines() if "chmod" in each]
    assert "WARN" in warning
    assert "664" in warning


def test_it_is_not_the_clients_fault_if_poe_refuses_the_servers_key(
    team: Team, upstream: ScriptedUpstream
) -> None:
    team.bot = upstream.bot([*respond(401, {"error": f"Incorrect API key: {POE_KEY}"})])
    response = team.ask(ALICE)
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "poe_key_refused"
    assert POE_KEY not in response.text
    assert "Poe refuses the key in POE_API_KEY" in team.log()


def test_the_command_makes_a_key_and_its_line(tmp_path: Path) -> None:
    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app.keys", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LIMIT, check=False
        )

    made = make("alice-laptop")
    assert made.returncode == 0
    (key,) = re.findall(r"^sk-poe2openai-\S{43}$", made.stderr, re.MULTILINE)
    assert key not in made.stdout
    path = tmp_path / "keys"
    path.write_text(made.stdout)
    assert KeyFile(path).name_of(key) == "alice-laptop"
    for content in (None, "", "# who may\n", keys.line("bob", BOB)):  # the last without an end of its line
        path.unlink()
        if content is not None:
            path.write_text(content)
            path.chmod(0o640)
        added = make("alice", str(path))
        assert (added.returncode, added.stdout) == (0, "")
        (key,) = re.findall(r"^sk-poe2openai-\S{43}$", added.stderr, re.MULTILINE)
        assert KeyFile(path).name_of(key) == "alice"
        assert path.stat().st_mode & 0o777 == (0o600 if content is None else 0o640)
    assert KeyFile(path).name_of(BOB) == "bob"
    before = path.read_text()
    for wrong in ((), ("a b",), ("",), ("-x",), ("a b", str(path)), ("a", str(tmp_path)), ("a", "b", "c")):
        refused = make(*wrong)
        assert refused.returncode != 0
        assert refused.stdout == ""
        assert len(refused.stderr.splitlines()) == 1
    assert path.read_text() == before
    assert make("--help").stderr.startswith("usage:")


def test_two_keys_of_one_name_are_a_change_of_keys_under_way(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(f"\ufeff{keys.line('alice', ALICE)}\r\n  {keys.line('alice', BOB)}".encode())
    file = KeyFile(path)
    assert file.name_of(ALICE) == file.name_of(BOB) == "alice"
    assert file.name_of("") is None


@pytest.mark.parametrize(
    "content",
    [
        "alice",
        f"alice {ALICE}",
        "alice sha256:abc",
        f"alice sha256:{'A' * 64}",
        f"a b sha256:{'a' * 64}",
        f"{'a' * 65} sha256:{'a' * 64}",
        f"alice sha256:{'a' * 64} more",
        f"alice sha256:{'a' * 64}\nbob sha256:{'a' * 64}",
        "\x00\xff",
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_the_start_and_not_quoted(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(KeysError):
        KeyFile(path)
    message = refusal(tmp_path, POE_API_KEY=POE_KEY, ACCESS_KEYS=str(path))
    assert "line " in message
    assert ALICE not in message


def test_the_one_without_the_other_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(keys.line("alice", ALICE))
    assert "without ACCESS_KEYS" in refusal(tmp_path, POE_API_KEY=POE_KEY)
    assert "without POE_API_KEY" in refusal(tmp_path, ACCESS_KEYS=str(path))
    assert "No such file" in refusal(tmp_path, POE_API_KEY=POE_KEY, ACCESS_KEYS=str(tmp_path / "no"))
    assert "(hidden)" in refusal(tmp_path, POE_API_KEY=f"{POE_KEY} x", ACCESS_KEYS=str(path))


def refusal(folder: Path, **variables: str) -> str:
    """The one line of a start that must fail."""
    with pytest.raises(SettingsError) as refused:
        Settings.load({"CONFIG_DIR": str(folder)} | variables)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert POE_KEY not in message
    return message


def test_the_key_of_the_server_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(keys.line("alice", ALICE))
    settings = Settings.load({"CONFIG_DIR": str(tmp_path), "POE_API_KEY": POE_KEY, "ACCESS_KEYS": str(path)})
    assert settings.poe_api_key == POE_KEY
    assert POE_KEY not in json.dumps(repr(settings))
