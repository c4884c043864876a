"""The panel's API for models.yaml, on two workers: reading, saving, undoing, importing, exporting."""

from __future__ import annotations

import concurrent.futures
import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.settings import Settings
from tests.admin.conftest import ADMIN
from tests.admin.test_access import told
from tests.gateway import Gateway, eventually
from tests.upstream.scripted import Bot, ScriptedUpstream, respond

CONFIG = "/api/admin/config"
TOKEN = "token-that-nobody-may-see"
TEXT = f"""\
# What we use.
enable: true
use_v1_api: false
api_token: {TOKEN}  # of the team
models:
  GPT-4o:  # the good one
    mapping: gpt
    tone: warm
  on:
    enable: false
custom_models:
  - id: Private
    owned_by: me
theme: dark
"""
SHOWN = {
    "enable": True,
    "use_v1_api": False,
    "models": {"GPT-4o": {"mapping": "gpt", "tone": "warm"}, "on": {"enable": False}},
    "custom_models": [{"id": "Private", "owned_by": "me"}],
    "theme": "dark",
    "api_token_set": True,
}
LISTED = [
    {
        "id": "GPT-4o",
        "owned_by": "OpenAI",
        "created": 1712505600000,
        "context_window": {"context_length": 128000, "max_output_tokens": 4096},
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        "supported_features": ["tools"],
    },
    {"id": "Claude"},
]


