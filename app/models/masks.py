"""Masks: the file's text without the API token, for display."""

from __future__ import annotations

import re

from app.models import documents
from app.models.documents import DocumentError

_MASK = '"***"'
_VALUE = re.compile(
    r"""(?P<name>api_token["']?[ \t]*:[ \t]*)"""
    r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\n]*(?:\n[ \t]+[^\n]*)*)"""
)


def masked(text: str) -> str:
    """``text`` with ``***`` in place of the value of ``api_token``, and of the token wherever else it is."""
    try:
        content = documents.read(text)
    except DocumentError:
        content = None
    token = content.get("api_token") if isinstance(content, dict) else None
    text = _VALUE.sub(lambda found: f"{found['name']}{_MASK}", text)
    return text.replace(token, "***") if isinstance(token, str) and token else text
