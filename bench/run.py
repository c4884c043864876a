"""``python -m bench.run``: start everything, measure in turns, print the table, write the page if asked."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import load, measures, report, servers
from bench.measures import Measure, Subject
from bench.report import DIRECT, DIRECT_OPENAI, Outcome
from bench.servers import Absent, Room

_POE_SPEAKERS = ("gateway", "plain", "fastapi_poe")
_ALL = frozenset((*servers.STARTERS, DIRECT, DIRECT_OPENAI))
_LAST = servers.ROOT / ".bench" / "last.json"
_QUICK = ("gateway", "plain")
_OURS = frozenset(["gateway"])  # nobody else uploads


def main() -> None:
    """Run the bench, or read its last results, and report."""
    options = _options()
    if options.again:
        outcome = Outcome(**json.loads(_LAST.read_text(encoding="utf-8")))
    else:
        outcome = _measure(options)
        _LAST.parent.mkdir(exist_ok=True)
        _LAST.write_text(json.dumps(outcome.as_json(), indent=1) + "\n", encoding="utf-8")
    print(report.terminal(outcome))
    if options.write:
        report.write(outcome, servers.ROOT / "docs")


def _measure(options: argparse.Namespace) -> Outcome:
    names = list(_QUICK if options.quick else servers.STARTERS)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        sys.exit("bench: Linux and two cores are needed, one for the server under test, one for the load")
    os.sched_setaffinity(0, {cores[-1]})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are stopped on the way out
    servers.raise_file_limit()
    began, commit = time.time(), report.commit()
    with tempfile.TemporaryDirectory(prefix="poe2openai-bench-") as folder:
        room = Room(
            Path(folder), tested_core=cores[0], upstream_core=cores[1], upstream_port=servers.free_port()
        )
        with _subjects(names, room) as (subjects, absent, others_cpu):
            chosen = [each for each in _plan(quick=options.quick) if options.only in each.name]
            results = asyncio.run(measures.interleave(chosen, subjects, others_cpu, _say))
    facts = report.about(began, commit, quick=options.quick)
    return Outcome(medians=results.medians(), samples=results.samples, absent=absent, about=facts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="gateway and plain version only, about a minute")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and .svg")
    parser.add_argument("--again", action="store_true", help="measure nothing: take the last run's figures")
    parser.add_argument("--only", default="", metavar="NAME", help="only measures with NAME in their name")
    return parser.parse_args()


def _plan(*, quick: bool) -> list[Measure]:
    """Memory first, while the servers are fresh. LiteLLM skips what would take it minutes."""
    served = frozenset(servers.STARTERS)
    if quick:
        return [
            Measure("idle", measures.idle, served, 1),
            Measure("slow", measures.slow, served, 1),
            Measure("first", measures.first, _ALL, 1),
            Measure("whole", measures.whole, _ALL, 2),
            Measure("short", measures.short, _ALL, 2),
            Measure("long", measures.long, _ALL, 1),
            Measure("paced", measures.paced, served, 1),
            Measure("growth", measures.growth, _OURS, 1),
            Measure("image", measures.image, _OURS, 1),
            Measure("cached", measures.cached, _OURS, 1),
        ]
    return [
        Measure("idle", measures.idle, served, 1),
        Measure("slow", measures.slow, served | {DIRECT}, 3, few={"LiteLLM": 1}),
        Measure("first", measures.first, _ALL, 3),
        Measure("whole", measures.whole, _ALL, 5),
        Measure("short", measures.short, _ALL, 5),
        Measure("long", measures.long, _ALL, 3, few={"LiteLLM": 2}),
        Measure("paced", measures.paced, _ALL, 5),
        Measure("growth", measures.growth, frozenset(["gateway", "plain"]), 3, few={"plain": 1}),
        Measure("image", measures.image, _OURS, 5),
        Measure("cached", measures.cached, _OURS, 3),
    ]


@contextlib.contextmanager
def _subjects(
    names: list[str], room: Room
) -> Iterator[tuple[list[Subject], dict[str, str], Callable[[], float]]]:
    """Start upstream and servers; return them, the absent ones with the reason, and others' CPU use."""
    subjects: list[Subject] = []
    absent: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        upstream = servers.start_upstream(room)
        stack.callback(upstream.stop)
        upstream.wait_until_ready()
        for name in names:
            try:
                server = servers.start(name, room)
            except Absent as reason:
                absent[name] = str(reason)
                _say(f"Left out: {reason}")
                continue
            stack.callback(server.stop)
            _say(f"Started: {name}")
            subjects.append(Subject(name, server.target, server))
        subjects.append(Subject(DIRECT, upstream.target))
        if not set(names) <= set(_POE_SPEAKERS):
            subjects.append(Subject(DIRECT_OPENAI, load.Target(room.upstream_port)))
        started = [upstream, *(each.server for each in subjects if each.server)]
        yield subjects, absent, lambda: servers.others_cpu(started)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
