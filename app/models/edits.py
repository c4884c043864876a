"""Edits: new content written into a YAML text so that its comments and its layout stay.

ruamel.yaml keeps them. It is told that every unquoted word is a string, so that what is not edited stays
unchanged; only ``documents`` decides what a word means.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.util import RegExp
from yaml import YAMLError as PyYAMLError

from app.models import documents, removals
from app.models.documents import DocumentError

_LINE_WIDTH = 4096  # nothing is folded
_NULL = "tag:yaml.org,2002:null"


def edited(text: str, fields: Mapping[str, Any]) -> str:
    """``text``, edited so that exactly ``fields`` is read from it.

    Where editing cannot do that (an alias's target is changed in one of two places), the whole text is
    written anew.
    """
    try:
        before = documents.read(text)
        if _are_same(before, fields):
            return text
        new = _edited(removals.without_lines(text, before, fields, _which_stay), fields)
        if _are_same(documents.read(new), fields):
            return new
    except (DocumentError, PyYAMLError, YAMLError, LookupError, TypeError, ValueError, AttributeError):
        pass  # what no editor understands
    return dumped(fields)


def dumped(fields: Mapping[str, Any]) -> str:
    """``fields`` as a new text."""
    return _dump(_written(fields))


def _edited(text: str, fields: Mapping[str, Any]) -> str:
    root = _editor().load(text)
    if not isinstance(root, CommentedMap):
        return text + dumped(fields)
    _update(root, documents.read(text), fields)
    return _dump(root)


class _Words(VersionedResolver):
    """Resolves every unquoted word to a string, and an empty one to null."""

    @property
    def versioned_resolver(self) -> dict[str, list[Any]]:
        return {"": [(_NULL, RegExp("^$"))]}


def _editor() -> YAML:
    editor = YAML(typ="rt", pure=True)
    editor.Resolver = _Words
    editor.preserve_quotes = True
    editor.width = _LINE_WIDTH
    editor.brace_single_entry_mapping_in_flow_sequence = True
    return editor


def _dump(root: Any) -> str:
    stream = StringIO()
    _editor().dump(root, stream)
    return stream.getvalue()


def _update(node: CommentedMap, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    for key in before:
        if key not in after:
            del node[key]
    for key, value in after.items():
        old = before.get(key)
        if key in before and _are_same(old, value):
            continue
        inner = node.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and isinstance(inner, CommentedMap):
            _update(inner, old, value)
        elif isinstance(value, list) and isinstance(old, list) and isinstance(inner, CommentedSeq):
            _update_list(inner, old, value)
        else:
            node[_key(key)] = _written(value)


def _update_list(node: CommentedSeq, before: list[Any], after: list[Any]) -> None:
    """Update a list. Entries are the same if their ids are equal, or they themselves."""
    names = [_name(each) for each in after]
    stays = _which_stay(before, after)
    kept = [index for index in range(len(before)) if stays[index]]
    for index in reversed(range(len(before))):
        if not stays[index]:
            del node[index]
    known = [_name(before[index]) for index in kept]
    for index, value in enumerate(after):
        if index < len(known) and known[index] == names[index]:
            old = before[kept[index]]
            if isinstance(value, Mapping) and isinstance(old, Mapping):
                _update(node[index], old, value)
        elif index < len(known):
            node[index] = _written(value)
        else:
            node.append(_written(value))


def _which_stay(before: list[Any], after: list[Any]) -> list[bool]:
    names = set(map(_name, after))
    return [_name(entry) in names for entry in before]


def _name(entry: Any) -> bytes:
    return _bytes(entry["id"] if isinstance(entry, Mapping) and "id" in entry else entry)


def _are_same(one: Any, other: Any) -> bool:
    return _bytes(one) == _bytes(other)


def _bytes(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _written(value: Any) -> Any:
    """Plain data as the editor's own types."""
    if isinstance(value, Mapping):
        return CommentedMap((_key(key), _written(each)) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return CommentedSeq(_written(each) for each in value)
    if isinstance(value, str):
        is_plain = value and isinstance(documents.resolve(value), str)
        return value if is_plain else DoubleQuotedScalarString(value)
    if value is None:
        return None
    return msgspec.json.encode(value).decode()


def _key(key: str) -> str:
    return DoubleQuotedScalarString(key) if key in ("", "<<") else key
