"""What was found, as a table on the terminal and as docs/performance.md with its picture."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import re
import shutil
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import picture
from bench.measures import MACHINE, percentile
from bench.servers import ROOT, STARTERS, VENV

DIRECT, DIRECT_OPENAI = "direct", "direct, OpenAI's form"
# These are in front of an upstream that speaks OpenAI's form.
_OPENAI_SIDE = ("LiteLLM", "nginx")
_COLUMNS = (*STARTERS, DIRECT, DIRECT_OPENAI)
_PACKAGES = (
    "gunicorn", "gevent", "flask", "requests", "httptools", "msgspec", "fastapi", "fastapi_poe", "uvicorn",
)  # fmt: skip
_NOTHING = "–"
# The share of a core that others may use before it matters.
_QUIET = 0.1
_WIDTH = 108


@dataclass(frozen=True)
class Outcome:
    """One run of the bench: medians and samples by subject and figure, absent peers, and the machine."""

    medians: dict[str, dict[str, float]]
    samples: dict[str, dict[str, list[float]]]
    absent: dict[str, str]
    about: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The fields from which ``Outcome(**…)`` restores this one."""
        return asdict(self)

    def get(self, subject: str, figure: str) -> float | None:
        """A median; ``over_s`` is the first text's delay over that of the upstream itself."""
        if figure != "over_s":
            value = self.medians.get(subject, {}).get(figure)
            is_nobodys = subject in {DIRECT, DIRECT_OPENAI} and "cpu" in figure
            return None if value is None or math.isnan(value) or is_nobodys else value
        if subject in {DIRECT, DIRECT_OPENAI}:
            return None
        through = self.get(subject, "first_s")
        direct = self.get(DIRECT_OPENAI if subject in _OPENAI_SIDE else DIRECT, "first_s")
        return None if through is None or direct is None else through - direct

    def ratio(self, subject: str, figure: str, other: str) -> float | None:
        """One subject's figure over another's."""
        one, two = self.get(subject, figure), self.get(other, figure)
        return one / two if one is not None and two else None

    @property
    def columns(self) -> list[str]:
        """The subjects measured."""
        return [name for name in _COLUMNS if name in self.medians]


@dataclass(frozen=True)
class Figure:
    """A row in the table of all figures."""

    key: str
    label: str
    scale: float = 1.0

    def show(self, value: float | None) -> str:
        """The value in the label's unit, with three digits."""
        return _NOTHING if value is None else number(value * self.scale)


FIGURES = (
    Figure("whole_per_s", "whole answers a second, 32 connections"),
    Figure("whole_cpu_s", "… CPU an answer (µs)", 1e6),
    Figure("short_per_s", "20-event streams a second, 32 connections"),
    Figure("short_cpu_s", "… CPU a stream (µs)", 1e6),
    Figure("long_events_per_s", "events a second, 2,000-event streams, 8 connections"),
    Figure("long_cpu_s", "… CPU an event (µs)", 1e6),
    Figure("paced_cpu_s", "CPU an event, 100 streams, one event every 50 ms (µs)", 1e6),
    Figure("paced_late_s", "… lateness of these events, p99 (ms)", 1e3),
    Figure("first_s", "first text (ms)", 1e3),
    Figure("over_s", "first text over direct (ms)", 1e3),
    Figure("slow_errors", "2,000 slow streams at once: errors, all rounds"),
    Figure("slow_last_first_s", "… the last one's first text (s)"),
    Figure("slow_late_s", "… lateness, p99 (ms)", 1e3),
    Figure("idle_rss_bytes", "memory idle: the worker's RSS (MB)", 1e-6),
    Figure("idle_pss_bytes", "… its PSS (MB)", 1e-6),
    Figure("idle_service_bytes", "… PSS of worker and master (MB)", 1e-6),
    Figure("stream_bytes", "memory a stream (kB)", 1e-3),
    Figure("cpu_2000_s", "CPU an event, streams of 2,000 (µs)", 1e6),
    Figure("cpu_20000_s", "CPU an event, streams of 20,000 (µs)", 1e6),
    Figure("image_peak", "an image of 20 MB: memory at the peak, in sizes of the image"),
    Figure("image_stall_s", "… how late a stream beside it is at worst (ms)", 1e3),
    Figure("cached_cpu_s", "ten images of 1 MB that are known: CPU that they add (ms)", 1e3),
)
# Errors of these are looked at together.
_ERRORS = ("idle", "first", "whole", "short", "long", "paced", "growth", "image", "cached")


