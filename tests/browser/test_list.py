"""The list: five hundred bots, and finding one of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.bots import Poe
from tests.browser.conftest import OpenPanel
from tests.browser.panel import Panel
from tests.conftest import StartGateway
from tests.gateway import eventually, free_port
from tests.upstream.scripted import ScriptedUpstream

_TIME_KEYS = """() => {
  window.times = [];
  const { port1, port2 } = new MessageChannel();
  let begun = 0;
  port1.onmessage = () => times.push(performance.now() - begun);
  addEventListener("keydown", () => { begun = performance.now(); }, true);
  document.getElementById("search").addEventListener("input", () =>
    requestAnimationFrame(() => port2.postMessage("the frame has been drawn")));
}"""


def test_all_bots_stand_under_their_owners(panel: Panel) -> None:
    assert panel.count() >= 500
    owners = panel.page.locator(".group:visible h2").all_inner_texts()
    assert [owner.split("\n")[0] for owner in owners[:3]] == ["Anthropic", "Black Forest Labs", "DeepSeek"]
    group = panel.page.get_by_role("region", name="Anthropic")
    expect(group.locator(".row .name").first).to_have_text("Claude-Haiku-4.5")


def test_what_a_bot_takes_gives_holds_and_costs_is_seen_at_a_glance(panel: Panel) -> None:
    row = panel.row("Claude-Opus-4.5")
    expect(row.locator(".context")).to_have_text("200k")
    expect(row.locator(".price")).to_have_text("$4.30 / $21.50")
    expect(row.get_by_role("img")).to_have_attribute("aria-label", "takes text; gives text")
    expect(panel.row("GPT-Image-1.5").locator(".price")).to_have_text("$0.04 / request")


@pytest.mark.parametrize(
    ("query", "found"),
    [("opus", ["Claude-Opus-4.5"]), ("google veo", ["Veo-3.1"]), ("no-such-bot", [])],
)
def test_search_narrows_the_list_as_one_types(panel: Panel, query: str, found: list[str]) -> None:
    panel.page.keyboard.press("/")
    panel.page.keyboard.type(query)
    assert panel.names() == found
    if not found:
        panel.page.get_by_role("button", name="Clear search and filters").click()
        assert panel.count() >= 500


def test_a_keystroke_is_drawn_soon(panel: Panel, keystrokes: list[float]) -> None:
    panel.names()  # all of them are there
    panel.page.evaluate(_TIME_KEYS)
    panel.page.keyboard.press("/")
    keys = [*"claude", *["Backspace"] * 6, *"zzz", *["Backspace"] * 3]
    for number, key in enumerate(keys):
        panel.page.keyboard.press(key)
        panel.page.wait_for_function("count => times.length > count", arg=number)
    keystrokes += panel.page.evaluate("times")
    assert len(keystrokes) == len(keys)


def test_filters_find_what_is_hidden_renamed_custom_or_paints(panel: Panel) -> None:
    panel.save_elsewhere(**{"o3-pro": {"enable": False}, "GPT-5-mini": {"mapping": "mini"}})
    panel.post("/api/admin/config", {**panel.config(), "custom_models": [{"id": "Mine", "owned_by": "me"}]})
    panel.go("models")
    panel.page.reload()
    for chip, found in {"Hidden": ["o3-pro"], "Renamed": ["mini"], "Custom": ["Mine"]}.items():
        panel.chip(chip).click()
        assert panel.names() == found, chip
        panel.chip(chip).click()
    panel.page.get_by_role("group", name="gives").get_by_role("button", name="video").click()
    assert set(panel.names()) == {"Sora-2", "Veo-3.1"}


def test_a_list_without_bots_is_told_from_none(open_panel: OpenPanel, start_gateway: StartGateway) -> None:
    upstream = ScriptedUpstream()  # whose list is empty
    panel = open_panel(start_gateway(upstream.url))
    upstream.stop()
    expect(panel.page.get_by_text("Poe's list is empty.")).to_be_visible()
    expect(panel.page.locator(".count-line")).to_be_hidden()
    panel = open_panel(start_gateway(f"http://127.0.0.1:{free_port()}"))
    expect(panel.page.locator("main .empty").get_by_text("Poe could not be reached")).to_be_visible()


def test_what_is_new_or_gone_at_poe_since_the_last_save_is_marked(
    open_panel: OpenPanel, start_gateway: StartGateway
) -> None:
    poe = Poe()
    try:
        panel = open_panel(start_gateway(poe.url, MODELS_CACHE_SECONDS="0"))
        panel.save_elsewhere(**{"o3-pro": {"note": "kept"}})
        gone = next(entry for entry in poe.others if entry["id"] == "Sora-2")
        poe.others.remove(gone)
        poe.others.append({**gone, "id": "Sora-3"})

        def has_new_ones() -> bool:
            panel.page.reload()
            panel.page.locator(".row").first.wait_for()
            return panel.chip("New").count() > 0

        eventually(has_new_ones)
        for chip, bot in {"New": "Sora-3", "Gone": "Sora-2"}.items():
            panel.chip(chip).click()
            assert panel.names() == [bot]
            panel.chip(chip).click()
    finally:
        poe.stop()


def test_shown_and_hidden_exclude_each_other(panel: Panel) -> None:
    panel.chip("Shown").click()
    panel.chip("Hidden").click()
    expect(panel.chip("Shown")).to_have_attribute("aria-pressed", "false")
    assert panel.count() == 0


def test_the_list_can_be_sorted(panel: Panel) -> None:
    panel.page.get_by_role("button", name="By owner").click()
    panel.search("GPT-5")
    sort = panel.page.get_by_label("Sort by")
    sort.select_option("Lowest price")
    assert panel.names()[:2] == ["GPT-5-mini", "GPT-5.2"]
    sort.select_option("Largest context")
    assert panel.names()[-1] == "GPT-5.2"
    sort.select_option("Newest")
    assert panel.names()[-1] == "GPT-5-mini"


def test_a_group_can_be_folded(panel: Panel) -> None:
    head = panel.page.get_by_role("button", name="Anthropic")
    head.click()
    expect(panel.row("Claude-Opus-4.5")).to_be_hidden()
    expect(head).to_have_attribute("aria-expanded", "false")
    head.click()
    expect(panel.row("Claude-Opus-4.5")).to_be_visible()
