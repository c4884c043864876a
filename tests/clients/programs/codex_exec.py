"""Codex: a task that it does by a command in its shell, which the bot has it run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from weather import MODELS, URL

NODE_MODULES = Path(__file__).parent.parent / "node_modules"
CONFIG = f"""\
model_provider = "poe"

[model_providers.poe]
name = "Poe"
base_url = {json.dumps(URL)}
env_key = "OPENAI_API_KEY"
wire_api = "responses"
"""
TASK = "echo three days of $((8 + 9)) degrees"

home = Path(os.environ["HOME"]) / "codex"
home.mkdir()
(home / "config.toml").write_text(CONFIG)
(home / "work").mkdir()


def run(model):
    options = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-m", model]
    return subprocess.run(
        [NODE_MODULES / ".bin/node", NODE_MODULES / "@openai/codex/bin/codex.js", "exec", *options, TASK],
        cwd=home / "work",
        env=os.environ | {"CODEX_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


manifest = json.loads((NODE_MODULES / "@openai/codex/package.json").read_text())
sys.stdout.write(f"version {manifest['name']} {manifest['version']}\n")
for name in MODELS:
    done = run(name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"The tool says: .*three days of 17 degrees", done.stdout, re.DOTALL), (
        done.stdout + done.stderr
    )
    sys.stdout.write(f"ok {name} shell\n")