@dataclass(frozen=True)
class Goal:
    """A target: the required value, and the one compared with it."""

    label: str
    value: Callable[[Outcome], float | None]
    bound: float
    at_least: bool = True
    unit: str = "×"
    by_cpu: Callable[[Outcome], float | None] | None = None

    def holds(self, value: float) -> bool:
        """Whether the value is good enough."""
        return value >= self.bound if self.at_least else value <= self.bound

    def wanted(self) -> str:
        """The bound, as it is printed."""
        if self.bound == 0:
            return "0"
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{_unit(self.unit)}"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _times(figure: str, peer: str) -> Callable[[Outcome], float | None]:
    return lambda outcome: outcome.ratio("gateway", figure, peer)


def _part(figure: str, peer: str) -> Callable[[Outcome], float | None]:
    return lambda outcome: outcome.ratio(peer, figure, "gateway")


def _own(figure: str, scale: float = 1.0) -> Callable[[Outcome], float | None]:
    def value(outcome: Outcome) -> float | None:
        found = outcome.get("gateway", figure)
        return None if found is None else found * scale

    return value


_PLAIN, _LITELLM = "plain", "LiteLLM"
GOALS = (
    Goal(
        "whole answers, over the plain version's",
        _times("whole_per_s", _PLAIN),
        1.7,
        by_cpu=_part("whole_cpu_s", _PLAIN),
    ),
    Goal(
        "whole answers, over LiteLLM's",
        _times("whole_per_s", _LITELLM),
        12,
        by_cpu=_part("whole_cpu_s", _LITELLM),
    ),
    Goal(
        "20-event streams, over the plain version's",
        _times("short_per_s", _PLAIN),
        2.2,
        by_cpu=_part("short_cpu_s", _PLAIN),
    ),
    Goal(
        "20-event streams, over LiteLLM's",
        _times("short_per_s", _LITELLM),
        40,
        by_cpu=_part("short_cpu_s", _LITELLM),
    ),
    Goal(
        "events of 2,000-event streams, over the plain version's",
        _times("long_events_per_s", _PLAIN),
        8,
        by_cpu=_part("long_cpu_s", _PLAIN),
    ),
    Goal(
        "events of 2,000-event streams, over LiteLLM's",
        _times("long_events_per_s", _LITELLM),
        150,
        by_cpu=_part("long_cpu_s", _LITELLM),
    ),
    Goal("CPU an event at 50 ms: the plain version's over ours", _part("paced_cpu_s", _PLAIN), 1.4),
    Goal("first text over direct", _own("over_s", 1e3), 1.8, at_least=False, unit="ms"),
    Goal("first text over direct: LiteLLM's over ours", _part("over_s", _LITELLM), 8),
    Goal("2,000 slow streams: errors", _own("slow_errors"), 0, at_least=False, unit=""),
    Goal(
        "2,000 slow streams: the last one's first text",
        _own("slow_last_first_s"),
        2,
        at_least=False,
        unit="s",
    ),
    Goal("2,000 slow streams: lateness, p99", _own("slow_late_s", 1e3), 100, at_least=False, unit="ms"),
    Goal("memory idle, the worker's RSS", _own("idle_rss_bytes", 1e-6), 60, at_least=False, unit="MB"),
    Goal("memory a stream", _own("stream_bytes", 1e-3), 65, at_least=False, unit="kB"),
    Goal("CPU an event, streams of 20,000 over streams of 2,000", _own("growth"), 1.2, at_least=False),
    Goal("an image of 20 MB: memory at the peak, in sizes of it", _own("image_peak"), 4, at_least=False),
    Goal(
        "an image of 20 MB: how late a stream beside it is",
        _own("image_stall_s", 1e3),
        50,
        at_least=False,
        unit="ms",
    ),
    Goal("ten known images of 1 MB: work added", _own("cached_cpu_s", 1e3), 60, at_least=False, unit="ms"),
)


