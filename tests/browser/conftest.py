"""The real panel in a real browser: Chromium, in front of a gateway with two workers and a Poe with 500 bots.

Collected only where Playwright is installed, which is in the environment of ``make test-browser``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import StartGateway
from tests.gateway import Gateway

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.bots import Poe
    from tests.browser.panel import Panel

collect_ignore_glob = [] if importlib.util.find_spec("playwright") else ["test_*.py"]

OpenPanel = Callable[..., "Panel"]
_KEYSTROKES = pytest.StashKey[list[float]]()


@pytest.fixture(scope="session")
def poe_of_500() -> Iterator[Poe]:
    from tests.browser.bots import Poe

    poe = Poe()
    yield poe
    poe.stop()


@pytest.fixture(scope="session")
def served(poe_of_500: Poe, start_shared_gateway: StartGateway) -> Gateway:
    """A gateway with two workers that knows all 500 bots."""
    gateway = start_shared_gateway(poe_of_500.url, HEARTBEAT_SECONDS="1")
    assert len(gateway.http.get("/v1/models").json()["data"]) >= 500
    return gateway


@pytest.fixture(scope="session")
def served_few(start_shared_gateway: StartGateway) -> Iterator[Gateway]:
    """The same with few bots: axe looks at every one of them, in every view."""
    from tests.browser.bots import Poe

    poe = Poe(60)
    yield start_shared_gateway(poe.url)
    poe.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from tests.browser.panel import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def open_panel(browser: Browser, served: Gateway) -> Iterator[OpenPanel]:
    """Open the panel in a new window, over a fresh file. At the end, no error may have gone unnoticed."""
    from tests.browser.panel import Panel

    served.http.post("/api/admin/config", json={"models": {}}, auth=Panel.CREDENTIALS).raise_for_status()
    panels: list[Panel] = []

    def start(gateway: Gateway = served, **options: Any) -> Panel:
        panels.append(Panel(browser, gateway, **options))
        return panels[-1]

    yield start
    for panel in panels:
        panel.close()
    for panel in panels:
        assert panel.complaints == []


@pytest.fixture
def panel(open_panel: OpenPanel) -> Panel:
    """The panel on a desktop, in English."""
    return open_panel()


@pytest.fixture
def keystrokes(request: pytest.FixtureRequest) -> list[float]:
    """Milliseconds from a keystroke to its result, reported at the end of the run."""
    times: list[float] = []
    request.config.stash[_KEYSTROKES] = times
    return times


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    times = sorted(config.stash.get(_KEYSTROKES, []))
    if times:
        median, most = times[len(times) // 2], times[-1]
        terminalreporter.write_line(
            f"search over 500 bots: {len(times)} keystrokes, median {median:.0f} ms, most {most:.0f} ms"
        )
