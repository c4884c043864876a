"""Exports: models.yaml as a download, without the token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from flask import Response

from app.admin.answers import SECRET
from app.errors import invalid_request
from app.models import documents, edits, masks, removals
from app.models.file import State

MASK = "***"  # what masks puts in the token's place


def export(state: State, form: str) -> Response:
    """The file in a ``form``: ``yaml``, with its comments, or ``json``. Raises ``ApiError`` (400)."""
    if form not in _FORMS:
        raise invalid_request(f"format: one of {', '.join(_FORMS)} is expected.", "format")
    response = Response(_FORMS[form](state), content_type=f"application/{form}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="models.{form}"'
    return response


def _json(state: State) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_without_token(state)), indent=2) + b"\n"


def _yaml(state: State) -> bytes:
    """With its comments; the token may stand in one of them, too."""
    fields, token = _without_token(state), state.fields.get(SECRET)
    text = removals.without_lines(state.text, state.fields, fields, lambda before, _: [True] * len(before))
    if (documents.read(text) or {}) != fields:  # it did not stand on lines of its own
        text = edits.dumped(fields)
    text = masks.masked(text)
    return (text.replace(token, MASK) if token else text).encode()


def _without_token(state: State) -> dict[str, Any]:
    return {name: value for name, value in state.fields.items() if name != SECRET}


_FORMS: Mapping[str, Callable[[State], bytes]] = {"yaml": _yaml, "json": _json}
