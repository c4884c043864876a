from __future__ import annotations

import json
import math
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.coordination.once import FileOnce
from app.errors import ApiError, bad_upstream
from app.models.listing import Listing
from app.models.model import Model

MODELS = [Model("Claude-Sonnet-4.5"), Model("gpt-4o"), Model("org/bot")]


class Poe:
    """A list of models that may be down, and a clock that only moves when told to."""

    def __init__(self, folder: Path, models: Sequence[Model] = MODELS) -> None:
        self.folder = folder
        self.models = models
        self.is_down = False
        self.now = 1000.0
        self.tokens: list[str | None] = []
        self.answers = threading.Event()
        self.answers.set()

    @property
    def fetches(self) -> int:
        return len(self.tokens)

    def fetch(self, token: str | None) -> Sequence[Model]:
        assert self.answers.wait(10)
        self.tokens.append(token)
        if self.is_down:
            raise bad_upstream("Poe is down.")
        return self.models

    def listing(self) -> Listing:
        """The listing of one of the processes that share the folder."""
        once = FileOnce(self.folder / "fetching")
        return Listing(self.folder / "models.json", self.fetch, once, 300, lambda: self.now)


@pytest.fixture
def poe(tmp_path: Path) -> Poe:
    return Poe(tmp_path)


def models(listing: Listing, token: str | None = None) -> Sequence[Model]:
    return listing.wait(token).models


def settle() -> None:
    """Wait for the work in the background."""
    for thread in threading.enumerate():
        if thread.name == "models":
            thread.join(10)


def test_the_list_is_fetched_when_it_is_needed_and_kept(poe: Poe) -> None:
    listing = poe.listing()
    assert poe.fetches == 0
    assert models(listing) == models(listing) == MODELS
    settle()
    assert poe.fetches == 1


def test_an_old_list_is_served_and_renewed_meanwhile(poe: Poe) -> None:
    listing = poe.listing()
    models(listing)
    poe.models = [Model("new")]
    poe.now += 301
    poe.answers.clear()
    assert models(listing) == MODELS
    poe.answers.set()
    settle()
    assert models(listing) == [Model("new")]


def test_an_old_list_is_served_while_poe_is_down(poe: Poe) -> None:
    listing = poe.listing()
    models(listing)
    poe.is_down = True
    poe.now += 301
    for _ in range(3):
        assert models(listing) == MODELS
        settle()
    assert poe.fetches == 2


def test_poe_is_asked_again_after_a_while(poe: Poe) -> None:
    listing = poe.listing()
    models(listing)
    poe.is_down = True
    poe.now += 301
    models(listing)
    settle()
    poe.is_down, poe.models = False, [Model("new")]
    poe.now += 11
    models(listing)
    settle()
    assert models(listing) == [Model("new")]


def test_a_list_that_never_was_is_a_bad_gateway_each_time(poe: Poe) -> None:
    poe.is_down = True
    listing = poe.listing()
    for _ in range(2):
        with pytest.raises(ApiError) as raised:
            models(listing)
        assert raised.value.status == 502
        assert "Poe is down." in raised.value.message
    poe.is_down = False
    assert models(listing) == MODELS


def test_those_who_wait_for_the_first_list_share_one_fetch(poe: Poe) -> None:
    poe.answers.clear()
    listing = poe.listing()
    everybody_asks = threading.Barrier(6)
    found: list[Sequence[Model]] = []

    def ask() -> None:
        everybody_asks.wait(10)
        found.append(models(listing))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    everybody_asks.wait(10)
    poe.answers.set()
    for thread in threads:
        thread.join(10)
    assert (found, poe.fetches) == ([MODELS] * 5, 1)


def test_processes_share_one_fetch(poe: Poe) -> None:
    listings = [poe.listing() for _ in range(5)]
    poe.answers.clear()
    found: list[Sequence[Model]] = []
    threads = [threading.Thread(target=lambda each=each: found.append(models(each))) for each in listings]
    for thread in threads:
        thread.start()
    poe.answers.set()
    for thread in threads:
        thread.join(10)
    assert (found, poe.fetches) == ([MODELS] * 5, 1)


def test_processes_share_a_failure(poe: Poe) -> None:
    poe.is_down = True
    poe.answers.clear()
    errors: list[str] = []

    def ask(listing: Listing) -> None:
        with pytest.raises(ApiError) as raised:
            listing.wait(None)
        errors.append(raised.value.message)

    threads = [threading.Thread(target=ask, args=(poe.listing(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    poe.answers.set()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 2
    assert all("Poe is down." in error for error in errors)


def test_a_list_that_another_process_has_renewed_is_taken_over(poe: Poe) -> None:
    one, other = poe.listing(), poe.listing()
    assert models(one) == models(other) == MODELS
    poe.now += 301
    poe.models = [Model("new")]
    for listing in (one, other):
        listing.refresh_in_background(None)
        settle()
    assert (one.names(), other.names(), poe.fetches) == (["new"], ["new"], 2)


def test_the_names_are_known_that_another_process_has_fetched(poe: Poe) -> None:
    first, second = poe.listing(), poe.listing()
    assert second.names() == first.names() == []
    assert models(first) == MODELS
    assert second.names() == [model.id for model in MODELS]
    assert poe.fetches == 1


def test_a_list_survives_a_restart_while_poe_is_down(poe: Poe) -> None:
    poe.models = [
        Model("bot", 5, "me", "A bot", 8000, 4000, {"a": [1]}, {"b": None}, ("web_search",), has_tools=True)
    ]
    models(poe.listing())
    poe.is_down = True
    poe.now += 10_000
    listing = poe.listing()
    assert listing.known().models == poe.models
    assert models(listing) == poe.models
    settle()
    assert listing.failure == "Poe is down."


def test_a_list_that_is_fresh_on_disk_is_not_fetched_again(poe: Poe) -> None:
    models(poe.listing())
    listing = poe.listing()
    assert models(listing) == MODELS
    settle()
    assert poe.fetches == 1


def test_the_file_is_for_nobody_else_and_holds_no_token(poe: Poe) -> None:
    models(poe.listing(), "a-secret-token")
    file = poe.folder / "models.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in file.read_text()
    assert [each["id"] for each in json.loads(file.read_text())["models"]] == [each.id for each in MODELS]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00", b"[]", b"{}", b'{"models": 5}', b'{"models": [{}]}', b"[" * 100_000, b"x" * 1000],
)
def test_garbage_on_disk_is_no_list(poe: Poe, content: bytes) -> None:
    poe.folder.joinpath("models.json").write_bytes(content)
    listing = poe.listing()
    assert listing.known().fetched_at == -math.inf
    assert models(listing) == MODELS
    assert poe.listing().names() == [each.id for each in MODELS]


def test_a_disk_that_takes_nothing_costs_a_fetch_for_each_process(poe: Poe) -> None:
    poe.folder.joinpath("models.json").mkdir()
    assert models(poe.listing()) == models(poe.listing()) == MODELS
    assert poe.fetches == 2


def test_the_token_is_used_and_another_one_makes_the_list_old(poe: Poe) -> None:
    listing = poe.listing()
    models(listing, "one")
    models(listing, "one")
    settle()
    assert poe.tokens == ["one"]
    poe.now += 11  # an attempt in the background is due
    assert models(listing, "two") == MODELS
    settle()
    assert poe.tokens == ["one", "two"]


def test_a_clock_that_is_set_back_does_not_keep_a_list_for_long(poe: Poe) -> None:
    listing = poe.listing()
    models(listing)
    poe.now -= 500
    poe.models = [Model("new")]
    models(listing)
    settle()
    assert models(listing) == [Model("new")]
