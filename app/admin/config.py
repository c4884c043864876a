"""Config: ``/api/admin/config``, its history, import and export."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request
from msgspec import Struct

from app.admin import answers, exports
from app.admin.answers import IS_SET, SECRET
from app.admin.exports import MASK
from app.bodies import STRICT, read_body
from app.dialects.bodies import decode_object
from app.fields import convert
from app.models.file import State
from app.models.store import Store
from app.turns import Turns

_BODY_LIMIT = 4 * 1024 * 1024  # bytes; the file itself is bounded by less


class Import(Struct):
    """A text to take over. ``dry_run``: only say what it would change."""

    text: str
    dry_run: bool = False


def create_blueprint(store: Store, note_save: Callable[[], None]) -> Blueprint:
    """The routes over ``store``. ``note_save`` is called after each save."""
    views = _Views(store, note_save)
    blueprint = Blueprint("config", __name__, url_prefix="/api/admin")
    blueprint.get("/config")(views.read)
    blueprint.post("/config")(views.write)
    blueprint.get("/history")(views.history)
    blueprint.get("/history/<id>")(views.past)
    blueprint.post("/history/<id>/restore")(views.restore)
    blueprint.post("/import")(views.take_over)
    blueprint.get("/export")(views.export)
    return blueprint


class _Views:
    """The routes' views. All of them raise ``ApiError`` if the request is refused."""

    def __init__(self, store: Store, note_save: Callable[[], None]) -> None:
        self._store = store
        self._note_save = note_save

    def read(self) -> Response:
        return answers.saved(self._store.latest())

    def write(self) -> Response:
        fields = _body()
        fields.pop(IS_SET, None)
        return self._saved(self._store.save(fields, self._if_match()))

    def history(self) -> Response:
        current = self._store.latest().version
        versions = [
            {
                "id": each.id,
                "saved_at": each.saved_at,
                "size": each.size,
                "current": each.tag == current,
            }
            for each in self._store.versions()
        ]
        return answers.json({"data": versions})

    def past(self, id: str) -> Response:
        self._store.latest()
        found = self._store.version(id)
        return answers.json(
            {
                "id": found.version.id,
                "saved_at": found.version.saved_at,
                "config": answers.shown(found.fields),
                "text": found.text,
                "changes": found.changes,
                "error": answers.error(found.error),
            }
        )

    def restore(self, id: str) -> Response:
        _body()
        return self._saved(self._store.restore(id, self._if_match()))

    def take_over(self) -> Response:
        given = convert(_body(), Import)
        self._store.latest()
        preview = self._store.preview(given.text)
        fields = dict(preview.fields)
        if fields.get(SECRET) == MASK:  # the token of a text that was shown
            del fields[SECRET]
        if given.dry_run:
            return answers.json({"config": answers.shown(fields), "changes": preview.changes})
        return self._saved(self._store.save(fields, self._if_match()))

    def export(self) -> Response:
        return exports.export(self._store.latest(), request.args.get("format", "yaml"))

    def _saved(self, state: State) -> Response:
        self._note_save()
        return answers.saved(state)

    def _if_match(self) -> str | None:
        """The version that the change is meant for (RFC 9110 section 13.1.1); ``None``: any."""
        tags = request.if_match
        if not tags or tags.star_tag:
            return None
        current = self._store.latest().version
        wanted = tags.as_set(include_weak=True)  # compressing proxies make them weak
        return current if current in wanted else next(iter(wanted))


def _body() -> dict[str, Any]:
    """The request's body, a JSON object. Raises ``ApiError``."""
    return decode_object(read_body(request, _BODY_LIMIT, Turns().give, STRICT))
