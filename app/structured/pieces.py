"""Pieces: a value whose lists and objects give turns to others when their members are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

GiveTurn: TypeAlias = Callable[[], None]

DEPTH_LIMIT = 128


class TooDeep(Exception):
    """A value has more than ``DEPTH_LIMIT`` nested lists and objects."""


def in_pieces(value: Any, give_turn: GiveTurn, depth: int = 0) -> Any:
    """``value``, decoded JSON, with lists and objects that call ``give_turn``. Raises ``TooDeep``."""
    if depth > DEPTH_LIMIT:
        raise TooDeep
    give_turn()
    if isinstance(value, list):
        return _List((in_pieces(each, give_turn, depth + 1) for each in value), give_turn)
    if isinstance(value, dict):
        members = ((name, in_pieces(each, give_turn, depth + 1)) for name, each in value.items())
        return _Object(members, give_turn)
    return value


class _List(list[Any]):
    def __init__(self, members: Iterable[Any], give_turn: GiveTurn) -> None:
        super().__init__(members)
        self._give_turn = give_turn

    def __iter__(self) -> Iterator[Any]:
        for member in super().__iter__():
            self._give_turn()
            yield member

    def __getitem__(self, index: Any) -> Any:
        self._give_turn()
        return super().__getitem__(index)

    def __repr__(self) -> str:
        return "the list"


class _Object(dict[str, Any]):
    def __init__(self, members: Iterable[tuple[str, Any]], give_turn: GiveTurn) -> None:
        super().__init__(members)
        self._give_turn = give_turn

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self._give_turn()
            yield name

    def __getitem__(self, name: str) -> Any:
        self._give_turn()
        return super().__getitem__(name)

    def items(self) -> Any:
        return ((name, super(_Object, self).__getitem__(name)) for name in self)

    def __repr__(self) -> str:
        return "the object"
