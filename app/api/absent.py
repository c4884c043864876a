"""Absent: answers to requests for paths that do not exist."""

from __future__ import annotations

import difflib
from functools import partial

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound

from app.api.requests import PANEL_PREFIXES, render_error
from app.dialects import absent
from app.logs import word

_ROOTS = ("/", "/v1")  # every path begins with these


def install(app: Flask) -> None:
    """Have ``app`` answer unknown paths with the right one."""
    app.register_error_handler(NotFound, partial(_answer, app))


def _answer(app: Flask, _error: NotFound) -> Response:
    path, root = request.path, request.url_root.rstrip("/")
    absence = absent.find(path, root) or absent.mistaken(word(path), _meant(app), root)
    return render_error(absence.error, absence.render)


def _meant(app: Flask) -> str | None:
    """The path that was probably meant: the requested one begins or ends with it, or resembles it."""
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    known = sorted(
        (rule for rule in rules if "<" not in rule and not rule.startswith(PANEL_PREFIXES)), key=len
    )
    path = request.path.rstrip("/") or "/"
    within = [each for each in known if each not in _ROOTS and (path.startswith(each) or path.endswith(each))]
    nearest = within[-1:] or difflib.get_close_matches(path, known, 1, 0.7)
    return nearest[0] if nearest else None
