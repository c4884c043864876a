"""models.yaml in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.models import file
from tests.models.folder import Folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder whose stores look at the disk each time they are asked."""
    monkeypatch.setattr(file, "_LOOK_SECONDS", 0.0)
    return Folder(tmp_path)
