"""Samples: what the gateway's workers hold, from time to time, and whether that grows."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_GROWTH = 0.05  # of memory, from the second quarter to the last one, that is no growth
_GROWTH_BYTES = 6 * 1024 * 1024  # per worker; below it an allocator's moods decide
_GROWTH_DESCRIPTORS = 10  # in all


@dataclass(frozen=True)
class Sample:
    """A sample of all workers together, ``seconds`` after the start; ``resident`` is in bytes."""

    seconds: float
    requests: int
    wrong: int
    resident: int
    descriptors: int
    threads: int
    workers: tuple[int, ...]


def take(master: int, seconds: float, requests: int, wrong: int) -> Sample:
    """A sample of the workers of the process ``master``."""
    pids = workers(master)
    return Sample(
        seconds,
        requests,
        wrong,
        sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE for pid in pids),
        sum(_count(pid, "fd") for pid in pids),
        sum(_count(pid, "task") for pid in pids),
        pids,
    )


def workers(master: int) -> tuple[int, ...]:
    """The process ids of the workers of the process ``master``."""
    return tuple(map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split()))


def _count(pid: int, what: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{what}").iterdir())


def growths(samples: Sequence[Sample]) -> list[str]:
    """The figures that grow; the first quarter is for warming up."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]

    def medians(of: Callable[[Sample], int]) -> tuple[float, float]:
        return statistics.median(map(of, early)), statistics.median(map(of, late))

    found = []
    before, after = medians(lambda sample: sample.resident)
    allowed = max(before * _GROWTH, _GROWTH_BYTES * len(samples[0].workers))
    if after - before > allowed:
        found.append(f"memory grew from {before / 1e6:.1f} to {after / 1e6:.1f} MB")
    before, after = medians(lambda sample: sample.descriptors)
    if after - before > _GROWTH_DESCRIPTORS:
        found.append(f"descriptors grew from {before:.0f} to {after:.0f}")
    before, after = medians(lambda sample: sample.threads)
    if after > before:
        found.append(f"threads grew from {before:.0f} to {after:.0f}")
    if samples[0].workers != samples[-1].workers:
        found.append("a worker died")
    return found
