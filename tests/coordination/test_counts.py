"""The contract of counts, for every implementation."""

from __future__ import annotations

import multiprocessing
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.coordination import counts as module
from app.coordination.counts import Counts, FileCounts
from tests.coordination.places import Place
from tests.gateway import eventually

LIMIT = 3
LONG = 600.0  # seconds: no window ends while a test runs

Make = Callable[[float], Counts]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts"


@pytest.fixture
def make(place: Place) -> Make:
    """Makes counts with a window, which share one table."""
    return lambda window: place.counts(LIMIT, window)


def test_there_is_room_up_to_the_limit_whoever_counts(make: Make) -> None:
    sharers = [make(LONG), make(LONG)]
    assert [sharers[number % 2].count("key") for number in range(LIMIT)] == [0] * LIMIT
    for counts in sharers:
        assert 0 < counts.count("key") <= LONG
        assert 0 < counts.look("key") <= LONG


def test_looking_counts_nothing(make: Make) -> None:
    counts = make(LONG)
    assert {counts.look("key") for _ in range(10)} == {0}
    assert counts.count("key") == 0


def test_each_key_is_counted_by_itself(make: Make) -> None:
    counts = make(LONG)
    for _ in range(LIMIT + 1):
        counts.count("full")
    assert counts.look("full")
    assert counts.look("other") == counts.count("other") == 0


def test_a_wait_names_the_moment_when_the_oldest_is_out_of_the_window(make: Make) -> None:
    counts = make(0.5)
    began = time.monotonic()
    for _ in range(LIMIT):
        counts.count("key")
    counted = time.monotonic()
    told = time.monotonic() + counts.look("key")
    assert began + 0.5 <= told <= counted + 0.5 + (time.monotonic() - counted)
    eventually(lambda: counts.count("key") == 0)
    assert time.monotonic() >= began + 0.5


def test_what_found_no_room_does_not_prolong_the_wait(make: Make) -> None:
    counts = make(LONG)
    for _ in range(LIMIT):
        counts.count("key")
    before = counts.look("key")
    for _ in range(100):
        counts.count("key")
    assert counts.look("key") <= before


@pytest.mark.parametrize("key", ["", "k" * 10_000, "schlüssel", "a\0b", "a\nb"])
def test_any_text_is_a_key(make: Make, key: str) -> None:
    counts = make(LONG)
    for _ in range(LIMIT):
        assert counts.count(key) == 0
    assert counts.look(key)


def count_often(place: Place, times: int) -> int:
    """How many found room."""
    counts = place.counts(LIMIT, LONG)
    return sum(counts.count("key") == 0 for _ in range(times))


def test_processes_together_find_room_for_just_the_limit(place: Place) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert sum(pool.starmap(count_often, [(place, 200)] * 4)) == LIMIT


def test_the_file_is_bounded_and_a_full_shelf_forgets_nobody(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHELVES", 4)
    monkeypatch.setattr(module, "_KEYS", 8)
    counts = FileCounts(path, LIMIT, LONG)
    for _ in range(LIMIT):
        counts.count("first")
    rooms = [counts.count(f"key {number}") for number in range(1000)]
    assert rooms.count(0) == 4 * 8 - 1
    assert all(wait <= LONG for wait in rooms)
    assert path.stat().st_size == 4 * 8 * (1 + LIMIT) * 8
    assert counts.look("first") > 0
    assert counts.look("one that is not there") == 0


def test_a_full_shelf_has_room_again(path: Path) -> None:
    short = FileCounts(path, LIMIT, 0.2)
    keys = [key for key in map(str, range(100_000)) if module._number(key) % module._SHELVES == 7]
    began = time.monotonic()
    rooms = [short.count(key) for key in keys[: module._KEYS + 1]]
    assert rooms[:-1] == [0] * module._KEYS or time.monotonic() - began > 0.2
    eventually(lambda: short.count(keys[module._KEYS]) == 0)


@pytest.mark.parametrize("content", [b"", b"abc", b"x" * 100_000, b"\xff" * 2_000_000], ids=len)
def test_a_broken_file_does_no_harm(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    counts = FileCounts(path, LIMIT, LONG)
    assert [counts.count("key") for _ in range(LIMIT)] == [0] * LIMIT
    assert counts.look("key") > 0


def test_moments_from_before_a_reboot_do_not_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 10**18
    monkeypatch.setattr(module.time, "clock_gettime_ns", lambda _: clock)
    counts = FileCounts(path, LIMIT, LONG)
    for _ in range(LIMIT):
        counts.count("key")
    clock = 10**9
    assert counts.look("key") == counts.count("key") == 0


def test_the_file_is_the_services_own(path: Path) -> None:
    FileCounts(path, LIMIT, LONG).count("key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_disk_each_counts_for_itself_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts = FileCounts(tmp_path / "missing" / "counts", LIMIT, LONG)
    assert [counts.count("key") for _ in range(LIMIT)] == [0] * LIMIT
    assert counts.count("key") > 0
    assert counts.look("key") > 0
    assert counts.look("other") == 0
    assert len(caplog.messages) == 1
    assert "No such file" in caplog.messages[0]


def test_a_disk_that_fills_up_does_not_open_what_was_full(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = FileCounts(path, LIMIT, LONG)
    counts.count("key")
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    assert [counts.count("key") for _ in range(LIMIT)] == [0] * LIMIT
    monkeypatch.undo()
    assert counts.count("key") > 0
    assert counts.look("key") > 0
    assert len(caplog.messages) == 1


def test_a_link_is_not_followed(path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    path.symlink_to(target)
    FileCounts(path, LIMIT, LONG).count("key")
    assert target.read_bytes() == b"precious"
    assert caplog.messages
