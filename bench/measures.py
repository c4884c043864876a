"""What is measured: one function a measure, each one sample of one server; the rounds are interleaved."""

from __future__ import annotations

import asyncio
import base64
import math
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bench import load
from bench.load import Job
from bench.servers import Server

# The values of a sample, by the name of the figure.
Sample = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """What is measured: a server under test, or the upstream itself, whose costs do not matter."""

    name: str
    target: load.Target
    server: Server | None = None

    def cpu(self) -> float:
        """Seconds of CPU time used so far."""
        return self.server.cpu() if self.server else 0.0


@dataclass(frozen=True)
class Measure:
    """How a sample is taken, of which subjects, and how often (``few`` for slow ones)."""

    name: str
    sample: Callable[[Subject], Awaitable[Sample]]
    subjects: frozenset[str]
    rounds: int
    few: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Results:
    """Samples by subject and figure."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, subject: str, sample: Sample) -> None:
        """Keep a sample."""
        for figure, value in sample.items():
            self.samples.setdefault(subject, {}).setdefault(figure, []).append(value)

    def medians(self) -> dict[str, dict[str, float]]:
        """The median of each figure; but the sum of errors, the first memory sample, the greatest peak.

        In later samples a server reuses memory from earlier ones.
        """
        return {
            subject: {figure: _summary(figure, values) for figure, values in figures.items()}
            for subject, figures in self.samples.items()
        }


def _summary(figure: str, values: list[float]) -> float:
    if figure.endswith("errors"):
        return sum(values)
    if figure.endswith("peak"):
        return max(values)
    return values[0] if "bytes" in figure else statistics.median(values)


def percentile(values: Iterable[float], share: float) -> float:
    """The value not exceeded by this share of the values; NaN if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


async def idle(subject: Subject) -> Sample:
    """Memory after a handful of answers."""
    if subject.server is None:
        return {}
    tally = await load.run(subject.target, Job("events-20", queries=20))
    memory = subject.server.memory()
    return {
        "idle_rss_bytes": memory.rss,
        "idle_pss_bytes": memory.pss,
        "idle_service_bytes": memory.service_pss,
        "idle_errors": tally.errors,
    }


SLOW_STREAMS = 2000


async def slow(subject: Subject) -> Sample:
    """Many streams at once, eight events each, one a second; and the memory that they take at most."""
    job = Job("paced-8-1000", connections=SLOW_STREAMS, queries=SLOW_STREAMS, limit=90)
    before = highest = subject.server.rss() if subject.server else 0
    running = asyncio.create_task(load.run(subject.target, job))
    while not running.done():
        if subject.server:
            highest = max(highest, subject.server.rss())
        await asyncio.wait([running], timeout=0.5)
    tally = await running
    sample = {
        "slow_errors": tally.errors,
        "slow_last_first_s": tally.last_first,
        "slow_late_s": percentile(tally.lateness, 0.99),
    }
    if subject.server:
        # The first ones end after seven seconds: were all there at once?
        is_known = not tally.errors and tally.last_first < 7
        sample["stream_bytes"] = (highest - before) / SLOW_STREAMS if is_known else math.nan
    return sample


async def whole(subject: Subject) -> Sample:
    """Whole answers, as many as go."""
    before = subject.cpu()
    tally = await load.run(subject.target, Job("events-20", stream=False, connections=32, seconds=2))
    return {
        "whole_per_s": tally.answers / tally.seconds,
        "whole_cpu_s": (subject.cpu() - before) / max(1, tally.answers),
        "whole_errors": tally.errors,
    }


async def short(subject: Subject) -> Sample:
    """Streams of 20 events, as many as go."""
    before = subject.cpu()
    tally = await load.run(subject.target, Job("events-20", connections=32, seconds=2))
    return {
        "short_per_s": tally.answers / tally.seconds,
        "short_cpu_s": (subject.cpu() - before) / max(1, tally.answers),
        "short_errors": tally.errors,
    }


async def long(subject: Subject) -> Sample:
    """Streams of 2,000 events, as many as go; each connection has at least one."""
    before = subject.cpu()
    tally = await load.run(subject.target, Job("events-2000", connections=8, seconds=2, limit=90))
    return {
        "long_events_per_s": tally.events / tally.seconds,
        "long_cpu_s": (subject.cpu() - before) / max(1, tally.events),
        "long_errors": tally.errors,
    }


