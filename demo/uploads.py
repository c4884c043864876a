"""Uploads: what stands in the place of Poe's CDN, for as long as the demo runs."""

from __future__ import annotations

import secrets

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

_PATH = "/files/"
_UNKNOWN = "application/octet-stream"
_LARGEST = 100 * 1024 * 1024  # bytes


class Files:
    """Files by name, with their types; the oldest are dropped when there are too many."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._files: dict[str, tuple[bytes, str]] = {}

    def add(self, content: bytes, content_type: str) -> str:
        """Keep a file; return its name."""
        name = secrets.token_urlsafe(9)
        self._files[name] = (content, content_type)
        if len(self._files) > self._most:
            del self._files[next(iter(self._files))]
        return name

    def size(self, url: str) -> int | None:
        """The bytes of the file at ``url``; ``None`` if it is not here."""
        found = self.get(url.rpartition(_PATH)[2])
        return len(found[0]) if found else None

    def get(self, name: str) -> tuple[bytes, str] | None:
        """A file's content and type."""
        return self._files.get(name)


def install(app: FastAPI) -> None:
    """Accept uploads at ``/upload`` as Poe does, and serve them below ``/files/``."""
    files = app.state.files = Files()

    @app.post("/upload")
    async def upload(request: Request) -> JSONResponse:
        async with request.form(max_part_size=_LARGEST) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):  # Poe would fetch it; here it is left where it is
                answer = {"attachment_url": str(form["download_url"]), "mime_type": "image/png"}
                return JSONResponse(answer)
            content_type = file.content_type or _UNKNOWN
            name = files.add(await file.read(), content_type)
        url = str(request.url.replace(path=_PATH + name))
        return JSONResponse({"attachment_url": url, "mime_type": content_type, "inline_ref": None})

    @app.get(_PATH + "{name}")
    def download(name: str) -> Response:
        found = files.get(name)
        return Response(status_code=404) if found is None else Response(found[0], media_type=found[1])
