"""The file as a whole: the token, import and export, history, and mistakes in it."""

from __future__ import annotations

import json

import yaml
from playwright.sync_api import expect

from tests.browser.panel import Panel
from tests.gateway import eventually

TOKEN = "tok-nobody-may-read-1234567890"


def test_the_token_is_set_replaced_removed_and_never_shown(panel: Panel) -> None:
    panel.go("file")
    token = panel.page.get_by_role("group", name="API token for the list")
    expect(token).to_contain_text("not set")
    for button in ("Set a token", "Replace"):
        panel.page.get_by_role("button", name=button).click()
        panel.page.get_by_label("API token for the list").fill(TOKEN)
        panel.page.get_by_role("button", name="Save token").click()
        expect(panel.page.get_by_role("button", name="Replace")).to_be_visible()
        assert panel.config()["api_token_set"] is True
    assert TOKEN not in panel.page.content()
    for path in ("config", "export?format=yaml", "export?format=json", "history"):
        answer = panel.gateway.http.get(f"/api/admin/{path}", auth=panel.CREDENTIALS)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
    panel.page.get_by_role("button", name="Remove", exact=True).click()
    expect(token).to_contain_text("not set")
    assert panel.config()["api_token_set"] is False


def test_the_token_is_set_though_the_file_was_changed_elsewhere(panel: Panel) -> None:
    panel.go("file")
    panel.save_elsewhere(**{"o3-pro": {"note": "theirs"}})
    panel.page.get_by_role("button", name="Set a token").click()
    panel.page.get_by_label("API token for the list").fill(TOKEN)
    panel.page.get_by_role("button", name="Save token").click()
    expect(panel.page.get_by_role("button", name="Replace")).to_be_visible()
    assert panel.bot("o3-pro") == {"note": "theirs"}
    panel.page.get_by_role("button", name="Remove", exact=True).click()
    expect(panel.page.get_by_role("button", name="Set a token")).to_be_visible()


def test_an_import_shows_what_it_would_change_before_it_does(panel: Panel) -> None:
    panel.save_elsewhere(**{"o3-pro": {"note": "old"}})
    panel.go("file")
    panel.page.reload()
    panel.page.get_by_role("button", name="Import").click()
    dialog = panel.dialog()
    text = "models:\n  o3-pro: {note: new}\n  GPT-5-mini: {mapping: mini}\n"
    dialog.get_by_label("File").set_input_files(
        {"name": "m.yaml", "mimeType": "text/yaml", "buffer": text.encode()}
    )
    expect(dialog.get_by_label("YAML or JSON")).to_have_value(text)
    dialog.get_by_role("button", name="Show the changes").click()
    expect(dialog.get_by_role("heading", name="2 places would change")).to_be_visible()
    expect(dialog.locator(".is-changed")).to_contain_text("models.o3-pro.note")
    expect(dialog.locator(".is-added")).to_contain_text("models.GPT-5-mini.mapping")
    assert panel.bot("o3-pro") == {"note": "old"}
    dialog.get_by_role("button", name="Import", exact=True).click()
    expect(dialog).to_have_count(0)
    panel.expect_bot("o3-pro", {"note": "new"})
    panel.page.get_by_role("button", name="Undo: import").click()
    panel.expect_bot("o3-pro", {"note": "old"})
    panel.expect_bot("GPT-5-mini", {})


def test_an_import_that_cannot_be_used_says_why(panel: Panel) -> None:
    panel.go("file")
    panel.page.get_by_role("button", name="Import").click()
    dialog = panel.dialog()
    for text, why in {
        "models: [": "line",
        "models: {a: {enable: 7}}": "models.a.enable",
        "models: {o3-pro: {mapping: gpt-5-mini}}": "GPT-5-mini",
    }.items():
        dialog.get_by_label("YAML or JSON").fill(text)
        dialog.get_by_role("button", name="Show the changes").click()
        expect(dialog.get_by_role("alert")).to_contain_text(why)


def test_an_export_is_a_file_that_can_be_imported_again(panel: Panel) -> None:
    panel.save_elsewhere(**{"o3-pro": {"note": "kept"}})
    panel.go("file")
    for link, read in {"Export YAML": yaml.safe_load, "Export JSON": json.loads}.items():
        with panel.page.expect_download() as download:
            panel.page.get_by_role("link", name=link).click()
        content = read(download.value.path().read_text())
        assert content["models"] == {"o3-pro": {"note": "kept"}}


def test_an_older_version_is_compared_and_restored(panel: Panel) -> None:
    panel.save_elsewhere(**{"o3-pro": {"note": "first"}})
    panel.save_elsewhere(**{"o3-pro": {"note": "second"}})
    panel.go("file")
    panel.page.reload()
    expect(panel.page.locator(".versions li").first).to_contain_text("current")
    panel.page.locator(".versions li").nth(1).get_by_role("button").click()
    dialog = panel.dialog()
    expect(dialog.locator(".diff")).to_contain_text("second")
    expect(dialog.locator(".diff ins")).to_contain_text("first")
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog).to_have_count(0)
    panel.expect_bot("o3-pro", {"note": "first"})
    panel.page.get_by_role("button", name="Undo: restore").click()
    panel.expect_bot("o3-pro", {"note": "second"})


def test_one_version_is_the_current_one(panel: Panel) -> None:
    for note in ("first", "second", "first"):
        panel.save_elsewhere(**{"o3-pro": {"note": note}})
    panel.go("file")
    panel.page.reload()
    versions = panel.page.locator(".versions li")
    expect(versions.nth(0).locator(".badge")).to_have_text("current")
    expect(versions.nth(1).get_by_role("button")).to_be_visible()
    expect(versions.nth(2).locator(".badge")).to_have_text("same as current")


def test_a_file_that_is_broken_by_hand_is_said_with_its_line(panel: Panel) -> None:
    file = panel.gateway.log.parent / "models.yaml"
    good = file.read_text()
    try:
        file.write_text("models:\n  o3-pro:\n    enable: perhaps\n")
        eventually(lambda: panel.look_again() or panel.page.locator("main > .notice.is-bad").count())
        expect(panel.page.locator("main > .notice.is-bad")).to_contain_text("line 3")
        panel.go("status")
        expect(panel.page.get_by_role("region", name="models.yaml")).to_contain_text("broken")
    finally:
        file.write_text(good)
    eventually(lambda: panel.look_again() or not panel.page.locator("main > .notice.is-bad").count())


def test_a_change_by_hand_is_seen_without_a_reload(panel: Panel) -> None:
    (panel.gateway.log.parent / "models.yaml").write_text("models:\n  o3-pro: {mapping: by-hand}\n")
    eventually(lambda: panel.look_again() or panel.row("o3-pro").locator(".name").text_content() == "by-hand")


def test_shaping_can_be_switched_off(panel: Panel) -> None:
    panel.go("file")
    panel.page.get_by_role("switch", name="These settings shape what clients see").click()
    expect(panel.page.locator("main > .notice")).to_contain_text("off")
    eventually(lambda: panel.config()["enable"] is False)
    panel.page.get_by_role("switch", name="These settings shape what clients see").click()
    eventually(lambda: panel.config()["enable"] is True)
