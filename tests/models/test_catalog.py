from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from app.errors import ApiError, bad_upstream
from app.models.catalog import Catalog, Model

MODELS = [Model("Claude-Sonnet-4.5"), Model("gpt-4o"), Model("org/bot")]


class Poe:
    """A list of models that may be down, and a clock that stands still until it is moved."""

    def __init__(self, models: Sequence[Model] = MODELS) -> None:
        self.models = models
        self.is_down = False
        self.now = 1000.0
        self.fetches = 0
        self.answers = threading.Event()
        self.answers.set()

    def fetch(self) -> Sequence[Model]:
        assert self.answers.wait(10)
        self.fetches += 1
        if self.is_down:
            raise bad_upstream("Poe is down.")
        return self.models

    def catalog(self) -> Catalog:
        return Catalog(self.fetch, lambda: self.now, fresh_seconds=300)


def settle() -> None:
    """Wait for what goes on in the background."""
    for thread in threading.enumerate():
        if thread.name == "models":
            thread.join(10)


def test_the_list_is_fetched_when_it_is_needed_and_kept():
    poe = Poe()
    catalog = poe.catalog()
    assert poe.fetches == 0
    assert catalog.models() == catalog.models() == MODELS
    settle()
    assert poe.fetches == 1


def test_an_old_list_is_served_and_renewed_meanwhile():
    poe = Poe()
    catalog = poe.catalog()
    catalog.models()
    poe.models = [Model("new")]
    poe.now += 301
    poe.answers.clear()
    assert catalog.models() == MODELS
    poe.answers.set()
    settle()
    assert catalog.models() == [Model("new")]


def test_an_old_list_is_served_while_poe_is_down():
    poe = Poe()
    catalog = poe.catalog()
    catalog.models()
    poe.is_down = True
    poe.now += 301
    for _ in range(3):
        assert catalog.models() == MODELS
        settle()
    assert poe.fetches == 2


def test_poe_is_asked_again_after_a_while():
    poe = Poe()
    catalog = poe.catalog()
    catalog.models()
    poe.is_down = True
    poe.now += 301
    catalog.models()
    settle()
    poe.is_down, poe.models = False, [Model("new")]
    poe.now += 11
    catalog.models()
    settle()
    assert catalog.models() == [Model("new")]


def test_a_list_that_never_was_is_a_bad_gateway_each_time():
    poe = Poe()
    poe.is_down = True
    catalog = poe.catalog()
    for _ in range(2):
        with pytest.raises(ApiError) as raised:
            catalog.models()
        assert raised.value.status == 502
        assert "Poe is down." in raised.value.message
    poe.is_down = False
    assert catalog.models() == MODELS


def test_those_who_wait_for_the_first_list_share_one_fetch():
    poe = Poe()
    poe.answers.clear()
    catalog = poe.catalog()
    everybody_asks = threading.Barrier(6)
    found: list[Sequence[Model]] = []

    def ask() -> None:
        everybody_asks.wait(10)
        found.append(catalog.models())

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    everybody_asks.wait(10)
    poe.answers.set()
    for thread in threads:
        thread.join(10)
    assert (found, poe.fetches) == ([MODELS] * 5, 1)


def test_a_model_is_found_in_any_case():
    catalog = Poe().catalog()
    assert catalog.find("claude-SONNET-4.5") == MODELS[0]
    assert catalog.find("org/bot") == MODELS[2]
    assert catalog.find("unknown") is None


@pytest.mark.parametrize(
    ("name", "bot"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4O", "gpt-4o"),
        (" gpt-4o ", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("poe/openai/GPT-4o", "gpt-4o"),
        ("claude-sonnet-4.5", "Claude-Sonnet-4.5"),
        ("org/bot", "org/bot"),
        ("x/org/bot", "org/bot"),
        ("bot", "bot"),
        ("My Private Bot", "My Private Bot"),
        ("me/My Private Bot", "me/My Private Bot"),
        ("gpt-4o/", "gpt-4o/"),
    ],
)
def test_a_name_means_the_bot_that_the_list_knows_or_itself(name: str, bot: str):
    catalog = Poe().catalog()
    catalog.models()
    assert catalog.resolve(name) == bot


def test_of_two_names_alike_the_first_counts():
    catalog = Poe([Model("Bot"), Model("bot")]).catalog()
    catalog.models()
    assert catalog.resolve("BOT") == "Bot"


def test_a_name_does_not_wait_for_the_list():
    poe = Poe()
    poe.answers.clear()
    catalog = poe.catalog()
    assert catalog.resolve("openai/GPT-4o") == "openai/GPT-4o"
    poe.answers.set()
    settle()
    assert catalog.resolve("openai/GPT-4o") == "gpt-4o"


def test_a_name_is_resolved_by_an_old_list_while_poe_is_down():
    poe = Poe()
    catalog = poe.catalog()
    catalog.models()
    poe.is_down = True
    poe.now += 10_000
    assert catalog.resolve("GPT-4o") == "gpt-4o"
    settle()
    assert catalog.resolve("GPT-4o") == "gpt-4o"


@pytest.mark.parametrize(("mode", "way"), [("native", "native"), ("xml", "xml"), ("off", "off")])
def test_the_way_of_tools_may_be_told(mode: Any, way: str):
    assert Poe([Model("bot", has_tools=True)]).catalog().tools_way("bot", mode) == way


def test_tools_go_the_way_that_the_list_says_and_as_words_without_it():
    catalog = Poe([Model("Able", has_tools=True), Model("plain")]).catalog()
    assert catalog.tools_way("able") == "xml"  # the list is not there yet, and not waited for
    catalog.models()
    assert [catalog.tools_way(name) for name in ("able", "plain", "private")] == ["native", "xml", "xml"]
