"""Page: the panel's HTML page. Its content comes from its API."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, render_template, request

from app.admin.assets import Assets


def create_blueprint(assets: Assets, templates: Path) -> Blueprint:
    """The page, for whoever has the password."""
    blueprint = Blueprint("page", __name__, template_folder=str(templates))

    @blueprint.get("/admin")
    def page() -> str:
        base = request.script_root
        static = f"{base}/static/{assets.digest}"
        return render_template("admin.html", base=base, static=static, modules=assets.modules)

    return blueprint
