"""``python -m tests.clients.run [NAME…]``: real clients against the gateway and the demo's bots.

Each of ``programs/`` is run with what ``make test-clients`` has installed, and says a line: what it is,
its version, and what worked. What fails is shown, and ends this with 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from demo.__main__ import serve_bots
from tests.gateway import ROOT, Gateway

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
NODE = HERE / "node_modules/.bin/node"
SHARED = (
    "weather",
    "ai_sdk",
    "forecaster",
    "langchain_trip",
    "shell",
)  # what several programs have in common
HELD_BACK = (
    "ag2",
    "instructor",
    "legacy",
    "llamaindex",
    "mirascope",
)  # by their dependencies: a virtual environment each
BOTS = {"MODELS": "ToolUser NativeToolUser", "WRITERS": "JsonWriter CarelessWriter"}
LIMIT_SECONDS = 180
NOWHERE = "http://127.0.0.1:9"  # no client may need the internet


class Outcome(NamedTuple):
    name: str
    code: int
    written: str
    seconds: float


def main(wanted: Sequence[str]) -> int:
    programs = [each for each in sorted(PROGRAMS.glob("*.*")) if each.suffix in (".py", ".mjs")]
    programs = [each for each in programs if each.stem not in SHARED]
    chosen = [each for each in programs if not wanted or any(part in each.name for part in wanted)]
    if not chosen:
        sys.exit(f"there is none of these: {', '.join(wanted)}")
    with tempfile.TemporaryDirectory() as folder, serve_bots() as poe_url:
        gateway = Gateway(Path(folder), poe_url)
        try:
            assert gateway.http.get("/v1/models").status_code == 200
            outcomes = run(chosen, folder, f"{gateway.url}/v1")
        finally:
            gateway.stop()
    failed = sum(outcome.code != 0 for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def run(programs: Sequence[Path], home: str, url: str) -> list[Outcome]:
    """All of them, as many at once as there are cores; each is told of when it and all before are over."""
    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(lambda program: run_one(program, home, url), programs):
            print(told(outcome), flush=True)
            outcomes.append(outcome)
    return outcomes


def run_one(program: Path, home: str, url: str) -> Outcome:
    began = time.monotonic()
    try:
        done = subprocess.run(
            [interpreter(program), program.name],
            cwd=PROGRAMS,
            env=environment(home, url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        code, written = done.returncode, done.stdout
    except subprocess.TimeoutExpired as expired:
        code, written = 1, f"{(expired.stdout or b'').decode()}\nnot over after {LIMIT_SECONDS} seconds"
    return Outcome(program.name, code, written, time.monotonic() - began)


def interpreter(program: Path) -> Path:
    if program.suffix == ".mjs":
        return NODE
    group = next((each for each in HELD_BACK if program.name.startswith(each)), "newest")
    return ROOT / ".clients" / group / "bin/python"


def environment(home: str, url: str) -> dict[str, str]:
    """No settings but ours, and a home that is empty."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    return (
        proxies
        | BOTS
        | {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "TMPDIR": home,
            "LANG": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "demo",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
    )


def told(outcome: Outcome) -> str:
    version = re.search(r"^version (.*)$", outcome.written, re.MULTILINE)
    worked = re.findall(r"(?:^|\s)ok (\w+ \w+)$", outcome.written, re.MULTILINE)
    how = "; ".join(worked) if not outcome.code else f"FAILED after {len(worked)}"
    line = f"{outcome.name:<26} {version[1] if version else '?':<36} {outcome.seconds:5.1f} s  {how}"
    return f"{line}\n{outcome.written}" if outcome.code else line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
