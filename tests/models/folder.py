"""A folder with models.yaml in it, and what tests ask of one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.errors import ApiError
from app.models.file import State
from app.models.store import Store

TEXT = "# Mine.\nmodels:\n  A: {mapping: a}  # first\nunknown: [1]\napi_token: a-secret-token\n"


class Folder:
    """A folder for models.yaml, and stores for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "models.yaml"
        self.history = root / "models.history"

    def write(self, text: str | bytes) -> None:
        """Write as an editor does, some time ago: nobody waits for more."""
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        self.age()

    def age(self) -> None:
        past = time.time() - 100
        os.utime(self.path, (past, past))

    def store(self, listed: Callable[[], list[str]] = list) -> Store:
        return Store(self.root, listed)


def refused(act: Callable[[], Any]) -> ApiError:
    with pytest.raises(ApiError) as raised:
        act()
    return raised.value


def bots(state: State) -> dict[str, str | None]:
    return {name: bot.mapping for name, bot in state.config.models.items()}
