"""The page of the panel, its assets, and what browsers are told about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from app.admin import assets as module
from app.admin.assets import Assets
from tests.admin.conftest import Browser
from tests.gateway import ROOT, Gateway

FILES = {"panel.js": b"export {};", "deep/panel.css": b"a{}", "strings.json": b"{}", "icon.svg": b"<svg/>"}


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (each.split() for each in policy.split(";"))}


def test_the_page_runs_nothing_but_its_own_scripts_and_cannot_be_framed(
    panel: Gateway, browser: Browser
) -> None:
    headers = browser(panel).get("/admin").headers
    policy = directives(headers["content-security-policy"])
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_everything_on_the_page_is_served_from_here(panel: Gateway, browser: Browser) -> None:
    page = browser(panel).get("/admin").text
    for url in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert url.startswith("/static/")
        assert panel.http.get(url).status_code == 200


def test_every_script_that_others_import_is_asked_for_at_once(panel: Gateway, browser: Browser) -> None:
    page = browser(panel).get("/admin").text
    preloaded = set(re.findall(r'rel="modulepreload" href="/static/\w+/([^"]*)"', page))
    start = ROOT / "static" / "panel.js"
    imported, ahead = set[Path](), [start]
    while ahead:
        path = ahead.pop()
        found = re.findall(r'from "(\.[^"]+)"', path.read_text(encoding="utf-8"))
        new = {path.parent.joinpath(each).resolve() for each in found} - imported
        imported |= new
        ahead += new
    assert preloaded == {str(path.relative_to(start.parent)) for path in imported}


def test_head_is_answered_without_a_body(panel: Gateway, browser: Browser) -> None:
    response = browser(panel).head("/admin")
    assert response.status_code == 200
    assert response.content == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_page_takes_nothing(panel: Gateway, browser: Browser, method: str) -> None:
    response = browser(panel).request(method, "/admin")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"


def test_a_link_from_elsewhere_opens_the_page(panel: Gateway, browser: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert browser(panel).get("/admin", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path", ["/static/nothing.js", "/static/../app/settings.py", "/static/%2e%2e/wsgi.py"]
)
def test_there_is_nothing_but_assets(panel: Gateway, path: str) -> None:
    with panel.connect() as client:
        response = client.request("GET", path).response()
    assert response.status == 404
    assert "access-control-allow-origin" not in response.headers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        tmp_path.joinpath(name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(name).write_bytes(content)
    return tmp_path


def serve(assets: Assets) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(module.create_blueprint(assets))
    return app


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("panel.js", "text/javascript; charset=utf-8"),
        ("deep/panel.css", "text/css; charset=utf-8"),
        ("strings.json", "application/json"),
        ("icon.svg", "image/svg+xml; charset=utf-8"),
    ],
)
def test_assets_have_types_that_browsers_run(folder: Path, name: str, kind: str) -> None:
    response = serve(Assets(folder)).test_client().get(f"/static/{name}")
    assert response.data == FILES[name]
    assert response.headers["Content-Type"] == kind
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_assets_are_asked_for_again_unless_their_address_tells_their_content(folder: Path) -> None:
    assets = Assets(folder)
    client = serve(assets).test_client()
    plain, hashed = client.get("/static/panel.js"), client.get(f"/static/{assets.digest}/panel.js")
    assert plain.data == hashed.data
    assert plain.headers["Cache-Control"] == "no-cache"
    assert hashed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = client.get("/static/panel.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""
    assert client.get(f"/static/{'0' * 16}/panel.js").status_code == 404


def test_any_change_has_another_address(folder: Path) -> None:
    seen = {Assets(folder).digest}
    folder.joinpath("deep/panel.css").write_bytes(b"b{}")
    seen.add(Assets(folder).digest)
    folder.joinpath("strings.json").rename(folder / "texts.json")
    seen.add(Assets(folder).digest)
    assert len(seen) == 3
    assert Assets(folder).digest in seen


def test_the_image_has_the_page_and_its_assets() -> None:
    dockerfile = ROOT.joinpath("Dockerfile").read_text()
    ignored = ROOT.joinpath(".dockerignore").read_text().splitlines()
    for name in ("static", "templates"):
        assert f"COPY {name} {name}\n" in dockerfile
        assert f"!{name}" in ignored