def number(value: float) -> str:
    """Three significant digits, with separators: 1,234,567 is 1,230,000, and 1.2345 is 1.23."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def goal_rows(outcome: Outcome) -> list[list[str]]:
    """A row for each target: label, required, found, whether it is met, and the same by CPU time."""
    rows = []
    for goal in GOALS:
        value = goal.value(outcome)
        if value is None:
            rows.append([goal.label, goal.wanted(), _NOTHING, "not measured", ""])
            continue
        found = f"{number(value)}{_unit(goal.unit)}"
        by_cpu = goal.by_cpu(outcome) if goal.by_cpu else None
        cpu = f"{number(by_cpu)} ×" if by_cpu else ""
        rows.append([goal.label, goal.wanted(), found, "yes" if goal.holds(value) else "**missed**", cpu])
    return rows


def figure_rows(outcome: Outcome) -> list[list[str]]:
    """A row for each figure that any subject has, a column for each subject."""
    rows = []
    for figure in FIGURES:
        cells = [figure.show(outcome.get(name, figure.key)) for name in outcome.columns]
        if set(cells) != {_NOTHING}:
            rows.append([figure.label, *cells])
    errors = [
        number(sum(outcome.get(name, f"{each}_errors") or 0 for each in _ERRORS)) for name in outcome.columns
    ]
    return [*rows, ["errors in everything else", *errors]]


def spread_rows(outcome: Outcome) -> list[list[str]]:
    """The spread of the gateway's samples: least, median, greatest."""
    rows = []
    for figure in FIGURES:
        samples = outcome.samples.get("gateway", {}).get(figure.key, [])
        if len(samples) > 1 and not figure.key.endswith(("errors", "bytes")):
            median = outcome.get("gateway", figure.key)
            label = figure.label.removeprefix("… ")
            rows.append([label, *(figure.show(each) for each in (min(samples), median, max(samples)))])
    return rows


def terminal(outcome: Outcome) -> str:
    """Both tables, in columns."""
    tables = [
        _columns(["", *outcome.columns], figure_rows(outcome)),
        _columns(["target", "wanted", "found", "holds", "by CPU"], goal_rows(outcome)),
    ]
    absent = [f"Left out: {name}: {reason}" for name, reason in outcome.absent.items()]
    return "\n" + "\n\n".join([*tables, *absent]).replace("**", "")


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def about(began: float, commit: str, *, quick: bool) -> dict[str, Any]:
    """The date, the machine and the versions."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime(began)),
        "quick": quick,
        "minutes": round((time.time() - began) / 60),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {re.split('[-+]', platform.release())[0]}",
        "commit": commit,
        "versions": _versions(),
    }


def commit() -> str:
    """The commit that is checked out, and whether the gateway differs from it."""
    name = _first_line("git", "rev-parse", "--short", "HEAD")
    parts = ("app", "wsgi.py", "gunicorn.conf.py")
    changed = _first_line("git", "status", "--porcelain", "--untracked-files=no", "--", *parts)
    return f"{name}, with changes" if changed else name


def _cpu_name() -> str:
    match = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    folders = [str(path) for path in VENV.glob("lib/python*/site-packages")]
    for found in importlib.metadata.distributions(name="litellm", path=folders):
        versions["LiteLLM"] = found.version
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx:
        versions["nginx"] = _first_line(nginx, "-v").rpartition("/")[2]
    return versions


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[0]


def write(outcome: Outcome, folder: Path) -> None:
    """The page and its picture."""
    folder.joinpath("performance.md").write_text(page(outcome), encoding="utf-8")
    folder.joinpath("performance.svg").write_text(drawing(outcome), encoding="utf-8")


_PANELS = (
    ("whole_per_s", "Whole answers a second", 1.0),
    ("short_per_s", "20-event streams a second", 1.0),
    ("long_events_per_s", "Events a second, long streams", 1.0),
    ("paced_cpu_s", "CPU an event, µs (less is better)", 1e6),
    ("over_s", "First text over direct, ms (less is better)", 1e3),
    ("stream_bytes", "Memory a stream, kB (less is better)", 1e-3),
)
_DRAWN = ("gateway", "plain", "fastapi_poe", "LiteLLM")


def drawing(outcome: Outcome) -> str:
    """The picture of those that do the same work: neither nginx nor the upstream."""
    panels = []
    for key, title, scale in _PANELS:
        found = {name: outcome.get(name, key) for name in _DRAWN}
        bars = [picture.Bar(name, value * scale) for name, value in found.items() if value is not None]
        if bars:
            panels.append(picture.Panel(title, bars))
    return picture.draw(panels, number)


def _quietness(outcome: Outcome) -> str:
    shares = outcome.samples.get(MACHINE, {}).get("others", [])
    if not shares:
        return ""
    median, worst = percentile(shares, 0.5), percentile(shares, 0.95)
    text = (
        f"Other programs took {median:.0%} of one core in the median sample, {worst:.0%} in the worst of 20."
    )
    if worst < _QUIET:
        return text
    return (
        f"{text} **The machine was not quiet**: figures are worse than they could be, and ratios less sure."
    )


def page(outcome: Outcome) -> str:
    """docs/performance.md."""
    facts = outcome.about
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    where = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB, {facts['system']}. {versions}. "
        f"{_quietness(outcome)}"
    )
    kind = "quick run" if facts["quick"] else "run"
    left_out = "".join(f"\nLeft out was {name}: {reason}.\n" for name, reason in outcome.absent.items())
    return f"""\
