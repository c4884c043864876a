"""The corpus: the inputs of each target, seeds and those that once broke it, a file each."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


def inputs(target: str) -> list[Path]:
    return sorted(path for path in (FOLDER / target).iterdir() if path.is_file())
