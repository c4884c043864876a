"""Trying: tests of bots and the playground, with a key that stays in the page."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.panel import Panel
from tests.gateway import KEY


def test_a_test_tells_times_tokens_and_the_answer(panel: Panel) -> None:
    panel.search("Claude-Sonnet-4.5")
    panel.row("Claude-Sonnet-4.5").get_by_role("button", name="Test").click()
    dialog = panel.dialog()
    expect(dialog.get_by_role("button", name="Ask")).to_be_disabled()
    dialog.get_by_label("Poe API key").fill(KEY)
    dialog.get_by_role("button", name="Ask").click()
    result = dialog.locator(".result")
    expect(result).to_have_class(re.compile("is-passed"))
    expect(result.locator(".figures")).to_contain_text(
        re.compile(r"first token \d+ ms · in all .* · \d+ → \d+ tokens")
    )
    expect(result).to_contain_text("The answer is 42.")
    expect(result.locator(".reasoning")).to_contain_text("Six times seven")
    panel.close_dialog()
    expect(panel.row("Claude-Sonnet-4.5").locator(".outcome")).to_contain_text("ms")


def test_a_selection_is_tested_and_failures_are_shown_as_they_came(panel: Panel) -> None:
    panel.search("Demo")
    for bot in ("Echo", "NoPoints", "Crashing"):
        panel.page.get_by_label(f"Select {bot}", exact=True).check()
    panel.page.get_by_role("region", name="What to do with the selection").get_by_role(
        "button", name="Test"
    ).click()
    dialog = panel.dialog()
    dialog.get_by_label("Poe API key").fill(KEY)
    dialog.get_by_role("button", name="Ask 3 bots").click()
    expect(dialog.get_by_role("status")).to_have_text("1 answered, 2 failed")
    failed = dialog.locator(".result", has_text="NoPoints")
    expect(failed).to_contain_text("HTTP 402")
    failed.locator("summary").click()
    expect(failed.locator(".raw")).to_contain_text('"code":"insufficient_quota"')


def test_the_playground_streams_with_reasoning_apart(panel: Panel) -> None:
    start(panel, "GPT-5.2")
    answer = say(panel, "What is it?")
    expect(answer.locator("> .answer")).to_have_text("The answer is 42.")
    expect(answer.locator(".reasoning summary")).to_have_text("Reasoning")
    expect(answer.locator(".figures")).to_contain_text("tokens")
    say(panel, "Again?")
    expect(panel.page.locator(".turn.is-bot")).to_have_count(2)


def test_what_the_page_has_to_say_does_not_push_the_playground_out_of_it(panel: Panel) -> None:
    panel.post("/api/admin/config", {"enable": False, "models": {}})
    panel.go("playground")
    expect(panel.page.locator("main > .notice")).to_be_visible()
    expect(panel.page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)


def test_the_playground_shows_pictures(panel: Panel) -> None:
    start(panel, "FLUX-2-Pro")
    picture = say(panel, "A sunset").locator("img")
    expect(picture).to_have_attribute("alt", "sunset")
    panel.page.wait_for_function("() => document.querySelector('.turn img').naturalWidth > 0")


def test_the_playground_has_players_for_what_is_on_poes_cdn(panel: Panel) -> None:
    start(panel, "Echo")
    there, elsewhere = "https://pfst.cf2.poecdn.net/base/video/a.mp4", "https://elsewhere.example/b.mp3"
    answer = say(panel, f"[film]({there}) {elsewhere}")
    expect(answer.locator("video")).to_have_attribute("src", there)
    expect(answer.locator("video")).to_have_attribute("preload", "none")
    expect(answer.get_by_role("link", name=elsewhere)).to_be_visible()
    assert answer.locator("audio").count() == 0


def test_markup_in_an_answer_stays_text(panel: Panel) -> None:
    start(panel, "Echo")
    said = (
        "<img src=x onerror=alert(1)> [go](javascript:alert(1)) ![p](https://elsewhere.example/p.png) **b**"
    )
    answer = say(panel, said)
    expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    expect(answer).to_contain_text("[go](javascript:alert(1))")
    expect(answer.locator("strong", has_text="b").last).to_be_visible()
    assert answer.locator("img").count() == 0
    expect(answer.get_by_role("button", name="Show the picture from elsewhere.example")).to_be_visible()


def test_an_answer_can_be_stopped(panel: Panel) -> None:
    start(panel, "Slow")
    panel.page.get_by_label("Message", exact=True).fill("Wait for me")
    panel.page.get_by_role("button", name="Send").click()
    expect(panel.page.locator(".turn.is-bot")).to_contain_text("Wait ...")
    panel.page.get_by_role("button", name="Stop").click()
    expect(panel.page.locator(".turn.is-bot .figures")).to_contain_text("stopped")
    expect(panel.page.get_by_role("button", name="Send")).to_be_visible()
    assert "done." not in panel.page.locator(".turn.is-bot").inner_text()


def test_a_failure_is_shown_as_it_came(panel: Panel) -> None:
    start(panel, "NoPoints")
    answer = say(panel, "Hello")
    expect(answer).to_contain_text("HTTP 402")
    answer.locator("summary").click()
    expect(answer.locator(".raw")).to_contain_text("insufficient_quota")


def test_the_conversation_goes_on_while_other_views_are_looked_at(panel: Panel) -> None:
    start(panel, "Echo")
    say(panel, "one two")
    panel.page.get_by_role("link", name="Status").click()
    panel.page.get_by_role("link", name="Playground").click()
    expect(panel.page.locator(".turn.is-bot .answer")).to_contain_text("one two")


def test_the_key_is_kept_nowhere_but_in_the_page(panel: Panel) -> None:
    start(panel, "Echo")
    say(panel, "one two")
    stored = panel.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert KEY not in stored
    panel.page.reload()
    expect(panel.page.get_by_label("Poe API key")).to_have_value("")


def start(panel: Panel, bot: str) -> None:
    panel.go("playground")
    panel.page.get_by_label("Bot", exact=True).fill(bot)
    panel.page.get_by_label("Poe API key").fill(KEY)


def say(panel: Panel, words: str):
    """Send a message; return the complete answer."""
    panel.page.get_by_label("Message", exact=True).fill(words)
    panel.page.get_by_label("Message", exact=True).press("Enter")
    answer = panel.page.locator(".turn.is-bot").last
    expect(panel.page.get_by_role("log")).to_have_attribute("aria-busy", "false")
    return answer


def test_a_bot_is_opened_in_the_playground(panel: Panel) -> None:
    panel.edit("Claude-Sonnet-4.5").get_by_role("button", name="Open in playground").click()
    expect(panel.page.locator("main.view-playground")).to_be_visible()
    panel.page.get_by_label("Message", exact=True).click()
    expect(panel.page.get_by_label("Bot", exact=True)).to_have_value("Claude-Sonnet-4.5")
