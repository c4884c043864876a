"""Lines: the content of a file of keys, each line a name and a key's digest.

A key has 256 random bits: it cannot be found from its digest, so a slow hash would only cost time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping

PREFIX = "sk-poe2openai-"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})[ \t]+sha256:(?P<digest>[0-9a-f]{64})")
_FORM = "a name, a space, and sha256: with 64 digits of 0-9a-f"


class KeysError(ValueError):
    """A file of keys that cannot be used; the message says why, and quotes nothing of it."""


Keys = Mapping[bytes, str]  # the keys' names, by their digests


def generate() -> str:
    """A new key."""
    return PREFIX + secrets.token_urlsafe(32)


def line(name: str, key: str) -> str:
    """The file's line for ``key``. Raises ``KeysError`` for a name that cannot be used."""
    written = f"{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    if not _LINE.fullmatch(written):
        raise KeysError("A name has up to 64 letters, digits or ._- and begins with a letter or digit.")
    return written


def decode(content: bytes) -> Keys:
    """The keys in a file's ``content``. Raises ``KeysError``."""
    keys: dict[bytes, str] = {}
    for number, text in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        written = text.strip()
        if not written or written.startswith("#"):
            continue
        match = _LINE.fullmatch(written)
        if match is None:
            raise KeysError(f"line {number} is not {_FORM}")
        digest = bytes.fromhex(match["digest"])
        if digest in keys:
            raise KeysError(f"line {number} has the key of {keys[digest]} once more")
        keys[digest] = match["name"]
    return keys
