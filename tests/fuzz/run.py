"""Fuzzes the targets with Atheris, one after the other: ``make fuzz SECONDS=60``.

New inputs go to ``.fuzz``; one that breaks a target is written there as ``TARGET-crash-…``, and belongs into
the corpus once what it shows is mended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import atheris

from tests.fuzz.corpus import FOLDER

_FOUND = Path(".fuzz")
_LONGEST = 4096  # bytes


def main() -> None:
    names = sys.argv[1:] or sorted(path.name for path in FOLDER.iterdir())
    if len(names) == 1:
        fuzz(names[0])
        return
    ended = [subprocess.run([sys.executable, "-m", "tests.fuzz.run", name], check=False) for name in names]
    sys.exit(any(each.returncode for each in ended))


def fuzz(name: str) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    with atheris.instrument_imports(include=["app"]):
        from tests.fuzz.targets import TARGETS

    found = _FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    seconds = os.environ.get("FUZZ_SECONDS", "60")
    options = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", f"-artifact_prefix={_FOUND}/{name}-"]
    atheris.Setup([name, *options, str(found), str(FOLDER / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
