"""History: the last versions of models.yaml, each a file in models.history."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from app import files

_KEPT = 20
_NAME = re.compile(r"(?P<id>(?P<saved>\d{13})-[0-9a-f]{16,64})\.yaml")


class Version(Struct, frozen=True):
    """A version. ``saved_at`` is in seconds since 1970, ``size`` in bytes; ``tag`` is that of its bytes."""

    id: str
    saved_at: float
    size: int
    tag: str


class History:
    """The versions in ``folder``. Its methods raise ``OSError``, also if a version does not exist."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def versions(self) -> Sequence[Version]:
        """All versions, newest first; none if there is no folder."""
        found = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in self._folder.iterdir():
                with contextlib.suppress(FileNotFoundError):  # it has just been pruned
                    if name := _NAME.fullmatch(path.name):
                        id, saved = name["id"], int(name["saved"]) / 1000
                        found.append(Version(id, saved, path.stat().st_size, id.partition("-")[2]))
        return sorted(found, key=lambda version: version.id, reverse=True)

    def read(self, id: str) -> bytes:
        """A version's bytes."""
        name = f"{id}.yaml"
        if not _NAME.fullmatch(name):
            raise FileNotFoundError(name)
        return files.read(self._folder / name, self._limit)

    def keep(self, content: bytes, tag: str) -> None:
        """Keep a version, unless it is the newest one already, and forget the oldest."""
        versions = self.versions()
        if versions and versions[0].tag == tag:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        now = int(time.time() * 1000)
        newest = int(versions[0].saved_at * 1000) + 1 if versions else 0
        name = f"{max(now, newest):013d}-{tag}.yaml"
        files.remove_unfinished(self._folder / "*")
        for version in versions[_KEPT - 1 :]:
            (self._folder / f"{version.id}.yaml").unlink(missing_ok=True)
        files.replace(self._folder / name, content)
