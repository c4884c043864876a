"""What all workers have done, and what the cache takes on disk."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from app.attachments import usage as module
from app.attachments.counters import Counters
from app.attachments.usage import Meter, Usage


def count(counters: Counters, number: int, times: int) -> None:
    counters.take_row(number)
    for _ in range(times):
        counters.hits += 1
        counters.bytes += 1_000_000_000_000


def test_the_totals_are_those_of_all_processes_also_of_ended_ones() -> None:
    counters = Counters()
    counters.uploads += 1
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=count, args=(counters, number, 1000)) for number in (1, 2, 258)]
    for process in processes[:2]:
        process.start()
    for process in processes[:2]:
        process.join()
    processes[2].start()  # takes the row of one that has ended, and counts on
    processes[2].join()
    totals = counters.totals()
    assert totals["hits"] == 3000
    assert totals["bytes"] == 3000 * 1_000_000_000_000
    assert totals["uploads"] == 1
    assert totals.keys() == {"uploads", "failures", "bytes", "hits", "misses", "evictions"}
    assert (counters.hits, counters.uploads) == (0, 1)


def test_the_cache_is_measured_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    meter = Meter(folder)
    assert meter.read() == Usage()
    folder.mkdir()
    for name in ("a", "b"):
        folder.joinpath(name).write_bytes(b"x" * 5000)
    assert meter.read() == Usage()
    monkeypatch.setattr(module, "_FRESH_SECONDS", 0.0)
    usage = meter.read()
    assert usage.entries == 2
    assert 10_000 <= usage.bytes == sum(max(5000, (folder / n).stat().st_blocks * 512) for n in "ab")
