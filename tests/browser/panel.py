"""The panel as a person uses it: what can be seen and pressed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Locator, Response, expect, sync_playwright

from tests.gateway import Gateway, eventually

_CHROMIUMS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
_SECONDS = 20
VIEWS = ("models", "playground", "connect", "file", "status")

expect.set_options(timeout=_SECONDS * 1000)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, or the one that CHROMIUM names."""
    found = [path for path in (os.environ.get("CHROMIUM", ""), *_CHROMIUMS) if path and Path(path).exists()]
    assert found, "there is no Chromium; install it, or name it in CHROMIUM"
    with sync_playwright() as playwright:
        # Containers give Chromium no sandbox of its own. It sees only this gateway.
        browser = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield browser
        browser.close()


class Panel:
    """A window with the panel. ``complaints`` collects the console's unexpected messages."""

    CREDENTIALS = ("admin", "secret")

    def __init__(
        self,
        browser: Browser,
        gateway: Gateway,
        *,
        language: str = "en",
        scheme: Any = "light",
        width: int = 1280,
        height: int = 900,
        view: str = "models",
        prefix: str = "",
    ) -> None:
        self.gateway = gateway
        self.url = gateway.url + prefix
        self.complaints: list[str] = []
        name, password = self.CREDENTIALS
        self._context = browser.new_context(
            locale=language,
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            http_credentials={"username": name, "password": password, "origin": gateway.url},
            reduced_motion="reduce",
        )
        self._context.set_default_timeout(_SECONDS * 1000)
        self.page = self._context.new_page()
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("response", self._look)
        self.go(view)

    def _listen(self, message: ConsoleMessage) -> None:
        """Errors that a test provokes are answers of the API, each of which Chromium reports."""
        is_answer = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not is_answer:
            self.complaints.append(message.text)

    def _look(self, response: Response) -> None:
        if response.status >= 400 and "/static/" in response.url:
            self.complaints.append(f"{response.status} {response.url}")

    def close(self) -> None:
        self._context.close()

    def offline(self, *, is_offline: bool) -> None:
        self._context.set_offline(is_offline)

    def go(self, view: str) -> None:
        """Open a view by its address, and wait until it is there."""
        self.page.goto(f"{self.url}/admin#{view}")
        expect(self.page.locator(f"main.view-{view}")).to_be_visible()
        expect(self.page.locator(".loading")).to_have_count(0)

    def look_again(self) -> None:
        """Have the page ask the server now, as it does when its window is activated."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    # The list

    def search(self, text: str) -> None:
        self.page.locator("#search").fill(text)

    def names(self) -> list[str]:
        """The names in the list, from top to bottom, once all that match are shown."""
        eventually(lambda: self.page.locator(".row:visible").count() == self.count())
        return self.page.locator(".row:visible .name").all_inner_texts()

    def count(self) -> int:
        """How many bots match."""
        return int(re.findall(r"\d+", self.page.locator(".count-line [role=status]").inner_text())[0])

    def row(self, bot: str) -> Locator:
        """The line of the bot with that name at Poe."""
        return self.page.locator(f".row[data-id={json.dumps(bot, ensure_ascii=False)}]")

    def chip(self, label: str) -> Locator:
        return self.page.locator(".toolbar .chip", has_text=re.compile(rf"^{re.escape(label)}\d*$"))

    def edit(self, bot: str) -> Locator:
        """Open a bot's options."""
        self.search(bot)
        self.row(bot).locator(".name").click()
        return self.dialog()

    def dialog(self) -> Locator:
        dialog = self.page.locator("dialog[open]").last
        expect(dialog).to_be_visible()
        return dialog

    def close_dialog(self) -> None:
        self.page.keyboard.press("Escape")
        expect(self.page.locator("dialog[open]")).to_have_count(0)

    def write(self, label: str, text: str) -> None:
        """Fill in a field of the open dialog and leave the field."""
        field = self.dialog().get_by_label(label, exact=True)
        field.fill(text)
        field.press("Tab")

    def expect_saved(self) -> None:
        expect(self.page.locator(".saving")).to_have_class(re.compile("is-saved"))

    def expect_told(self, text: str) -> None:
        expect(self.page.locator(".toasts")).to_contain_text(text)

    # What the server has

    def config(self) -> dict[str, Any]:
        response = self.gateway.http.get("/api/admin/config", auth=self.CREDENTIALS)
        config: dict[str, Any] = response.raise_for_status().json()
        return config

    def bot(self, name: str) -> dict[str, Any]:
        """A bot's options in the file."""
        options: dict[str, Any] = (self.config().get("models") or {}).get(name, {})
        return options

    def expect_bot(self, name: str, options: dict[str, Any]) -> None:
        eventually(lambda: self.bot(name) == options)

    def save_elsewhere(self, **models: dict[str, Any]) -> None:
        """Change bots' options as another user would."""
        config = self.config()
        merged = {**(config.get("models") or {}), **models}
        self.post("/api/admin/config", {**config, "models": merged})

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.gateway.http.post(path, json=body, auth=self.CREDENTIALS).raise_for_status()

    def listed(self) -> set[str]:
        """The names that clients see."""
        return {each["id"] for each in self.gateway.http.get("/v1/models").json()["data"]}
