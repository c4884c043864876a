"""The version is the same everywhere."""

from __future__ import annotations

import tomllib

from app.version import VERSION
from tests.gateway import ROOT


def test_the_version_is_the_projects_and_the_images() -> None:
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert f"ARG VERSION={VERSION}\n" in ROOT.joinpath("Dockerfile").read_text()
