from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.coordination.once import FileOnce
from app.errors import ApiError, bad_upstream
from app.models.catalog import Catalog
from app.models.listing import Listing
from app.models.model import Model
from app.models.store import Store

MODELS = [Model("Claude-Sonnet-4.5"), Model("gpt-4o"), Model("org/bot")]


class World:
    """A folder with models.yaml, and a Poe that has ``models``, or is down where there are none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def catalog(self, text: str = "", models: Sequence[Model] | None = MODELS, **options: Any) -> Catalog:
        """The catalogue, which has not been asked for its list yet."""
        if text:
            self.folder.joinpath("models.yaml").write_text(text)

        def fetch(token: str | None) -> Sequence[Model]:
            if models is None:
                raise bad_upstream("Poe is down.")
            return models

        listing = Listing(self.folder / "list", fetch, FileOnce(self.folder / "fetching"), 300)
        return Catalog(Store(self.folder, listing.names), listing, **options)

    def known(self, text: str = "", models: Sequence[Model] = MODELS, **options: Any) -> Catalog:
        """The catalogue, which knows Poe's list."""
        catalog = self.catalog(text, models, **options)
        catalog.models()
        return catalog


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_model_is_found_in_any_case(world: World) -> None:
    catalog = world.known()
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
        ("claude-sonnet-4-5", "Claude-Sonnet-4.5"),
        ("claude-sonnet-4-5-20250929", "Claude-Sonnet-4.5"),
        ("Anthropic/claude-sonnet-4-5-latest", "Claude-Sonnet-4.5"),
        ("claude-sonnet-4-5[1m]", "Claude-Sonnet-4.5"),
        ("gpt-4o-20241120", "gpt-4o"),
        ("claude-sonnet-45", "claude-sonnet-45"),
        ("claude-sonnet-4-55", "claude-sonnet-4-55"),
        ("org/bot", "org/bot"),
        ("x/org/bot", "org/bot"),
        ("bot", "bot"),
        ("My Private Bot", "My Private Bot"),
        ("me/My Private Bot", "me/My Private Bot"),
        ("gpt-4o/", "gpt-4o/"),
    ],
)
def test_a_name_means_the_bot_that_the_list_knows_or_itself(world: World, name: str, bot: str) -> None:
    assert world.known().resolve(name).name == bot


def test_of_two_names_alike_the_first_counts(world: World) -> None:
    assert world.known(models=[Model("Bot"), Model("bot")]).resolve("BOT").name == "Bot"


def test_a_name_does_not_wait_for_the_list(world: World) -> None:
    catalog = world.catalog(models=None)
    assert catalog.resolve("openai/GPT-4o").name == "openai/GPT-4o"


@pytest.mark.parametrize(
    ("mode", "way"), [("native", "native"), ("xml", "xml"), ("off", "off"), ("auto", "native")]
)
def test_the_file_may_tell_the_way_of_tools(world: World, mode: str, way: str) -> None:
    catalog = world.known(f"models: {{able: {{tools: {mode}}}}}", [Model("Able", has_tools=True)])
    assert catalog.tools_way(catalog.resolve("able")) == way


def test_tools_go_the_way_that_the_list_says_and_as_words_without_it(world: World) -> None:
    catalog = world.catalog(models=[Model("Able", has_tools=True), Model("plain")])
    assert (
        catalog.tools_way(catalog.resolve("able")) == "xml"
    )  # the list is not there yet, and not waited for
    catalog.models()
    ways = [catalog.tools_way(catalog.resolve(name)) for name in ("able", "plain", "private")]
    assert ways == ["native", "xml", "xml"]


FILE = """
models:
  gpt-4o: {mapping: Fast, aliases: [quick]}
  org/bot: {enable: false, parameters: {a: 1}}
custom_models: [{id: Private}]
"""


def test_the_list_is_shaped_by_the_file(world: World) -> None:
    listed = [model.id for model in world.known(FILE).models()]
    assert listed == ["Claude-Sonnet-4.5", "Fast", "quick", "Private"]


@pytest.mark.parametrize("name", ["fast", "QUICK", "gpt-4o", "poe/fast", "openai/gpt-4o"])
def test_a_bot_is_asked_by_each_of_its_names(world: World, name: str) -> None:
    assert world.known(FILE).resolve(name).name == "gpt-4o"


def test_options_hold_before_the_list_is_there(world: World) -> None:
    bot = world.catalog(FILE, None).resolve("ORG/bot")
    assert (bot.name, bot.options.parameters) == ("org/bot", {"a": 1})
    assert world.catalog(FILE, None).resolve("fast").name == "gpt-4o"


@pytest.mark.parametrize("name", ["fast", "quick", "GPT-4o", "private", "claude-sonnet-4.5", "x/fast"])
def test_who_is_strict_answers_for_all_that_are_listed(world: World, name: str) -> None:
    assert world.known(FILE, is_strict=True).resolve(name).is_listed


@pytest.mark.parametrize("name", ["org/bot", "unknown", "x/unknown"])
def test_who_is_strict_has_no_others(world: World, name: str) -> None:
    catalog = world.known(FILE, is_strict=True)
    with pytest.raises(ApiError) as raised:
        catalog.resolve(name)
    assert (raised.value.status, raised.value.code, raised.value.param) == (404, "model_not_found", "model")


def test_who_is_strict_needs_the_list(world: World) -> None:
    assert world.catalog(FILE, is_strict=True).resolve("claude-sonnet-4.5").is_listed
    other = world.catalog(FILE, None, is_strict=True)
    world.folder.joinpath("list").unlink()
    assert other.resolve("private").name == "Private"
    with pytest.raises(ApiError) as raised:
        other.resolve("claude-sonnet-4.5")
    assert raised.value.status == 502


def test_who_is_strict_about_a_list_that_is_not_shaped_has_all_of_it(world: World) -> None:
    catalog = world.known("enable: false\n" + FILE, is_strict=True)
    assert catalog.resolve("org/bot").options.parameters is None
    with pytest.raises(ApiError):
        catalog.resolve("fast")


def test_claims_that_are_made_twice_are_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    catalog = world.known("models: {gpt-4o: {mapping: x}, org/bot: {mapping: X}}")
    for _ in range(3):
        catalog.look()
    assert caplog.text.count("would both be called") == 1
    assert "models.org/bot.mapping" in caplog.text
