"""Who may use the panel, and how often one can be wrong."""

from __future__ import annotations

import base64
import concurrent.futures
import re
import shutil
from typing import Any

import httpx
import pytest

from tests.admin.conftest import ADMIN, Browser
from tests.gateway import Gateway, eventually
from tests.upstream.scripted import ScriptedUpstream

PAGE = "/admin"
WRONG = ("admin", "wrong-password-that-no-log-may-hold")


def told(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of a response, which must have this status and code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert "set-cookie" not in response.headers
    error: dict[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["code"] == code
    return error


@pytest.mark.parametrize("path", [PAGE, "/admin/"])
def test_the_password_opens_the_panel(panel: Gateway, browser: Browser, path: str) -> None:
    response = browser(panel).get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Basic", "Basic !", "Basic YWRtaW4=", "Bearer secret", "secret", "Basic " + "A" * 5000],
)
def test_without_credentials_it_asks_for_them_and_counts_no_try(
    panel: Gateway, method: str, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization is not None else {}
    for _ in range(15):
        response = panel.http.request(method, PAGE, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Basic realm="poe2openai", charset="UTF-8"'
    assert panel.http.get(PAGE, auth=ADMIN).status_code == 200


def basic(user: bytes, password: bytes) -> str:
    return "Basic " + base64.b64encode(user + b":" + password).decode()


@pytest.mark.parametrize("password", ["pass:with:colons", "pässwörd 密码 🔑", '"', "x" * 1000])
def test_any_password_works(
    upstream: ScriptedUpstream, start_gateway, browser: Browser, password: str
) -> None:
    gateway = start_gateway(upstream.url, ADMIN_USERNAME="jürgen", ADMIN_PASSWORD=password)
    header = basic("jürgen".encode(), password.encode())
    assert gateway.http.get(PAGE, headers={"Authorization": header}).status_code == 200
    for wrong in (password[:-1], password + "x", "", password.upper() + "."):
        header = basic("jürgen".encode(), wrong.encode())
        told(gateway.http.get(PAGE, headers={"Authorization": header}), 401, "invalid_credentials")
    header = basic(b"jurgen", password.encode())
    told(gateway.http.get(PAGE, headers={"Authorization": header}), 401, "invalid_credentials")


def guess(gateway: Gateway, browser: Browser, address: str, times: int = 40) -> list[httpx.Response]:
    """Wrong passwords from one address, eight at a time."""
    clients = [browser(gateway, address, WRONG) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(lambda number: clients[number % 8].get(PAGE), range(times)))


def test_ten_wrong_passwords_a_minute_then_nobody_passes_from_there(panel: Gateway, browser: Browser) -> None:
    responses = guess(panel, browser, "127.0.0.10")
    assert [response.status_code for response in responses].count(401) == 10
    refused = [response for response in responses if response.status_code != 401]
    assert len(refused) == 30
    for response in refused:
        told(response, 429, "too_many_tries")
        assert 1 <= int(response.headers["retry-after"]) <= 60
    told(browser(panel, "127.0.0.10").get(PAGE), 429, "too_many_tries")
    assert browser(panel, "127.0.0.10", None).get(PAGE).status_code == 401
    assert browser(panel, "127.0.0.11").get(PAGE).status_code == 200


def test_the_tries_are_those_of_all_workers(panel: Gateway, browser: Browser) -> None:
    ids = {response.headers["x-request-id"] for response in guess(panel, browser, "127.0.0.12")}
    eventually(lambda: ids <= set(re.findall(r" id=(\w+)", panel.log.read_text())))
    lines = [line for line in panel.log.read_text().splitlines() if 'client="127.0.0.12"' in line]
    workers = {line.split("]")[0].split("[")[1] for line in lines}
    assert len(workers) == 2


def test_the_right_password_between_wrong_ones_opens_and_forgives_nothing(
    panel: Gateway, browser: Browser
) -> None:
    wrong, right = browser(panel, "127.0.0.13", WRONG), browser(panel, "127.0.0.13")
    for _ in range(9):
        assert wrong.get(PAGE).status_code == 401
        assert right.get(PAGE).status_code == 200
    assert wrong.get(PAGE).status_code == 401
    assert right.get(PAGE).status_code == 429


def test_the_api_for_clients_is_not_locked(panel: Gateway, browser: Browser) -> None:
    guess(panel, browser, "127.0.0.14", 11)
    assert browser(panel, "127.0.0.14", None).get("/healthz").status_code == 200


def test_a_guess_stands_in_the_log_wherever_it_is_made(
    upstream: ScriptedUpstream, start_gateway, browser: Browser
) -> None:
    gateway = start_gateway(upstream.url, LOG_LEVEL="info")
    assert browser(gateway).get("/api/admin/state").status_code == 200
    assert browser(gateway, "127.0.0.17", WRONG).get("/api/admin/state").status_code == 401
    eventually(lambda: 'client="127.0.0.17" status=401' in gateway.log.read_text())
    assert "status=200" not in gateway.log.read_text()


def test_no_password_is_logged(panel: Gateway, browser: Browser) -> None:
    browser(panel, "127.0.0.15", WRONG).get(PAGE)
    browser(panel, "127.0.0.15").get(PAGE)
    eventually(lambda: panel.log.read_text().count("127.0.0.15") >= 2)
    log = panel.log.read_text()
    for text in (*ADMIN[1:], *WRONG[1:], basic(*(each.encode() for each in ADMIN))):
        assert text not in log


def test_a_folder_that_goes_away_neither_opens_nor_closes_the_panel(
    upstream: ScriptedUpstream, start_gateway, browser: Browser, tmp_path
) -> None:
    folder = tmp_path / "config"
    gateway = start_gateway(upstream.url, CONFIG_DIR=str(folder), WEB_CONCURRENCY="1")
    gateway.http.get("/v1/models")  # or the list, fetched in the background, would be saved meanwhile
    shutil.rmtree(folder)
    assert browser(gateway).get(PAGE).status_code == 200
    statuses = [response.status_code for response in guess(gateway, browser, "127.0.0.16", 20)]
    assert statuses.count(401) == 10
    assert statuses.count(429) == 10
    assert "workers cannot count together" in gateway.log.read_text()


@pytest.mark.parametrize("path", [PAGE, "/admin/", "/static/icon.svg", "/api/models", "/api/admin/config"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_without_a_password_there_is_no_panel(closed: Gateway, path: str, method: str) -> None:
    response = closed.http.request(method, path, auth=("admin", ""))
    assert response.status_code == 404
    assert "www-authenticate" not in response.headers
    if method != "HEAD":
        unknown = closed.http.request(method, "/no/such/path")
        assert response.json()["error"].keys() == unknown.json()["error"].keys()
        assert response.json()["error"]["code"] == unknown.json()["error"]["code"] == "not_found"


@pytest.fixture(scope="module")
def closed(upstream: ScriptedUpstream, start_shared_gateway) -> Gateway:
    """A gateway without a panel."""
    return start_shared_gateway(upstream.url, ADMIN_PASSWORD="")