# Performance

Written by `make bench ARGS=--write` on {facts["date"]}, at commit {facts["commit"]}, after one {kind} of
{facts["minutes"]} minutes. Another machine has other figures; the ratios move less.

![The gateway beside a plain version, fastapi_poe and LiteLLM](performance.svg)

## Against the targets

One worker on one core, everything on. The targets were set before the gateway was written, after a bare
spike. Less is better where ≤ stands.

{_markdown(["measure", "target", "found", "holds", "by CPU time"], goal_rows(outcome))}

By CPU time is the peer's CPU an answer, or an event, over the gateway's: what the ratio is when neither of
them has to share its core.

The worker's RSS counts the tables of the o200k tokenizer, which the master loads once and every worker
shares; PSS divides what is shared among those who share it. With one worker that is two, the master and the
worker; each further worker adds little more than its own pages. The tables are some 36 MB of it, and a worker
that has nothing but gevent, gunicorn, Flask and requests takes 34: with exact counts, 60 MB are out of reach.

## All figures

Medians of interleaved rounds: every server in turn, then the next round. Of errors the sum, of memory the
first round, when the servers are fresh, of its peak the greatest.

{_markdown(["", *outcome.columns], figure_rows(outcome))}
{left_out}
## How far the gateway's rounds lie apart

{_markdown(["", "least", "median", "greatest"], spread_rows(outcome))}

## How to read it

- **gateway** is this service, one worker, `RATE_LIMIT_MS=0`, everything else as it comes: log lines, usage
  counted, heartbeats, a watch for leaving clients.
- **plain** is what an hour's work gives: Flask and `requests` under gunicorn's gevent worker,
  `bench/peers/plain.py`. It counts no tokens, logs nothing and knows only text.
- **fastapi_poe** is FastAPI under uvicorn with Poe's own client and one HTTP session kept,
  `bench/peers/poe_client.py`.
- **LiteLLM** is its proxy as its documentation advises for production, one worker, no database, no log below
  errors. It does not speak Poe's protocol: behind it the same upstream answers in OpenAI's form, and whole
  answers as one piece of JSON, which is less work than twenty events. It does much that this gateway does
  not: a hundred providers, budgets, routing.
- A lateness of seconds at one event every 50 ms means that the server is at its limit there.
- **nginx** only passes on what the upstream in OpenAI's form says. No gateway can be faster.
- **direct** is the load client at the upstream itself, in Poe's form and in OpenAI's: both run on a core of
  their own, and this is what they can do at most. Where a server comes near it, the server is not what was
  measured.
- All of the servers under test share one core, and only one of them has work at a time. Upstream and load
  client are raw asyncio, without a library. The client counts the events of every answer; one that is short
  of any is an error.
- CPU and memory are those of the server's processes, from `/proc`. Memory a stream is what the worker's RSS
  grows by, at most, while 2,000 streams run, shared among them; left out where they never all ran at once.
- The image is uploaded from one request while another streams an event every 5 ms: how much the worker's RSS
  grows at most, in sizes of the image as a file, and how late the latest of these events is. The ten images
  come as a client sends them with every turn: the CPU of a request with them, less that of one without.
- Lateness is from the moment when the upstream wrote an event to the moment when the client read it.

## Where it was measured

{textwrap.fill(where.strip(), _WIDTH, break_on_hyphens=False)}

## Run it

```sh
make bench                # everything: eleven minutes
make bench ARGS=--quick   # the gateway and the plain version, a minute or so
make bench ARGS=--write   # and write this page
```

Linux and two cores are needed, and nothing else that is busy. LiteLLM is installed into `.bench/venv` the
first time; nginx is taken if it is there. Every sample of the last run is in `.bench/last.json`.
"""
