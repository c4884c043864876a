"""The contract of slots, for every implementation."""

from __future__ import annotations

import multiprocessing
import stat
import sys
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from app.coordination import Coordination
from app.coordination.slots import FileSlots, Slots
from app.settings import Settings
from tests.coordination.places import Place

INTERVAL = 0.25

Make = Callable[[], Slots]


@pytest.fixture
def make(place: Place) -> Make:
    """Makes slots that share one queue."""
    return lambda: place.slots(INTERVAL)


def test_the_first_slot_is_now(make: Make) -> None:
    assert make().reserve().seconds == 0


def test_slots_are_an_interval_apart_whoever_takes_them(make: Make) -> None:
    sharers = [make(), make()]
    began = time.monotonic()
    starts = [time.monotonic() + sharers[number % 2].reserve().seconds for number in range(8)]
    took = time.monotonic() - began
    for number, start in enumerate(starts):
        assert number * INTERVAL - took <= start - starts[0] <= number * INTERVAL + took


def test_a_slot_that_has_passed_is_not_made_up_for(make: Make) -> None:
    slots = make()
    deadline = time.monotonic() + slots.reserve().seconds + 2 * INTERVAL
    while time.monotonic() < deadline:
        time.sleep(0)
    assert slots.reserve().seconds == 0
    assert slots.reserve().seconds > 0


def test_a_queue_that_everybody_leaves_is_gone(make: Make) -> None:
    slots = make()
    waiting = [slots.reserve() for _ in range(6)]
    for slot in (waiting[3], waiting[5], waiting[1], waiting[2], waiting[4]):
        slots.give_back(slot)
    assert slots.reserve().seconds <= INTERVAL


def test_who_stands_behind_a_leaver_keeps_its_slot(make: Make) -> None:
    slots = make()
    _, leaver, behind = (slots.reserve() for _ in range(3))
    slots.give_back(leaver)
    assert slots.reserve().start == behind.start + (behind.start - leaver.start)


def test_processes_never_share_a_slot(place: Place) -> None:
    far_apart = 1.0  # so that all of them wait
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        starts = sorted(chain(*pool.starmap(reserve_many, [(place, far_apart, 25)] * 4)))
    assert [each - starts[0] for each in starts] == [number * place.ticks for number in range(100)]


def reserve_many(place: Place, interval: float, count: int) -> list[int]:
    """Reserve ``count`` slots and return their starts."""
    slots = place.slots(interval)
    return [slots.reserve().start for _ in range(count)]


def test_a_value_absurdly_far_ahead_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "next_slot"
    path.write_bytes((2**63).to_bytes(8, sys.byteorder))
    assert FileSlots(path, INTERVAL).reserve().seconds == 0


@pytest.mark.parametrize("content", [b"", b"abc", b"x" * 100])
def test_a_broken_file_does_no_harm(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "next_slot"
    path.write_bytes(content)
    slots = FileSlots(path, INTERVAL)
    slots.reserve()
    assert 0 < slots.reserve().seconds <= 2 * INTERVAL


def test_while_the_file_fails_each_process_has_slots_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "next_slot"
    path.mkdir()
    one, other = FileSlots(path, INTERVAL), FileSlots(path, INTERVAL)
    first, second = one.reserve(), one.reserve()
    assert (first.seconds, other.reserve().seconds) == (0, 0)
    assert second.start == first.start + INTERVAL * 1_000_000_000
    one.give_back(second)
    assert one.reserve().start == second.start
    assert len(caplog.records) == 2  # one each
    path.rmdir()
    assert one.reserve().seconds == 0
    assert 0 < other.reserve().seconds <= INTERVAL


def test_the_file_is_the_services_own(tmp_path: Path) -> None:
    path = tmp_path / "next_slot"
    FileSlots(path, INTERVAL).reserve()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_limit_there_are_no_slots(tmp_path: Path) -> None:
    environ = {"ADMIN_PASSWORD": "x", "CONFIG_DIR": str(tmp_path)}
    assert Coordination(Settings.load(environ | {"RATE_LIMIT_MS": "0"})).slots() is None
    assert Coordination(Settings.load(environ | {"RATE_LIMIT_MS": "1"})).slots() is not None
