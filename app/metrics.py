"""Metrics: what all workers did, in files that they share, for Prometheus.

A worker writes into files named by its number among the living workers. Its successor continues in them,
so that nothing is lost when a worker dies, and files do not pile up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.core import CounterMetricFamily, Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
OTHER = "other"  # the label of names that a client may have made up
_PREFIX = "poe2openai"
_SHORT = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
_LONG = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_FIRST = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
# By the names of app.attachments.counters.
_ATTACHMENTS = {
    "uploads": ("uploads", "Attachments uploaded to Poe."),
    "failures": ("upload_failures", "Attachments that Poe did not accept."),
    "bytes": ("uploaded_bytes", "Bytes of attachments sent to Poe."),
    "hits": ("upload_cache_hits", "Attachments whose upload was remembered."),
    "misses": ("upload_cache_misses", "Attachments whose upload was not remembered."),
    "evictions": ("upload_cache_evictions", "Uploads forgotten for lack of space."),
}

# Poe's possible failures, by the codes of app.errors. They are counted from zero: Prometheus does not see a
# series that appears with its first failure as an increase.
_UPSTREAM_CODES = (
    *("connect_timeout", "first_byte_timeout", "idle_timeout", "upstream_timeout", "upstream_error"),
    *("invalid_api_key", "insufficient_quota", "permission_denied", "model_not_found"),
    *("context_length_exceeded", "invalid_request_error", "rate_limit_exceeded", "overloaded"),
)

Attachments = Callable[[], Mapping[str, int]]
Labelled = TypeVar("Labelled", Counter, Histogram)


class Metrics:
    """Counts for one worker, and reports what all of them have counted.

    ``attachments`` gives the totals of app.attachments.counters; ``queued`` returns how many of this
    worker's completions are waiting to start.
    """

    def __init__(self, attachments: Attachments, queued: Callable[[], int]) -> None:
        self._number = 0
        self._attachments = _Attachments(attachments)
        self._labelled = cache(_labelled)  # what is looked up for each request has to be fast
        self._queued_now = queued
        self._in_flight_now = 0
        self._registry = CollectorRegistry()
        self._is_shared = (
            values.ValueClass._multiprocess
        )  # PROMETHEUS_MULTIPROC_DIR was there when it was imported
        if self._is_shared:
            values.ValueClass = values.MultiProcessValue(lambda: self._number)  # type: ignore[no-untyped-call]
        else:
            self._make()

    def take_number(self, number: int) -> None:
        """Count as process ``number``, unique among the living workers. Call it after the fork."""
        self._number = number
        self._make()

    def _make(self) -> None:
        self._requests = self._counter("requests", "Requests answered.", "route", "dialect", "status")
        self._durations = self._histogram(
            "request_duration_seconds",
            "Time from a request to the end of its answer.",
            _LONG,
            "route",
            "dialect",
        )
        self._completions = self._counter(
            "completions", "Completions, by how they ended.", "dialect", "model", "outcome"
        )
        self._first = self._histogram(
            "time_to_first_token_seconds",
            "Time from a request to the first piece of its streamed answer.",
            _FIRST,
            *("dialect", "model"),
        )
        self._tokens = self._counter("tokens", "Tokens, as usage counts them.", "dialect", "model", "kind")
        self._errors = self._counter("upstream_errors", "Failures of Poe, also those tried again.", "code")
        for code in _UPSTREAM_CODES:
            self._labelled(self._errors, code)
        self._waits = self._histogram(
            "rate_limit_wait_seconds", "Time that completions waited for RATE_LIMIT_MS.", _SHORT
        )
        self._in_flight = self._gauge("completions_in_flight", "Completions under way.")
        self._queued = self._gauge("completions_queued", "Completions of these that wait for their start.")

    def look(self) -> None:
        """Record what is under way. To be called now and then."""
        self._in_flight.set(self._in_flight_now)
        self._queued.set(self._queued_now())

    def count_request(self, route: str, dialect: str, status: int, seconds: float) -> None:
        """A request has been answered."""
        labelled = self._labelled
        labelled(self._requests, route, dialect, status).inc()
        labelled(self._durations, route, dialect).observe(seconds)

    def count_refusal(self, status: int) -> None:
        """The server has refused something that is not a valid request, or has failed at one."""
        self._labelled(self._requests, OTHER, OTHER, status).inc()

    def begin_completion(self) -> None:
        """A completion is under way, until ``count_completion``."""
        self._in_flight_now += 1

    def count_completion(self, dialect: str, model: str, outcome: str, first_seconds: float | None) -> None:
        """A completion has ended. ``first_seconds``: when its first piece left, if it was streamed."""
        self._in_flight_now -= 1
        self._labelled(self._completions, dialect, model, outcome).inc()
        if first_seconds is not None:
            self._labelled(self._first, dialect, model).observe(first_seconds)

    def count_tokens(self, dialect: str, model: str, prompt: int, completion: int) -> None:
        """The usage of an answer."""
        self._labelled(self._tokens, dialect, model, "prompt").inc(prompt)
        self._labelled(self._tokens, dialect, model, "completion").inc(completion)

    def count_upstream(self, errors: Sequence[str], waits: Sequence[float]) -> None:
        """The codes of Poe's failures in one completion, and how long its queries waited, in seconds."""
        for code in errors:
            self._labelled(self._errors, code).inc()
        for seconds in waits:
            self._waits.observe(seconds)

    def text(self) -> str:
        """The metrics of all workers in Prometheus' text format 0.0.4. Computes, and reads files."""
        registry = self._registry
        if self._is_shared:
            registry = CollectorRegistry()
            _Workers(registry)  # type: ignore[no-untyped-call]
        return (generate_latest(registry) + generate_latest(self._attachments)).decode()

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", says, labels, registry=self._registry)

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", says, registry=self._registry, multiprocess_mode="livesum")

    def _histogram(self, name: str, says: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", says, labels, registry=self._registry, buckets=buckets)


class _Workers(multiprocess.MultiProcessCollector):
    """What all workers have written. A worker's file is empty for a moment after it is created."""

    def collect(self) -> Iterable[Metric]:
        written = [str(path) for path in Path(self._path).glob("*.db") if _size(path)]
        found: Iterable[Metric] = self.merge(written, accumulate=True)  # type: ignore[no-untyped-call]
        return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # of a worker that has just gone
        return 0


class _Attachments:
    """A collector for what is counted elsewhere."""

    def __init__(self, totals: Attachments) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        totals = self._totals()
        for key, (name, says) in _ATTACHMENTS.items():
            yield CounterMetricFamily(f"{_PREFIX}_{name}", says, value=totals[key])


def _labelled(metric: Labelled, *labels: object) -> Labelled:
    return metric.labels(*labels)
