"""Reading: three languages, light and dark, a phone, a keyboard alone, and what axe finds (WCAG 2.2 AA)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenPanel
from tests.browser.panel import VIEWS, Panel
from tests.gateway import KEY, Gateway

_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.mark.parametrize(
    ("browser_has", "title"),
    [("en-GB", "Models"), ("zh-CN", "模型"), ("zh-HK", "模型"), ("fr-FR", "Models")],
)
def test_the_language_is_the_browsers(open_panel: OpenPanel, browser_has: str, title: str) -> None:
    panel = open_panel(language=browser_has)
    expect(panel.page.get_by_role("link", name=title)).to_be_visible()


def test_the_language_can_be_switched_and_is_remembered(panel: Panel) -> None:
    panel.page.get_by_label("Language").select_option("繁體中文")
    expect(panel.page.get_by_role("link", name="檔案")).to_be_visible()
    expect(panel.page.locator("html")).to_have_attribute("lang", "zh-TW")
    panel.page.reload()
    expect(panel.page.get_by_role("link", name="檔案")).to_be_visible()


@pytest.mark.parametrize(("scheme", "button"), [("light", "Dark theme"), ("dark", "Light theme")])
def test_the_theme_is_the_systems_until_it_is_switched(
    open_panel: OpenPanel, scheme: str, button: str
) -> None:
    panel = open_panel(scheme=scheme)
    before = ground(panel)
    panel.page.get_by_role("button", name=button).click()
    after = ground(panel)
    assert before != after
    panel.page.reload()
    assert ground(panel) == after


def ground(panel: Panel) -> str:
    color: str = panel.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return color


def scenes(panel: Panel) -> Iterator[str]:
    """Show every view and dialog, one after another, and yield its name."""
    panel.save_elsewhere(**{"o3-pro": {"note": "first"}})
    panel.save_elsewhere(**{"Claude-Opus-4.5": {"mapping": "opus", "aliases": ["best"], "note": "for work"}})
    for view in VIEWS:
        panel.go(view)
        panel.page.reload()
        expect(panel.page.locator(".loading")).to_have_count(0)
        yield view
    panel.go("models")
    panel.edit("Claude-Opus-4.5").get_by_label("Context length").fill("much")
    yield "a bot's options, with an error"
    panel.page.keyboard.press("Escape")
    panel.close_dialog()
    panel.search("gemini")
    panel.page.get_by_label("Select all 2 that match").check()
    yield "a selection"
    panel.page.get_by_role("button", name="Options", exact=True).click()
    panel.dialog()
    yield "options for a selection"
    panel.close_dialog()
    panel.page.get_by_role("region", name="What to do with the selection").get_by_role(
        "button", name="Test"
    ).click()
    dialog = panel.dialog()
    dialog.get_by_label("Poe API key").fill(KEY)
    dialog.get_by_role("button", name="Ask 2 bots").click()
    expect(dialog.get_by_role("status")).to_have_text("0 answered, 2 failed")
    dialog.locator("summary").first.click()
    yield "tests"
    panel.close_dialog()
    panel.page.get_by_role("button", name="Add bot").click()
    panel.dialog()
    yield "a custom bot"
    panel.close_dialog()
    panel.search("no-such-bot")
    yield "nothing found"
    panel.go("playground")
    panel.page.get_by_label("Bot", exact=True).fill("Claude-Sonnet-4.5")
    panel.page.get_by_label("Message", exact=True).fill("Hello")
    panel.page.get_by_label("Message", exact=True).press("Enter")
    expect(panel.page.locator(".turn.is-bot .figures")).to_contain_text("tokens")
    yield "a conversation"
    panel.go("file")
    panel.page.get_by_role("button", name="Import").click()
    panel.dialog().get_by_label("YAML or JSON").fill("models: {o3-pro: {note: new}}")
    panel.dialog().get_by_role("button", name="Show the changes").click()
    expect(panel.dialog().locator(".diff")).to_be_visible()
    yield "an import"
    panel.close_dialog()
    panel.page.locator(".versions li").nth(1).get_by_role("button").click()
    expect(panel.dialog().get_by_role("heading", name="Restoring")).to_be_visible()
    yield "a version"
    panel.close_dialog()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_in_any_view(
    open_panel: OpenPanel, served_few: Gateway, scheme: str, width: int
) -> None:
    panel = open_panel(served_few, scheme=scheme, width=width)
    for scene in scenes(panel):
        found = Axe().run(panel.page, options=_RULES)
        assert found.violations_count == 0, f"{scene}: {found.generate_report()}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW"])
def test_on_a_phone_nothing_is_wider_than_the_screen(open_panel: OpenPanel, language: str) -> None:
    panel = open_panel(width=360, height=740)
    for scene in scenes(panel) if language == "en" else translated(panel, language):
        wide = panel.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, scene
        for dialog in panel.page.locator("dialog[open] .dialog-body").all():
            assert dialog.evaluate("body => body.scrollWidth <= body.clientWidth"), scene


def translated(panel: Panel, language: str) -> Iterator[str]:
    panel.page.locator(".language").select_option(language)
    for view in VIEWS:
        panel.go(view)
        yield view


def test_a_keyboard_alone_is_enough(panel: Panel) -> None:
    page, press = panel.page, panel.page.keyboard.press
    press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    press("Enter")
    panel.go("status")
    press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("gpt-5")
    names = panel.names()
    page.locator(".row:visible .name").first.focus()
    press("ArrowDown")
    expect(page.locator(".row:visible .name").nth(1)).to_be_focused()
    press("Enter")
    dialog = panel.dialog()
    expect(dialog.get_by_role("heading").first).to_have_text(names[1])
    for _ in range(40):  # around all of it: the focus never leaves the dialog for the page behind
        press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    panel.close_dialog()
    expect(page.locator(".row:visible .name").nth(1)).to_be_focused()
    for _ in range(2):
        press("Tab")
    press("Space")
    panel.expect_bot(names[1], {"enable": False})
    press("Control+z")
    panel.expect_bot(names[1], {})


def test_the_focus_can_be_seen(panel: Panel) -> None:
    for _ in range(6):
        panel.page.keyboard.press("Tab")
        outline = panel.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", panel.page.evaluate("document.activeElement.outerHTML")