class Panel:
    """The API of a gateway's panel, with the right password."""

    def __init__(self, gateway: Gateway, folder: Path, upstream: ScriptedUpstream) -> None:
        self.gateway = gateway
        self.folder = folder
        self.path = folder / "models.yaml"
        self.upstream = upstream

    def get(self, path: str = CONFIG, **params: str) -> httpx.Response:
        return self.gateway.http.get(path, auth=ADMIN, params=params)

    def post(self, body: object, path: str = CONFIG, **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.http.post(path, auth=ADMIN, json=body, headers=fields)

    def list(self, *entries: object) -> None:
        """Set what Poe's list has from now on."""
        self.upstream.models = Bot(
            "the list of models", [respond(200, {"object": "list", "data": list(entries)})]
        )


Open = Callable[..., Panel]


@pytest.fixture
def open_panel(start_gateway: Callable[..., Gateway], tmp_path: Path) -> Iterator[Open]:
    """Opens a gateway's panel over a models.yaml. Neither its answers nor its log may contain the token."""
    upstream = ScriptedUpstream()
    gateways: list[Gateway] = []

    def start(text: str | None = TEXT, **settings: str) -> Panel:
        panel = Panel.__new__(Panel)
        if text is not None:
            (tmp_path / "models.yaml").write_text(text)
        upstream.models = Bot("the list of models", [respond(200, {"object": "list", "data": LISTED})])
        gateway = start_gateway(upstream.url, CONFIG_DIR=str(tmp_path), **settings)
        gateways.append(gateway)
        panel.__init__(gateway, tmp_path, upstream)
        gateway.http.event_hooks["response"].append(check_secrecy)
        return panel

    yield start
    upstream.stop()
    for gateway in gateways:
        assert TOKEN not in gateway.log.read_text()


def check_secrecy(response: httpx.Response) -> None:
    assert TOKEN.encode() not in response.read()
    assert TOKEN not in str(response.headers)


def test_the_config_is_the_files_own_shape_without_the_token(open_panel: Open) -> None:
    response = open_panel().get()
    assert response.status_code == 200
    assert response.json() == SHOWN
    assert response.headers["etag"].strip('"')
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"


def test_without_a_file_there_is_a_config_all_the_same(open_panel: Open) -> None:
    panel = open_panel(None)
    response = panel.get()
    assert response.json() == {"api_token_set": False}
    saved = panel.post({"models": {"Claude": {"mapping": "c"}}}, If_Match=response.headers["etag"])
    assert saved.status_code == 200, saved.text
    assert yaml.safe_load(panel.path.read_text()) == {"models": {"Claude": {"mapping": "c"}}}


def test_what_was_read_can_be_saved_and_nothing_is_lost(open_panel: Open) -> None:
    panel = open_panel()
    read = panel.get()
    saved = panel.post(read.json(), If_Match=read.headers["etag"])
    assert saved.status_code == 200
    assert saved.headers["etag"] == read.headers["etag"]
    assert panel.path.read_text() == TEXT


def test_a_save_keeps_comments_unknown_keys_and_the_token_and_is_live_everywhere(open_panel: Open) -> None:
    panel = open_panel()
    read = panel.get()
    config = read.json()
    config["models"]["Claude"] = {"mapping": "clever", "aliases": ["c2"]}
    saved = panel.post(config, If_Match=read.headers["etag"])
    assert saved.status_code == 200, saved.text
    assert saved.json() == config
    assert saved.headers["etag"] != read.headers["etag"]
    text = panel.path.read_text()
    for kept in ("# What we use.", "# the good one", "# of the team", TOKEN, "tone: warm", "theme: dark"):
        assert kept in text
    eventually(lambda: all(names(panel) >= {"clever", "c2", "gpt", "Private"} for _ in range(8)))
    assert {panel.get().headers["etag"] for _ in range(8)} == {saved.headers["etag"]}


def names(panel: Panel) -> set[str]:
    return {entry["id"] for entry in panel.gateway.http.get("/v1/models").json()["data"]}


def test_the_token_is_replaced_and_removed_but_never_told(open_panel: Open) -> None:
    panel = open_panel()
    other = f"{TOKEN}-2"
    assert panel.post(SHOWN | {"api_token": other}).json()["api_token_set"] is True
    assert yaml.safe_load(panel.path.read_text())["api_token"] == other
    assert panel.post(SHOWN | {"api_token_set": False}).json()["api_token_set"] is True
    assert panel.post(SHOWN | {"api_token": None}).json()["api_token_set"] is False
    assert "api_token" not in panel.path.read_text()
    assert panel.post(SHOWN | {"api_token": other}).json()["api_token_set"] is True
    assert panel.post(SHOWN | {"api_token": ""}).json()["api_token_set"] is False


def test_of_two_saves_onto_one_version_one_is_refused_and_nothing_lost(open_panel: Open) -> None:
    panel = open_panel()
    for turn in range(5):
        read = panel.get()
        configs = [read.json() | {"note": f"{turn} {number}"} for number in range(2)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            saves = list(pool.map(partial(panel.post, If_Match=read.headers["etag"]), configs))
        assert sorted(save.status_code for save in saves) == [200, 409]
        refused = next(save for save in saves if save.status_code == 409)
        told(refused, 409, "config_changed")
        winner = next(config for config, save in zip(configs, saves, strict=True) if save.status_code == 200)
        assert yaml.safe_load(panel.path.read_text())["note"] == winner["note"]


@pytest.mark.parametrize("tag", ['"{}"', 'W/"{}"', '"other", "{}"', "*", ""])
def test_a_version_may_be_told_in_several_ways(open_panel: Open, tag: str) -> None:
    panel = open_panel()
    version = panel.get().headers["etag"].strip('"')
    assert panel.post(SHOWN | {"note": "x"}, If_Match=tag.format(version)).status_code == 200


@pytest.mark.parametrize("tag", ['"other"', "other", 'W/"other"'])
def test_another_version_is_refused(open_panel: Open, tag: str) -> None:
    panel = open_panel()
    told(panel.post(SHOWN | {"note": "x"}, If_Match=tag), 409, "config_changed")
    assert panel.path.read_text() == TEXT


WRONG: list[tuple[Any, str | None]] = [
    ([], None),
    ("text", None),
    ({"models": []}, "models"),
    ({"enable": "yes"}, "enable"),
    ({"api_token": 7}, "api_token"),
    ({"api_token": f"{TOKEN}\n"}, "api_token"),
    ({"models": {"Claude": {"mapping": 7}}}, "models.Claude.mapping"),
    ({"models": {"Claude": {"aliases": ["a", 7]}}}, "models.Claude.aliases[1]"),
    ({"models": {"Claude": {"tools": "magic"}}}, "models.Claude.tools"),
    ({"models": {"Claude": {"mapping": "gpt-4O"}}}, "models.Claude.mapping"),
    ({"models": {"Claude": {"aliases": ["x", "GPT-4o"]}}}, "models.Claude.aliases[1]"),
    ({"custom_models": [{"id": "A"}, {"owned_by": "me"}]}, "custom_models[1].id"),
    ({"custom_models": [{"id": ["A"]}]}, "custom_models[0].id"),
]


@pytest.mark.parametrize(("body", "path"), WRONG, ids=lambda value: json.dumps(value)[:50])
def test_nothing_is_written_when_anything_is_wrong(open_panel: Open, body: Any, path: str | None) -> None:
    panel = open_panel()
    panel.get("/api/models")  # Poe's list, with which names must not conflict
    response = panel.post(body)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["param"] == path
    assert error["type"] == "invalid_request_error"
    assert panel.path.read_text() == TEXT
    assert panel.get("/api/admin/history").json() == {"data": []}


POSTS = (CONFIG, "/api/admin/import", "/api/admin/history/1/restore")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"],
)
def test_only_json_is_taken(panel: Gateway, path: str, kind: str) -> None:
    response = panel.http.post(path, content=b"{}", auth=ADMIN, headers={"Content-Type": kind})
    told(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a": ' + b"[" * 9999])
def test_what_is_no_object_is_refused(panel: Gateway, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert panel.http.post(path, content=body, auth=ADMIN, headers=headers).status_code == 400


def test_too_much_is_refused(panel: Gateway) -> None:
    response = panel.http.post(CONFIG, json={"note": "x" * 5_000_000}, auth=ADMIN)
    told(response, 413, "payload_too_large")


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_sites_page_changes_nothing(panel: Gateway, path: str, headers: dict[str, str]) -> None:
    response = panel.http.post(path, json={}, auth=ADMIN, headers=headers)
    told(response, 403, "cross_origin")
    assert not [name for name in response.headers if name.startswith("access-control")]


ROUTES = ("/api/models", CONFIG, "/api/admin/history", "/api/admin/history/1", "/api/admin/export",
          "/api/admin/state")  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
def test_everything_asks_for_the_password(panel: Gateway, path: str) -> None:
    response = panel.http.get(path)
    told(response, 401, "invalid_credentials")
    assert response.headers["www-authenticate"].startswith("Basic ")
    assert panel.http.head(path).status_code == 401


@pytest.mark.parametrize("path", POSTS)
def test_everything_that_changes_asks_for_the_password(panel: Gateway, path: str) -> None:
    told(panel.http.post(path, json={}), 401, "invalid_credentials")


@pytest.mark.parametrize("path", [*ROUTES, *POSTS, "/admin"])
def test_a_preflight_grants_nothing(panel: Gateway, path: str) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = panel.http.options(path, headers=headers)
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", [each for each in ROUTES if not each.endswith("/1")])
def test_head_and_a_slash_at_the_end_do_no_harm(panel: Gateway, path: str) -> None:
    assert panel.http.get(path + "/", auth=ADMIN).status_code == 200
    head = panel.http.head(path, auth=ADMIN)
    assert (head.status_code, head.content) == (200, b"")
    assert panel.http.request("DELETE", path, auth=ADMIN).status_code == 405


# History.


def test_saves_can_be_undone_and_the_difference_read(open_panel: Open) -> None:
    panel = open_panel()
    first = panel.post(SHOWN | {"models": {"Claude": {"mapping": "one"}}})
    second = panel.post(SHOWN | {"models": {"Claude": {"mapping": "two"}}})
    versions = panel.get("/api/admin/history").json()["data"]
    assert [version["current"] for version in versions] == [True, False, False]
    assert all(version.keys() == {"id", "saved_at", "size", "current"} for version in versions)
    past = panel.get(f"/api/admin/history/{versions[1]['id']}").json()
    assert past["config"] == first.json()
    assert past["changes"] == [{"path": "models.Claude.mapping", "before": "one", "after": "two"}]
    assert "mapping: one" in past["text"]
    told(
        panel.post({}, f"/api/admin/history/{versions[1]['id']}/restore", If_Match='"x"'),
        409,
        "config_changed",
    )
    restored = panel.post(
        {}, f"/api/admin/history/{versions[1]['id']}/restore", If_Match=second.headers["etag"]
    )
    assert restored.json() == first.json()
    assert restored.headers["etag"] == first.headers["etag"]
    assert panel.get().json() == first.json()
    assert TOKEN in panel.path.read_text()


@pytest.mark.parametrize(
    "id", ["1", "..%2F..%2Fmodels", "0000000000000-00000000000000000000", "%00", "x" * 500]
)
def test_a_version_that_is_not_there_is_a_404(panel: Gateway, id: str) -> None:
    assert panel.http.get(f"/api/admin/history/{id}", auth=ADMIN).status_code == 404
    assert panel.http.post(f"/api/admin/history/{id}/restore", auth=ADMIN, json={}).status_code == 404


# Import and export.


def test_an_import_says_first_what_it_would_change(open_panel: Open) -> None:
    panel = open_panel()
    text = "models:\n  Claude: {mapping: c}\ntheme: dark\n"
    dry = panel.post({"text": text, "dry_run": True}, "/api/admin/import")
    assert dry.status_code == 200, dry.text
    assert dry.json()["config"]["models"] == {"Claude": {"mapping": "c"}}
    changes = {change["path"]: change["after"] for change in dry.json()["changes"]}
    assert changes["models.Claude.mapping"] == "c"
    assert changes["models.GPT-4o.mapping"] is None
    assert panel.path.read_text() == TEXT
    done = panel.post({"text": text}, "/api/admin/import", If_Match=panel.get().headers["etag"])
    assert done.status_code == 200, done.text
    assert done.json() == {"models": {"Claude": {"mapping": "c"}}, "theme": "dark", "api_token_set": True}
    assert done.headers["etag"] == panel.get().headers["etag"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("models: [", None),
        ("models: {Claude: {mapping: 7}}", "models.Claude.mapping"),
        ("models: {Claude: {mapping: gpt-4o}}", "models.Claude.mapping"),
        ("- a list", None),
        ('{"enable": 7}', "enable"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_wrong_import_says_where(open_panel: Open, text: str, path: str | None, dry_run: bool) -> None:
    panel = open_panel()
    panel.get("/api/models")
    response = panel.post({"text": text, "dry_run": dry_run}, "/api/admin/import")
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == path
    assert panel.path.read_text() == TEXT


@pytest.mark.parametrize("body", [{}, {"text": 7}, {"text": "", "dry_run": "yes"}])
def test_a_wrong_request_for_an_import_names_the_field(panel: Gateway, body: dict[str, Any]) -> None:
    response = panel.http.post("/api/admin/import", json=body, auth=ADMIN)
    assert response.status_code == 400
    assert response.json()["error"]["param"] in ("text", "dry_run")


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_export_has_all_but_the_token_and_can_be_imported(open_panel: Open, form: str) -> None:
    panel = open_panel(TEXT + f"# api_token: {TOKEN}\n# or {TOKEN}\n")
    response = panel.get("/api/admin/export", format=form)
    assert response.headers["content-disposition"] == f'attachment; filename="models.{form}"'
    assert response.headers["content-type"].startswith(f"application/{form}")
    expected = {name: value for name, value in SHOWN.items() if name != "api_token_set"}
    assert yaml.load(response.text.replace(" on:", ' "on":'), yaml.SafeLoader) == expected
    assert form == "json" or "# the good one" in response.text
    before = panel.get()
    dry = panel.post({"text": response.text, "dry_run": True}, "/api/admin/import")
    assert dry.json()["changes"] == []
    panel.post({"text": response.text}, "/api/admin/import")
    assert panel.get().json() == before.json()
    assert TOKEN in panel.path.read_text()


@pytest.mark.parametrize(
    "text",
    [
        f"{{enable: true, api_token: {TOKEN}, models: {{}}}}",
        f"api_token: {TOKEN}",
        '"api_token": "',
        "",
        None,
    ],
    ids=["in braces", "alone", "quoted", "empty", "no file"],
)
def test_any_file_can_be_exported(open_panel: Open, text: str | None) -> None:
    panel = open_panel(text and text + (f'{TOKEN}"\n' if text.endswith('"') else ""))
    response = panel.get("/api/admin/export")
    assert response.status_code == 200
    assert "api_token" not in (yaml.safe_load(response.text) or {})
    assert panel.post({"text": response.text, "dry_run": True}, "/api/admin/import").json()["changes"] == []


def test_an_import_of_a_text_that_was_shown_keeps_the_token(open_panel: Open) -> None:
    panel = open_panel()
    panel.post(SHOWN | {"note": "x"})
    id = panel.get("/api/admin/history").json()["data"][0]["id"]
    text = panel.get(f"/api/admin/history/{id}").json()["text"]
    assert "***" in text
    assert panel.post({"text": text}, "/api/admin/import").status_code == 200
    assert TOKEN in panel.path.read_text()


def test_another_form_of_export_is_refused(panel: Gateway) -> None:
    response = panel.http.get("/api/admin/export", auth=ADMIN, params={"format": "xml"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "format"


# A broken file.


BROKEN = {
    "no YAML": f"models: [\napi_token: {TOKEN}",
    "a wrong type": f"enable: true\napi_token: [{TOKEN}]\n",
    "not UTF-8": f"api_token: {TOKEN}\nmodels: \xff",
    "a key twice": f"api_token: {TOKEN}\nmodels: {{}}\nmodels: {{}}\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_told_of_and_the_last_good_one_stays(open_panel: Open, kind: str) -> None:
    panel = open_panel()
    good = panel.get()
    panel.path.write_bytes(BROKEN[kind].encode("latin-1"))
    error = eventually(lambda: panel.get("/api/admin/state").json()["file"]["error"])
    assert error["line"] in (1, 2, 3)
    assert error["message"]
    assert panel.get("/api/models").json()["file"]["error"] == error
    assert panel.get().json() == good.json()
    panel.get("/api/admin/export")
    told(panel.post(SHOWN, If_Match=good.headers["etag"]), 409, "config_changed")
    saved = panel.post(SHOWN)
    assert saved.status_code == 200, saved.text
    eventually(lambda: all(panel.get("/api/admin/state").json()["file"]["error"] is None for _ in range(8)))
    assert "models.yaml" in panel.gateway.log.read_text()


# The list, and the state.


def bots(panel: Panel) -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in panel.get("/api/models").json()["data"]}


def test_the_list_has_every_bot_with_what_is_known_of_it(open_panel: Open) -> None:
    panel = open_panel()
    answer = panel.get("/api/models").json()
    assert answer["file"] == {"version": panel.get().headers["etag"].strip('"'), "error": None}
    assert answer["list"]["error"] is None
    assert answer["list"]["fetched_at"] > 1_700_000_000
    found = bots(panel)
    assert found.keys() == {"GPT-4o", "Claude", "on", "Private"}
    assert found["GPT-4o"] == {
        "id": "GPT-4o",
        "name": "gpt",
        "aliases": [],
        "shown": True,
        "custom": False,
        "listed": True,
        "new": False,
        "gone": False,
        "owned_by": "OpenAI",
        "created": 1712505600,
        "description": None,
        "context_length": 128000,
        "max_output_tokens": 4096,
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "pricing": None,
        "tools_native": True,
        "parameters": [],
        "options": {"mapping": "gpt", "tone": "warm"},
        "conflict": None,
    }
    assert (found["on"]["shown"], found["on"]["listed"]) == (False, False)
    assert (found["Private"]["custom"], found["Private"]["owned_by"]) == (True, "me")


def test_bots_are_new_or_gone_since_the_last_save(open_panel: Open) -> None:
    panel = open_panel(MODELS_CACHE_SECONDS="0")
    for _ in range(8):  # so that either worker has the list when it remembers what is in it
        assert {bot["new"] or bot["gone"] for bot in bots(panel).values()} == {False}
    assert panel.post(SHOWN).status_code == 200
    panel.list({"id": "GPT-4o"}, {"id": "Fresh"})
    eventually(lambda: all("Fresh" in bots(panel) for _ in range(8)))
    found = bots(panel)
    assert [id for id, bot in found.items() if bot["new"]] == ["Fresh"]
    assert [id for id, bot in found.items() if bot["gone"]] == ["Claude"]
    assert panel.post(SHOWN).status_code == 200
    assert "Claude" not in bots(panel)
    assert not bots(panel)["Fresh"]["new"]


def test_without_poe_what_the_file_has_is_shown_all_the_same(open_panel: Open) -> None:
    panel = open_panel()
    panel.folder.joinpath(".models.json").unlink(missing_ok=True)
    panel.upstream.models = Bot("the list of models", [respond(500)])
    other = panel.folder / "other"
    other.mkdir()
    other.joinpath("models.yaml").write_text(TEXT)
    gateway = Gateway(other, panel.upstream.url)
    try:
        answer = gateway.http.get("/api/models", auth=ADMIN).json()
        assert {entry["id"] for entry in answer["data"]} == {"GPT-4o", "on", "Private"}
        assert answer["list"]["fetched_at"] is None
        assert answer["list"]["error"]
        state = gateway.http.get("/api/admin/state", auth=ADMIN).json()
        assert state["poe"]["checked_at"] is None
        assert state["poe"]["models"] == 0
    finally:
        gateway.stop()


# Secrets and what leads to them; the folder and the workers stand elsewhere in the state.
NOT_SHOWN = {
    *("admin_username", "admin_password", "poe_api_key", "access_keys", "metrics_token", "redis_url"),
    *("config_dir", "workers"),
}


def test_the_state_says_how_the_service_does(open_panel: Open) -> None:
    panel = open_panel(RATE_LIMIT_MS="7", TRUSTED_PROXIES="10.0.0.0/8", STRICT_MODELS="true")
    panel.get("/api/models")
    state = eventually(lambda: (found := panel.get("/api/admin/state").json())["poe"]["reachable"] and found)
    assert state["workers"] == 2
    assert state["version"]
    assert state["started_at"] > 1_700_000_000
    assert state["poe"]["models"] == 2
    assert state["poe"]["error"] is None
    assert state["file"]["path"] == str(panel.path)
    assert state["file"]["exists"] is True
    assert state["file"]["version"] == panel.get().headers["etag"].strip('"')
    assert state["file"]["modified"] > 1_700_000_000
    assert state["cache"]["limit_bytes"] == 100 * 1024 * 1024
    assert state["settings"]["rate_limit_ms"] == 7
    assert state["settings"]["strict_models"] is True
    assert state["settings"]["trusted_proxies"] == ["10.0.0.0/8"]
    assert {each.name for each in fields(Settings)} - state["settings"].keys() == NOT_SHOWN
