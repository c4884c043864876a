"""Changes: each is saved at once, can be undone, and is merged with those of others."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPanel
from tests.browser.panel import Panel
from tests.gateway import eventually


def test_a_hidden_bot_leaves_the_list_of_clients_and_comes_back_with_undo(panel: Panel) -> None:
    panel.row("o3-pro").get_by_role("switch").click()
    panel.expect_bot("o3-pro", {"enable": False})
    eventually(lambda: "o3-pro" not in panel.listed())
    panel.page.get_by_role("button", name="Undo: hide o3-pro").click()
    panel.expect_bot("o3-pro", {})
    eventually(lambda: "o3-pro" in panel.listed())
    expect(panel.row("o3-pro").get_by_role("switch")).to_be_checked()


def test_many_are_hidden_as_one_step(panel: Panel) -> None:
    panel.search("poe_user_3")
    many = panel.count()
    panel.page.get_by_label(f"Select all {many} that match").check()
    panel.page.get_by_role("button", name="Hide", exact=True).click()
    panel.expect_saved()
    hidden = [options for options in panel.config()["models"].values() if options == {"enable": False}]
    assert len(hidden) == many > 30
    panel.page.keyboard.press("Escape")
    panel.page.locator("h1").evaluate("() => document.activeElement.blur()")
    panel.page.keyboard.press("Control+z")
    eventually(lambda: not panel.config().get("models"))
    panel.page.keyboard.press("Control+Shift+z")
    eventually(lambda: len(panel.config().get("models") or {}) == many)


def test_a_short_list_is_made_in_one_step(panel: Panel) -> None:
    panel.search("gemini")
    panel.page.get_by_label("Select all 2 that match").check()
    panel.page.get_by_role("button", name="Only these").click()
    panel.expect_saved()
    eventually(lambda: panel.listed() == {"Gemini-3-Pro", "Gemini-2.5-Flash"})
    panel.page.get_by_role("button", name="Undo: show only 2 bots").click()
    eventually(lambda: len(panel.listed()) >= 500)


def test_shift_click_selects_all_in_between(panel: Panel) -> None:
    panel.search("claude")
    names = panel.names()
    panel.page.get_by_label(f"Select {names[0]}").click()
    panel.page.get_by_label(f"Select {names[-1]}").click(modifiers=["Shift"])
    expect(panel.page.locator(".selection")).to_contain_text(f"{len(names)} selected")


def test_a_bot_gets_a_name_and_aliases(panel: Panel) -> None:
    panel.edit("GPT-5.2-Pro")
    panel.write("Name for clients", "best")
    panel.write("Other names", "top, first")
    panel.expect_bot("GPT-5.2-Pro", {"mapping": "best", "aliases": ["top", "first"]})
    panel.close_dialog()
    expect(panel.row("GPT-5.2-Pro")).to_contain_text("GPT-5.2-Pro")
    expect(panel.row("GPT-5.2-Pro").locator(".name")).to_have_text("best")
    eventually(lambda: {"best", "top", "first"} <= panel.listed() and "GPT-5.2-Pro" not in panel.listed())


def test_a_name_that_another_has_is_said_at_once_and_not_saved(panel: Panel) -> None:
    dialog = panel.edit("GPT-5-mini")
    field = dialog.get_by_label("Name for clients")
    field.press_sequentially("claude-opus-4.5")
    expect(dialog.get_by_role("alert")).to_have_text("claude-opus-4.5 is already a name of Claude-Opus-4.5.")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("Tab")
    assert panel.bot("GPT-5-mini") == {}
    field.fill("mini")
    field.press("Tab")
    panel.expect_bot("GPT-5-mini", {"mapping": "mini"})
    expect(dialog.get_by_role("alert")).to_have_count(0)


def test_what_the_server_refuses_is_said_at_its_field(panel: Panel) -> None:
    dialog = panel.edit("GPT-5-mini")
    panel.save_elsewhere(**{"o3-pro": {"mapping": "mini"}})  # the page does not know yet
    panel.write("Name for clients", "mini")
    expect(dialog.get_by_role("alert")).to_contain_text("mini")
    expect(dialog.get_by_label("Name for clients")).to_have_value("mini")
    assert panel.bot("GPT-5-mini") == {}
    assert panel.bot("o3-pro") == {"mapping": "mini"}


def test_every_option_can_be_set_and_taken_back(panel: Panel) -> None:
    dialog = panel.edit("Claude-Sonnet-4.5")
    dialog.get_by_label("Tools", exact=True).select_option("xml")
    dialog.get_by_label("Reasoning is given as").select_option("both")
    panel.write("Context length", "128k")
    panel.write("Most output tokens", "8000")
    panel.write("Parameters (JSON)", '{"thinking_budget": 2048}')
    dialog.get_by_role("switch", name="Send system messages as the user's").click()
    panel.write("Note", "for work")
    panel.expect_bot(
        "Claude-Sonnet-4.5",
        {
            "tools": "xml",
            "reasoning_field": "both",
            "context_length": 128_000,
            "max_output_tokens": 8000,
            "parameters": {"thinking_budget": 2048},
            "replace_response": True,
            "note": "for work",
        },
    )
    dialog.get_by_role("button", name="Reset all options").click()
    panel.expect_bot("Claude-Sonnet-4.5", {})


def test_parameters_that_are_no_json_stay_in_the_field_with_what_is_wrong(panel: Panel) -> None:
    dialog = panel.edit("Claude-Sonnet-4.5")
    panel.write("Parameters (JSON)", '{"thinking_budget": ')
    expect(dialog.get_by_role("alert")).to_contain_text("This is not JSON")
    panel.write("Parameters (JSON)", "[1]")
    expect(dialog.get_by_role("alert")).to_contain_text("must be an object")
    assert panel.bot("Claude-Sonnet-4.5") == {}
    panel.write("Context length", "much")
    expect(dialog.get_by_text("A number of tokens is needed")).to_be_visible()


def test_esc_saves_what_was_being_written(panel: Panel) -> None:
    panel.edit("Claude-Sonnet-4.5").get_by_label("Note").fill("not lost")
    panel.close_dialog()
    panel.expect_bot("Claude-Sonnet-4.5", {"note": "not lost"})


def test_options_for_a_selection(panel: Panel) -> None:
    panel.search("gemini")
    panel.page.get_by_label("Select all 2 that match").check()
    panel.page.get_by_role("button", name="Options", exact=True).click()
    dialog = panel.dialog()
    dialog.get_by_label("Change: Name for clients").check()
    dialog.get_by_label("Name for clients", exact=True).fill("{lower}")
    dialog.get_by_label("Change: Tools").check()
    dialog.get_by_label("Tools", exact=True).select_option("xml")
    expect(dialog).to_contain_text("Gemini-3-Pro → gemini-3-pro")
    dialog.get_by_role("button", name="Change 2 bots").click()
    expect(dialog).to_have_count(0)
    assert panel.bot("Gemini-3-Pro") == {"mapping": "gemini-3-pro", "tools": "xml"}
    assert panel.bot("Gemini-2.5-Flash") == {"mapping": "gemini-2.5-flash", "tools": "xml"}


def test_one_name_for_a_whole_selection_is_refused_beside_the_field(panel: Panel) -> None:
    panel.search("gemini")
    panel.page.get_by_label("Select all 2 that match").check()
    panel.page.get_by_role("button", name="Options", exact=True).click()
    dialog = panel.dialog()
    dialog.get_by_label("Name for clients", exact=True).fill("gem")
    dialog.get_by_role("button", name="Change 2 bots").click()
    expect(dialog.get_by_role("alert")).to_contain_text("gem is already a name of")
    assert not panel.config().get("models")


def test_a_custom_bot_is_added_and_removed(panel: Panel) -> None:
    panel.page.get_by_role("button", name="Add bot").click()
    dialog = panel.dialog()
    dialog.get_by_label("Name at Poe").fill("gpt-5.2")
    expect(dialog.get_by_role("alert")).to_have_text("GPT-5.2 is in the list already.")
    dialog.get_by_label("Name at Poe").fill("Private")
    dialog.get_by_role("button", name="Add bot").click()
    expect(panel.dialog().get_by_role("heading", name="Private")).to_be_visible()
    (custom,) = panel.config()["custom_models"]
    assert custom["id"] == "Private"
    eventually(lambda: "Private" in panel.listed())
    panel.dialog().get_by_role("button", name="Remove bot").click()
    eventually(lambda: not panel.config().get("custom_models"))
    expect(panel.row("Private")).to_have_count(0)


def test_changes_of_two_people_in_different_places_both_stand(panel: Panel) -> None:
    panel.save_elsewhere(**{"o3-pro": {"note": "theirs"}})
    panel.row("GPT-5-mini").get_by_role("switch").click()
    panel.expect_told("Both stand")
    panel.expect_bot("GPT-5-mini", {"enable": False})
    assert panel.bot("o3-pro") == {"note": "theirs"}


def test_a_message_is_not_hidden_by_a_dialog(panel: Panel) -> None:
    panel.edit("GPT-5-mini")
    panel.save_elsewhere(**{"o3-pro": {"note": "theirs"}})
    panel.write("Note", "mine")
    panel.expect_told("Both stand")
    lies_on_top = "() => document.querySelector('.toasts').matches(':popover-open')"
    assert panel.page.evaluate(lies_on_top)


def test_changes_of_two_people_in_one_place_are_a_question(panel: Panel) -> None:
    panel.search("o3-pro")
    for answer, kept in {"Keep theirs": {"note": "theirs"}, "Use mine": {"enable": False}}.items():
        panel.save_elsewhere(**{"o3-pro": {}})
        panel.page.reload()
        panel.search("o3-pro")
        expect(panel.row("o3-pro").get_by_role("switch")).to_be_checked()
        panel.save_elsewhere(**{"o3-pro": {"note": "theirs"}})
        panel.row("o3-pro").get_by_role("switch").click()
        dialog = panel.dialog()
        expect(dialog).to_contain_text("Changed in two places at once")
        expect(dialog).to_contain_text("theirs")
        dialog.get_by_role("button", name=answer).click()
        expect(dialog).to_have_count(0)
        panel.expect_bot("o3-pro", kept)


def test_two_windows_keep_up_with_each_other(open_panel: OpenPanel) -> None:
    one, other = open_panel(), open_panel()
    one.row("o3-pro").get_by_role("switch").click()
    one.expect_bot("o3-pro", {"enable": False})
    other.look_again()
    other.expect_told("changed elsewhere")
    expect(other.row("o3-pro").get_by_role("switch")).not_to_be_checked()


def test_a_change_made_while_the_service_is_away_is_saved_later(panel: Panel) -> None:
    panel.offline(is_offline=True)
    panel.row("o3-pro").get_by_role("switch").click()
    expect(panel.page.locator(".saving")).to_contain_text("Not saved")
    panel.offline(is_offline=False)
    panel.page.get_by_role("button", name="Try again").click()
    panel.expect_bot("o3-pro", {"enable": False})
    panel.expect_saved()


def test_undo_does_not_undo_what_somebody_else_did_since(panel: Panel) -> None:
    panel.row("o3-pro").get_by_role("switch").click()
    panel.expect_bot("o3-pro", {"enable": False})
    panel.save_elsewhere(**{"o3-pro": {"note": "theirs"}})
    panel.look_again()
    panel.expect_told("changed elsewhere")
    panel.page.get_by_role("button", name="Undo: hide o3-pro").click()
    panel.expect_told("cannot be undone")
    assert panel.bot("o3-pro") == {"note": "theirs"}


def test_back_closes_a_dialog_and_saves_what_was_being_written(panel: Panel) -> None:
    panel.go("file")
    panel.go("models")
    panel.edit("o3-pro").get_by_label("Note").fill("for later")
    panel.page.go_back()
    panel.page.get_by_role("button", name="Import").click()
    expect(panel.dialog().get_by_role("heading", name="Import")).to_be_visible()
    panel.expect_bot("o3-pro", {"note": "for later"})
    panel.close_dialog()
    panel.page.go_forward()
    expect(panel.page.locator("main.view-models")).to_be_visible()
    expect(panel.page.locator("dialog[open]")).to_have_count(0)
