"""``python -m soak SECONDS``: run the load, print what it shows, draw it, and judge."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from soak import picture, samples
from soak.clients import Client, Tally
from soak.samples import Sample

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / ".soak" / "soak.svg"
_CLIENTS = 32
_WORKERS = 2
_SAMPLES = 120
_START_SECONDS = 30
_STOP_SECONDS = 10
_LOOK_SECONDS = 0.2


def main() -> None:
    """Soak for as many seconds as the first argument says."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory() as name, _servers(Path(name)) as (gateway, port, log):
        print(f"{_CLIENTS} clients, {_WORKERS} workers, {seconds:.0f} s", flush=True)
        tally, taken = asyncio.run(_soak(gateway.pid, port, seconds))
        tracebacks = log.read_text(errors="replace").count("Traceback")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture.draw(taken), encoding="utf-8")
    _report(tally)
    found = samples.growths(taken) + [f"{count} times {what}" for what, count in tally.wrong.most_common(20)]
    if tracebacks:
        found.append(f"{tracebacks} tracebacks in the log")
    print(f"\npicture: {PICTURE.relative_to(ROOT)}")
    print("verdict: " + ("; ".join(found) if found else "flat, and every request ended as it should"))
    sys.exit(bool(found))


async def _soak(master: int, port: int, seconds: float) -> tuple[Tally, Sequence[Sample]]:
    tally, taken, began = Tally(), [], time.monotonic()
    print("  seconds  requests  wrong  memory MB  descriptors  threads", flush=True)
    clients = [Client(port, tally, seed).run(began + seconds) for seed in range(_CLIENTS)]
    load = asyncio.gather(*clients)
    shown = 0.0
    while not load.done():
        passed = time.monotonic() - began
        sample = samples.take(master, passed, tally.requests, tally.wrong.total())
        taken.append(sample)
        if passed >= shown:
            shown += seconds / 20
            print(
                f"{passed:9.0f} {sample.requests:9} {sample.wrong:6} {sample.resident / 1e6:10.1f} "
                f"{sample.descriptors:12} {sample.threads:8}",
                flush=True,
            )
        await asyncio.wait([load], timeout=seconds / _SAMPLES)
    await load
    return tally, taken


def _report(tally: Tally) -> None:
    print(f"\n{tally.requests} requests")
    for name, count in tally.right.most_common():
        print(f"{count:9} {name}")
    for name, count in tally.wrong.most_common():
        print(f"{count:9} WRONG {name}")


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """Start the upstream, and the gateway in front of it: its process, port and log."""
    upstream, port, log = _free_port(), _free_port(), folder / "log"
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": str(_WORKERS),
        "RATE_LIMIT_MS": "0",
        "CONFIG_DIR": str(folder),
        "POE_BASE_URL": f"http://127.0.0.1:{upstream}",
        "POE_FILE_UPLOAD_URL": f"http://127.0.0.1:{upstream}/upload",
        "IDLE_TIMEOUT_SECONDS": "2",
        "MODELS_CACHE_SECONDS": "1",
        "URL_CACHE_SIZE_MB": "1",
        "LOG_LEVEL": "warn",
        "ADMIN_PASSWORD": "soak",
    }
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("wb") as file:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environment | settings,
                stdout=file,
                stderr=file,
            )
            for command in (["soak.upstream", str(upstream)], ["app"])
        ]
    try:
        _wait_until_ready(port)
        while len(samples.workers(processes[1].pid)) < _WORKERS:  # the first one answers for all
            time.sleep(_LOOK_SECONDS)
        yield processes[1], port, log
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
            process.wait()


def _wait_until_ready(port: int) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with opener.open(f"http://127.0.0.1:{port}/v1/models", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
