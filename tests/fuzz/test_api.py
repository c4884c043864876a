"""Schemathesis sends what /openapi.json describes, valid and invalid: no 500, every answer as described.

``FUZZ_EXAMPLES`` (of an operation) and ``FUZZ_SECONDS`` bound it; ``make test-fuzz`` asks for more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import StartGateway
from tests.gateway import KEY
from tests.upstream.scripted import (
    DONE,
    HEAD,
    Bot,
    ScriptedUpstream,
    answer,
    chunk,
    error,
    reset,
    respond,
    text,
)

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "3")
SECONDS = os.environ.get("FUZZ_SECONDS", "15")
CONFIG = Path(__file__).parent / "schemathesis.toml"
SCHEMATHESIS = str(Path(sys.executable).parent / "schemathesis")
MODELS = {
    "object": "list",
    "data": [
        {
            "id": "GPT-4o",
            "created": 1712505600000,
            "owned_by": "OpenAI",
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "pricing": {"prompt": "0.0000025"},
            "context_window": {"context_length": 128000, "max_output_tokens": 4096},
            "supported_features": ["tools"],
            "parameters": [{"name": "temperature"}],
        },
        {"id": "o3", "owned_by": "OpenAI"},
    ],
}
WELL = answer(text("*Thinking...*\n\n> Well.\n\nFour."), DONE)
MOODS = [
    *[WELL] * 20,
    *(respond(status, {"error": "No."}) for status in (400, 401, 402, 403, 404, 413, 422, 429, 500, 529)),
    answer(error("Not enough points", error_type="insufficient_fund", allow_retry=False)),
    answer(text("Half an"), error("Oh.", allow_retry=False)),
    answer(DONE),
    [HEAD, chunk(text("Half")), reset],
]


@pytest.mark.timeout(float(SECONDS) + 120)
def test_all_that_is_described_holds(start_gateway: StartGateway, tmp_path: Path) -> None:
    upstream = ScriptedUpstream()
    upstream.models = Bot("the list of models", [respond(200, MODELS)])
    upstream.anyone = Bot("whoever", MOODS * 1000)
    gateway = start_gateway(upstream.url)
    tool = [SCHEMATHESIS, "--config-file", str(CONFIG), "run"]
    what = ["--phases", "examples,coverage,fuzzing", "-n", EXAMPLES, "--max-time", SECONDS]
    who = ["-a", "admin:secret", "-H", f"x-api-key: {KEY}"]
    how = ["--suppress-health-check", "all", "--generation-database", "none", "--seed", "7"]
    ended = subprocess.run(
        [*tool, f"{gateway.url}/openapi.json", *what, *who, *how],
        cwd=tmp_path,  # where it remembers what broke
        capture_output=True,
        text=True,
        check=False,
    )
    upstream.stop()
    assert ended.returncode == 0, ended.stdout[-12000:] + ended.stderr[-2000:]
