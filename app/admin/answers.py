"""Answers: JSON for the panel, with nothing secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

from app.models.config import ConfigError
from app.models.file import State

SECRET = "api_token"  # noqa: S105 - a field's name
IS_SET = "api_token_set"


def json(content: object) -> Response:
    """``content`` as the body of an answer."""
    return Response(msgspec.json.encode(content), content_type="application/json")


def saved(state: State) -> Response:
    """The configuration in force, with the file's version as its ETag."""
    response = json(shown(state.fields))
    response.set_etag(state.version)
    return response


def shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The file's content; of the token only whether there is one."""
    open_fields = {name: value for name, value in fields.items() if name not in (SECRET, IS_SET)}
    return open_fields | {IS_SET: bool(fields.get(SECRET))}


def error(found: ConfigError | None) -> dict[str, Any] | None:
    """What is wrong with the file, and where."""
    return {"message": found.message, "path": found.path, "line": found.line} if found else None
