"""Changes: the differences between two contents of models.yaml, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

_TOKEN = "api_token"  # noqa: S105 - its name
_MASKED = "***"


class Change(Struct, frozen=True):
    """A changed field; ``None``: absent. The API token is never shown, only whether it has changed."""

    path: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields that differ, in their order. List entries are identified by their ids.

    An empty mapping or list counts as nothing.
    """
    old, new = dict(_flat(before)), dict(_flat(after))
    paths = dict.fromkeys((*old, *new))
    found = [
        (path, old.get(path), new.get(path)) for path in paths if not _is_same(old.get(path), new.get(path))
    ]
    return [_masked(path, one, other) for path, one, other in found]


def _flat(fields: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(fields, Mapping):
        for key, value in fields.items():
            yield from _flat(value, f"{path}.{key}" if path else key)
    elif _is_of_entries(fields):
        for entry in fields:
            yield from _flat(entry, f"{path}[{entry['id']}]")
    elif fields != []:
        yield path, fields


def _is_of_entries(fields: Any) -> bool:
    is_list = isinstance(fields, Sequence) and not isinstance(fields, str) and bool(fields)
    return is_list and all(isinstance(each, Mapping) and "id" in each for each in fields)


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _masked(path: str, before: Any, after: Any) -> Change:
    if path != _TOKEN:
        return Change(path, before, after)
    another = f"{_MASKED} (another)" if before else _MASKED
    return Change(path, _MASKED if before else None, another if after else None)
