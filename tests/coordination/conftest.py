"""The contract tests run with each kind of place where workers meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coordination.places import Place
from tests.redis_server import RedisServer


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return Place(tmp_path)
    server: RedisServer = request.getfixturevalue("redis_server")
    return Place(tmp_path, server.url)
