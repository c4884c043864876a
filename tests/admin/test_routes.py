"""Every route of the panel is behind the password, including future ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from app.settings import Settings
from tests.gateway import environment

OPEN = ("/static/",)
PREFIXES = ("/admin", "/api/")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Settings.load(environment(CONFIG_DIR=str(tmp_path_factory.mktemp("config")))))


def test_what_is_not_for_clients_asks_for_the_password(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(PREFIXES)]
    assert len(rules) >= 9
    for rule in rules:
        path = rule.rule.replace("<id>", "1")
        for method in (rule.methods or set()) - {"OPTIONS"}:
            response = app.test_client().open(path, method=method)
            assert response.status_code == 401, (method, path)
            assert response.headers["Content-Security-Policy"]


def test_nothing_but_assets_is_open_below_the_panel(app: Flask) -> None:
    panel = {"page", "assets", "bots", "config", "state"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in panel:
            assert rule.rule.startswith((*PREFIXES, *OPEN))


def test_the_panel_of_an_empty_password_has_no_route(tmp_path: Path) -> None:
    closed = create_app(Settings.load(environment(CONFIG_DIR=str(tmp_path), ADMIN_PASSWORD="")))
    rules = {rule.rule for rule in closed.url_map.iter_rules()}
    assert not [rule for rule in rules if rule.startswith((*PREFIXES, *OPEN))]
