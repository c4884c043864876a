"""A real upload endpoint, compatible with Poe's own client: starlette behind uvicorn, in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from demo.serving import Served


@dataclass
class Upload:
    """An upload: the size and SHA-256 of a file, or the URL to be downloaded."""

    key: str
    name: str | None
    content_type: str | None = None
    size: int = 0
    digest: str = ""
    url: str | None = None
    answered: str = ""


class UploadServer(Served):
    """Accepts all uploads, each under a URL of its own, on a free port of the loopback.

    ``delay`` is how many seconds each takes; ``most_at_once`` is how many there were at the same time.
    """

    def __init__(self) -> None:
        self.uploads: list[Upload] = []
        self.delay = 0.0
        self.most_at_once = 0
        self._under_way = 0
        self._numbers = itertools.count(1)
        super().__init__(Starlette(routes=[Route("/upload", self._upload, methods=["POST"])]))
        self.url += "/upload"

    async def _upload(self, request: Request) -> JSONResponse:
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            upload = await _read(request)
            await asyncio.sleep(self.delay)
        finally:
            self._under_way -= 1
        upload.answered = f"https://pfst.cf2.poecdn.net/base/{next(self._numbers)}"
        self.uploads.append(upload)
        content_type = upload.content_type or "image/png"
        return JSONResponse(
            {"attachment_url": upload.answered, "mime_type": content_type, "inline_ref": None}
        )


async def _read(request: Request) -> Upload:
    key = request.headers["authorization"]
    async with request.form(max_part_size=64 * 1024 * 1024) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            return Upload(key, _text(form.get("download_filename")), url=_text(form["download_url"]))
        digest, size = hashlib.sha256(), 0
        while piece := await file.read(1 << 20):
            digest.update(piece)
            size += len(piece)
        return Upload(key, file.filename, file.content_type, size, digest.hexdigest())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
