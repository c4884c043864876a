"""Help: settings to copy for each client, and the state of the service."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.bots import Poe
from tests.browser.conftest import OpenPanel
from tests.browser.panel import Panel
from tests.conftest import StartGateway


@pytest.mark.parametrize(
    ("client", "has"),
    [
        ("Cline", "{url}/v1"),
        ("Roo Code", "{url}/v1"),
        ("Cherry Studio", "{url}"),
        ("Open WebUI", "http://host.docker.internal:{port}/v1"),
        ("opencode", '"baseURL": "{url}/v1"'),
        ("openai (Python)", 'base_url="{url}/v1"'),
        ("curl", "{url}/v1/chat/completions"),
    ],
)
def test_settings_have_the_address_as_the_browser_sees_it(panel: Panel, client: str, has: str) -> None:
    panel.go("connect")
    panel.page.get_by_label("Bot in the examples").fill("GPT-5.2")
    panel.page.get_by_role("button", name=client, exact=True).click()
    shown = panel.page.locator(".client")
    expect(shown).to_contain_text(has.format(url=panel.gateway.url, port=panel.gateway.port))
    expect(shown).to_contain_text("GPT-5.2")


def test_the_panel_works_below_a_path(
    open_panel: OpenPanel, poe_of_500: Poe, start_gateway: StartGateway
) -> None:
    panel = open_panel(start_gateway(poe_of_500.url, SCRIPT_NAME="/poe"), prefix="/poe")
    panel.row("o3-pro").get_by_role("switch").click()
    panel.expect_bot("o3-pro", {"enable": False})
    panel.page.get_by_role("link", name="Connect").click()
    expect(panel.page.locator(".address")).to_contain_text(f"{panel.gateway.url}/poe/v1")
    panel.page.get_by_label("Language").select_option("简体中文")
    expect(panel.page.get_by_role("link", name="接入")).to_be_visible()


@pytest.mark.parametrize(("client", "path"), [("Claude Code", "/v1/messages"), ("Codex", "/v1/responses")])
def test_a_client_whose_api_is_missing_is_told_so(panel: Panel, client: str, path: str) -> None:
    panel.go("connect")
    panel.page.get_by_role("button", name=client, exact=True).click()
    shown = panel.page.locator(".client")
    if path in panel.gateway.http.get("/").json()["endpoints"]:
        expect(shown.locator("pre")).to_contain_text(panel.gateway.url)
    else:
        expect(shown).to_contain_text(f"it needs {path}, which is still to come")
        expect(shown.locator("pre")).to_have_count(0)


def test_a_setting_is_copied(panel: Panel) -> None:
    panel.go("connect")
    panel.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.page.locator(".address").get_by_role("button", name="Copy").click()
    expect(panel.page.locator(".address")).to_contain_text("Copied")
    assert panel.page.evaluate("navigator.clipboard.readText()") == f"{panel.gateway.url}/v1"


def test_the_state_of_the_service_is_shown(panel: Panel) -> None:
    panel.go("status")
    expect(panel.page.get_by_role("region", name="Service")).to_contain_text("Workers2")
    expect(panel.page.get_by_role("region", name="Poe", exact=True)).to_contain_text("reachable")
    expect(panel.page.get_by_role("region", name="Uploads remembered")).to_contain_text("Entries")
    expect(panel.page.get_by_role("region", name="models.yaml")).to_contain_text("models.yaml")