async def paced(subject: Subject) -> Sample:
    """CPU of 100 streams that flow at a model's pace, an event."""
    before = subject.cpu()
    tally = await load.run(subject.target, Job("paced-100-50", connections=100, queries=100))
    return {
        "paced_cpu_s": (subject.cpu() - before) / max(1, tally.events),
        "paced_late_s": percentile(tally.lateness, 0.99),
        "paced_errors": tally.errors,
    }


async def first(subject: Subject) -> Sample:
    """The first text, one query after the other."""
    tally = await load.run(subject.target, Job("paced-1-1", queries=300))
    return {"first_s": statistics.median(tally.first_texts), "first_errors": tally.errors}


async def growth(subject: Subject) -> Sample:
    """CPU an event, in streams of 2,000 events and of 20,000: the same work, cut otherwise."""
    sample: Sample = {"growth_errors": 0}
    for events, queries in ((2000, 160), (20_000, 16)):
        before = subject.cpu()
        tally = await load.run(subject.target, Job(f"events-{events}", connections=8, queries=queries))
        sample[f"cpu_{events}_s"] = (subject.cpu() - before) / max(1, tally.events)
        sample["growth_errors"] += tally.errors
    sample["growth"] = sample["cpu_20000_s"] / sample["cpu_2000_s"]
    return sample


IMAGE = 20_000_000  # bytes
_CACHED, _CACHED_IMAGE, _CACHED_ROUNDS = 10, 1_000_000, 20


async def image(subject: Subject) -> Sample:
    """A large image that is uploaded: memory at the peak, and how long a stream beside it stands still."""
    if subject.server is None:
        return {}
    request = subject.target.request("events-1", stream=False, content=[_image(IMAGE)])
    await load.run(subject.target, Job("events-20", queries=20))
    subject.server.forget_peak()
    before = subject.server.rss()
    beside = asyncio.create_task(load.run(subject.target, Job("paced-300-5", queries=1)))
    await asyncio.sleep(0.2)
    is_good = await load.send(subject.target, request)
    tally = await beside
    return {
        "image_peak": (subject.server.peak() - before) / IMAGE,
        "image_stall_s": max(tally.lateness, default=math.nan),
        "image_errors": tally.errors + (not is_good),
    }


async def cached(subject: Subject) -> Sample:
    """CPU that ten images add to a request when all of them are known."""
    content = [_image(_CACHED_IMAGE) for _ in range(_CACHED)]
    requests = [
        subject.target.request("events-1", stream=False, content=each) for each in ("Say something.", content)
    ]
    costs, errors = [], 0
    for request in requests:
        errors += not await load.send(subject.target, request)  # now they are known
        before = subject.cpu()
        for _ in range(_CACHED_ROUNDS):
            errors += not await load.send(subject.target, request)
        costs.append((subject.cpu() - before) / _CACHED_ROUNDS)
    return {"cached_cpu_s": costs[1] - costs[0], "cached_errors": errors}


def _image(size: int) -> dict[str, object]:
    """A part of a message: a new image."""
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(size - 8)).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


MACHINE = "machine"


async def interleave(
    measures: Iterable[Measure],
    subjects: Iterable[Subject],
    others_cpu: Callable[[], float],
    say: Callable[[str], None],
) -> Results:
    """Take every measure: one sample of each subject, then the next round.

    ``others_cpu`` is the CPU that programs besides the bench have used so far, in seconds.
    """
    results, subjects = Results(), list(subjects)
    for measure in measures:
        for number in range(measure.rounds):
            for subject in subjects:
                if subject.name not in measure.subjects or number >= measure.few.get(subject.name, 99):
                    continue
                began, cpu = time.monotonic(), others_cpu()
                sample = await measure.sample(subject)
                others = (others_cpu() - cpu) / (time.monotonic() - began)
                results.add(subject.name, sample)
                results.add(MACHINE, {"others": others})
                turn = f"{measure.name} {number + 1}/{measure.rounds}"
                say(f"{turn}  {subject.name:12} {_show(sample)}  (others {others:.0%} of a core)")
    return results


def _show(sample: Sample) -> str:
    return "  ".join(f"{figure}={value:.4g}" for figure, value in sample.items())
