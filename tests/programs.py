"""Tests that need a program which is no Python package say so: ``@pytest.mark.needs("redis-server")``.

If the program is not installed they are skipped, which is reported at the end. With ALL_TESTS set, as
.ci/run has it, a missing program is an error.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest

_LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): left out where one of them is not installed")
    config.stash[_LEFT_OUT] = Counter()


def missing(item: pytest.Item) -> str:
    """The programs that a test needs and that are not installed."""
    needed = {program for mark in item.iter_markers("needs") for program in mark.args}
    return ", ".join(sorted(program for program in needed if not find(program)))


def find(program: str) -> str | None:
    """The path of a program. Debian installs servers where only root's PATH looks."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if missing(item)]
    if not left_out:
        return
    count = config.stash[_LEFT_OUT]
    count.update(missing(item) for item in left_out)
    if os.environ.get("ALL_TESTS"):
        raise pytest.UsageError(f"all tests are wanted, but not installed: {', '.join(count)}")
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for programs, count in config.stash[_LEFT_OUT].items():
        terminalreporter.write_line(
            f"LEFT OUT: {count} tests, because {programs} is not installed (see CONTRIBUTING.md)", yellow=True
        )
