"""Assets: the files of the panel's page, served to anyone: nothing in them is secret."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from app.admin.headers import secure

_YEAR_SECONDS = 365 * 24 * 3600
# The system's own table may know others by these names.
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


class Assets:
    """The files in ``folder``; ``digest`` changes when any of them does.

    ``modules`` are the paths of the scripts in folders, which panel.js and they themselves import.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digest = _digest(folder)
        self.modules = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.js"))

    def send(self, path: str) -> Response:
        """The file at ``path``. Below ``DIGEST/`` it never changes; elsewhere browsers ask each time."""
        name = path.removeprefix(f"{self.digest}/")
        kind = _TYPES.get(Path(name).suffix)
        response = send_from_directory(self.folder, name, mimetype=kind, etag=self.digest)
        forever = f"public, max-age={_YEAR_SECONDS}, immutable"
        response.headers["Cache-Control"] = "no-cache" if name == path else forever
        return response


def create_blueprint(assets: Assets) -> Blueprint:
    """The route that serves them."""
    blueprint = Blueprint("assets", __name__)
    blueprint.after_request(secure)
    blueprint.get("/static/<path:path>")(assets.send)
    return blueprint


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
