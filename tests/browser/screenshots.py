"""``make screenshots``: the pictures of the README, taken of the real panel into docs/images."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.bots import Poe
from tests.browser.panel import Panel, chromium
from tests.gateway import ROOT, Gateway

_IMAGES = ROOT / "docs" / "images"
_MODELS = {
    "Claude-Sonnet-4.5": {
        "mapping": "sonnet",
        "aliases": ["claude"],
        "parameters": {"thinking_budget": 4096},
    },
    "Claude-Opus-4.5": {"note": "for hard questions only"},
    "Claude-Sonnet-4": {"enable": False},
    "FLUX-2-Pro": {"mapping": "flux"},
}


def main() -> None:
    # fastapi_poe would warn of each bot that it is not known to the real Poe.
    logging.getLogger("uvicorn.default").setLevel(logging.ERROR)
    _IMAGES.mkdir(parents=True, exist_ok=True)
    poe = Poe()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        gateway = Gateway(Path(folder), poe.url)
        try:
            gateway.http.get("/v1/models").raise_for_status()
            body = {"models": _MODELS}
            gateway.http.post("/api/admin/config", json=body, auth=Panel.CREDENTIALS).raise_for_status()
            _models(browser, gateway)
            _phone(browser, gateway)
            _playground(browser, gateway)
        finally:
            gateway.stop()
            poe.stop()


def _models(browser: Browser, gateway: Gateway) -> None:
    panel = Panel(browser, gateway, width=1200, height=760)
    panel.names()
    for bot in ("Claude-Opus-4.5", "Claude-Haiku-4.5"):
        panel.row(bot).locator(".check").click()
    expect(panel.page.locator(".selection")).to_be_visible()
    _take(panel, "panel")


def _phone(browser: Browser, gateway: Gateway) -> None:
    panel = Panel(browser, gateway, width=390, height=760, scheme="dark", language="zh-CN")
    panel.names()
    _take(panel, "panel-phone")


def _playground(browser: Browser, gateway: Gateway) -> None:
    panel = Panel(browser, gateway, width=1200, height=760, scheme="dark", view="playground")
    for bot, words in {"sonnet": "What is six times seven?", "flux": "Paint me a sunset"}.items():
        panel.page.get_by_label("Bot", exact=True).fill(bot)
        panel.page.get_by_label("Poe API key").fill("demo")
        panel.page.get_by_label("Message", exact=True).fill(words)
        panel.page.get_by_label("Message", exact=True).press("Enter")
        expect(panel.page.get_by_role("log")).to_have_attribute("aria-busy", "false")
    panel.page.wait_for_function("() => document.querySelector('.turn img')?.naturalWidth > 0")
    _take(panel, "playground")


def _take(panel: Panel, name: str) -> None:
    panel.page.evaluate("document.activeElement?.blur()")
    panel.page.screenshot(path=_IMAGES / f"{name}.png", animations="disabled")
    panel.close()


if __name__ == "__main__":
    main()
