"""Exports: models.yaml as a file to take away, without the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from flask import Response

from app.admin.answers import SECRET
from app.errors import invalid_request
from app.models import edits, masks
from app.models.store import State

MASK = "***"  # what masks puts in the token's place


def export(state: State, form: str) -> Response:
    """The file in a ``form``: ``yaml``, with its comments, or ``json``. Raises ``ApiError`` (400)."""
    if form not in _FORMS:
        raise invalid_request(f"format: one of {', '.join(_FORMS)} is expected.", "format")
    response = Response(_FORMS[form](state), content_type=f"application/{form}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="models.{form}"'
    return response


def _json(state: State) -> bytes:
    fields = {name: value for name, value in state.fields.items() if name != SECRET}
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def _yaml(state: State) -> bytes:
    """The token may stand in a comment, too."""
    fields = {name: value for name, value in state.fields.items() if name != SECRET}
    text, token = masks.masked(edits.edited(state.text, fields)), state.fields.get(SECRET)
    return (text.replace(token, MASK) if token else text).encode()


_FORMS: Mapping[str, Callable[[State], bytes]] = {"yaml": _yaml, "json": _json}
