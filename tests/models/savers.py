"""Processes that save models.yaml, and can be killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.errors import ApiError
from app.models.store import Store


def add_bots(folder: Path, name: str, count: int) -> None:
    """Add bots one after another, each based on the version read before."""
    store = Store(folder)
    added = 0
    while added < count:
        state = store.current()
        models = dict(state.fields.get("models", {})) | {f"{name}{added}": {"note": name * 100}}
        try:
            store.save({"models": models}, state.version)
            added += 1
        except ApiError as error:
            if error.code != "config_changed":
                raise
            store._file._looks_at = 0.0


def save_forever(folder: Path, started: Any) -> None:
    store = Store(folder)
    number = 0
    while True:
        store.save({"models": {"A": {"note": f"{number} " * (number % 400)}}})
        number += 1
        started.set()
