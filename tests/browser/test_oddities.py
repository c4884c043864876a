"""Bots with odd names, and a service that is slow, away, or has another password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.browser.bots import ARABIC, MARKUP, Poe, odd_entries
from tests.browser.conftest import OpenPanel
from tests.browser.panel import VIEWS, Panel
from tests.conftest import StartGateway
from tests.gateway import KEY, Gateway


@pytest.fixture(scope="module")
def served_odd(start_shared_gateway: StartGateway) -> Iterator[Gateway]:
    """A gateway whose Poe lists odd bots, too; the file has odd names for others."""
    poe = Poe(40, odd_entries())
    gateway = start_shared_gateway(poe.url)
    gateway.http.get("/v1/models").raise_for_status()
    options = {"mapping": MARKUP + "m", "aliases": [MARKUP + "a", "b" * 150], "note": MARKUP}
    body = {"models": {"GPT-5-mini": options}, "custom_models": [{"id": MARKUP + "c"}]}
    gateway.http.post("/api/admin/config", json=body, auth=Panel.CREDENTIALS).raise_for_status()
    yield gateway
    poe.stop()


@pytest.mark.parametrize("width", [360, 1280])
def test_no_name_runs_or_breaks_the_page(open_panel: OpenPanel, served_odd: Gateway, width: int) -> None:
    panel = open_panel(served_odd, width=width)
    for bot in (MARKUP, "L" * 300, ARABIC, MARKUP + "c"):
        row = panel.row(bot)
        outer = row.bounding_box()
        assert outer
        for cell in row.locator("> *:visible").all():
            inner = cell.bounding_box()
            assert inner
            assert inner["x"] + inner["width"] <= outer["x"] + outer["width"], bot[:20]
        assert row.evaluate("row => row.scrollWidth <= row.clientWidth"), bot[:20]
        row.locator(".name").click()
        body = panel.dialog().locator(".dialog-body")
        assert body.evaluate("body => body.scrollWidth <= body.clientWidth"), bot[:20]
        panel.close_dialog()
    for head in panel.page.locator(".group-head:visible").all():
        assert head.evaluate("head => head.scrollWidth <= head.clientWidth")
    for view in VIEWS:
        panel.go(view)
        assert panel.page.evaluate("document.documentElement.scrollWidth") <= width
    assert panel.page.evaluate("window.wasRun") is None


def test_a_modality_that_is_new_has_an_icon(open_panel: OpenPanel, served_odd: Gateway) -> None:
    panel = open_panel(served_odd)
    icon = panel.page.locator(".icon-hologram").first
    assert "url(" in icon.evaluate("icon => getComputedStyle(icon).maskImage")


def test_what_is_no_price_is_not_shown(open_panel: OpenPanel, served_odd: Gateway) -> None:
    panel = open_panel(served_odd)
    expect(panel.row(ARABIC).locator(".price")).to_have_text("")


@pytest.mark.parametrize("bot", ["__proto__", "constructor"])
def test_a_bot_named_as_what_every_object_has_is_hidden_and_shown(
    open_panel: OpenPanel, served_odd: Gateway, bot: str
) -> None:
    panel = open_panel(served_odd)
    panel.row(bot).locator(".switch").click()
    panel.expect_bot(bot, {"enable": False})
    panel.expect_saved()
    panel.page.get_by_role("button", name=f"Undo: hide {bot}").click()
    panel.expect_bot(bot, {})
    assert bot not in panel.config().get("models", {})


def test_a_name_that_runs_the_other_way_does_not_turn_the_words_around_it(
    open_panel: OpenPanel, served_odd: Gateway
) -> None:
    panel = open_panel(served_odd)
    label = panel.row(ARABIC).locator(".switch").get_attribute("aria-label")
    assert label
    assert f"\u2068{ARABIC}\u2069" in label


def test_each_paragraph_of_a_conversation_runs_as_it_is_written(panel: Panel) -> None:
    panel.go("playground")
    panel.page.get_by_label("Bot", exact=True).fill("Echo")
    panel.page.get_by_label("Poe API key").fill(KEY)
    panel.page.get_by_label("Message", exact=True).fill(f"Hello\n{ARABIC}")
    panel.page.get_by_label("Message", exact=True).press("Enter")
    answer = panel.page.locator(".turn.is-bot > .answer")
    expect(answer).to_contain_text(ARABIC)
    expect(panel.page.get_by_role("log")).to_have_attribute("aria-busy", "false")
    lines = answer.evaluate("""answer => {
        const range = document.createRange();
        range.selectNodeContents(answer);
        const box = answer.getBoundingClientRect();
        return [...range.getClientRects()].filter(({ width }) => width)
            .map(({ left, right }) => [left - box.left, box.right - right]);
    }""")
    (latin_left, _), (_, arabic_right) = lines[0], lines[-1]
    assert latin_left < 1
    assert arabic_right < 1


def test_on_a_phone_the_first_message_can_be_written_without_scrolling(open_panel: OpenPanel) -> None:
    panel = open_panel(width=360, height=740, view="playground")
    box = panel.page.get_by_label("Message", exact=True).bounding_box()
    tabs = panel.page.locator(".head nav").bounding_box()
    assert box
    assert tabs
    assert box["y"] + box["height"] <= tabs["y"]


def test_a_page_whose_scripts_are_on_their_way_is_not_empty(panel: Panel) -> None:
    panel.page.route("**/panel.js", lambda route: route.abort())
    panel.page.reload()
    expect(panel.page.locator(".ghost").first).to_be_visible()


def test_a_service_that_is_away_is_said_and_so_is_its_return(panel: Panel) -> None:
    panel.go("status")
    panel.offline(is_offline=True)
    panel.look_again()
    expect(panel.page.get_by_role("alert")).to_contain_text("The service does not answer")
    expect(panel.page.get_by_role("region", name="Service")).to_contain_text("not reachable")
    panel.offline(is_offline=False)
    panel.look_again()
    expect(panel.page.get_by_role("alert")).to_have_count(0)
    expect(panel.page.get_by_role("region", name="Service")).to_contain_text("running")


def test_a_password_that_was_changed_is_said(panel: Panel) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=401, json={"error": {"message": "no", "code": "invalid_credentials"}})

    panel.page.route("**/api/admin/state", refuse)
    panel.look_again()
    expect(panel.page.get_by_role("alert")).to_contain_text("reload this page")
