"""Census: what the workers of a gateway hold: descriptors, greenlets, threads, kept connections, memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.gateway import GUNICORN, LIMIT, Gateway, eventually, workers_of

SIGNAL = signal.SIGRTMIN
COMMAND = (GUNICORN, "-c", "tests/faults/gunicorn.conf.py", "wsgi:app")
_CALM_SECONDS = 10.0


@dataclass(frozen=True)
class Holdings:
    """One worker's. Connections to Poe that are kept for the next query are no leak, and counted apart."""

    descriptors: int
    greenlets: int
    threads: int
    clients: int


@dataclass(frozen=True)
class Census:
    """All workers', by process id. ``kept`` and ``resident`` (bytes) are sums."""

    workers: Mapping[int, Holdings]
    kept: int
    resident: int


def take(gateway: Gateway) -> Census:
    """Ask each worker."""
    answers = {pid: _ask(gateway.log.parent / f".census-{pid}", pid) for pid in workers_of(gateway)}
    workers = {
        pid: Holdings(
            _count(Path(f"/proc/{pid}/fd")) - answer["kept"],
            answer["greenlets"],
            _count(Path(f"/proc/{pid}/task")),
            answer["connections"],
        )
        for pid, answer in answers.items()
    }
    resident = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in answers)
    return Census(workers, sum(answer["kept"] for answer in answers.values()), resident)


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def _ask(file: Path, pid: int) -> dict[str, int]:
    file.unlink(missing_ok=True)

    def has_answered() -> bool:
        os.kill(pid, SIGNAL)  # again and again: a worker that has just begun does not listen yet
        return file.exists()

    eventually(has_answered)
    answer: dict[str, int] = json.loads(file.read_text())
    return answer


def calm(gateway: Gateway) -> Census:
    """The census of a gateway that has nothing left to do, whose workers have all answered."""
    eventually(lambda: len(workers_of(gateway)) == gateway.workers)
    with ThreadPoolExecutor(8) as threads:
        while not all(map(_has_counted, workers_of(gateway))):
            list(threads.map(lambda _: gateway.ask("nobody"), range(8)))
    return _until(
        gateway, lambda census: all(each.clients == each.greenlets == 0 for each in census.workers.values())
    )


def _has_counted(pid: int) -> bool:
    """Whether a worker has opened the file in which it counts, as it does for its first answer."""
    names = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            names.append(descriptor.readlink().name)
    return any(name.startswith("counter_") for name in names)


def same_as(before: Census, gateway: Gateway) -> Census:
    """The census, which must come to be as it was ``before``."""
    census = _until(gateway, lambda census: census.workers == before.workers)
    assert census.workers == before.workers, f"{before} became {census}"
    return census


def _until(gateway: Gateway, holds: Callable[[Census], bool]) -> Census:
    deadline = time.monotonic() + max(_CALM_SECONDS, LIMIT)
    while not holds(census := take(gateway)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return census
