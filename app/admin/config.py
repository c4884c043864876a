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
from app.models.store import State, Store
from app.turns import Turns

_BODY_LIMIT = 4 * 1024 * 1024  # bytes; the file itself is bounded by less


class Import(Struct):
    """A text to take over. ``dry_run``: only say what it would change."""

    text: str
    dry_run: bool = False


def create_blueprint(store: Store, note_save: Callable[[], None]) -> Blueprint:
    """The routes over ``store``. ``note_save`` is called after each save."""
    blueprint = Blueprint("config", __name__)

    def save(change: Callable[[], State]) -> Response:
        state = change()
        note_save()
        return answers.saved(state)

    @blueprint.get("/api/admin/config")
    def read() -> Response:
        return answers.saved(store.latest())

    @blueprint.post("/api/admin/config")
    def write() -> Response:
        fields = _body()
        fields.pop(IS_SET, None)
        return save(lambda: store.save(fields, _if_match(store)))

    @blueprint.get("/api/admin/history")
    def history() -> Response:
        current = store.latest().version
        versions = [
            {
                "id": each.id,
                "saved_at": each.saved_at,
                "size": each.size,
                "current": each.tag == current,
            }
            for each in store.versions()
        ]
        return answers.json({"data": versions})

    @blueprint.get("/api/admin/history/<id>")
    def past(id: str) -> Response:
        store.latest()
        found = store.version(id)
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

    @blueprint.post("/api/admin/history/<id>/restore")
    def restore(id: str) -> Response:
        _body()
        return save(lambda: store.restore(id, _if_match(store)))

    @blueprint.post("/api/admin/import")
    def take_over() -> Response:
        given = convert(_body(), Import)
        store.latest()
        preview = store.preview(given.text)
        fields = dict(preview.fields)
        if fields.get(SECRET) == MASK:  # from a text that was shown
            del fields[SECRET]
        if given.dry_run:
            return answers.json({"config": answers.shown(fields), "changes": preview.changes})
        return save(lambda: store.save(fields, _if_match(store)))

    @blueprint.get("/api/admin/export")
    def export() -> Response:
        return exports.export(store.latest(), request.args.get("format", "yaml"))

    return blueprint


def _body() -> dict[str, Any]:
    """The request's body, a JSON object. Raises ``ApiError``."""
    return decode_object(read_body(request, _BODY_LIMIT, Turns().give, STRICT))


def _if_match(store: Store) -> str | None:
    """The version that the change is meant for (RFC 9110 section 13.1.1); ``None``: whichever it is."""
    tags = request.if_match
    if not tags or tags.star_tag:
        return None
    current = store.latest().version
    wanted = tags.as_set(include_weak=True)  # proxies that compress weaken them
    return current if current in wanted else next(iter(wanted))
