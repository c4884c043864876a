"""Documents: YAML as plain data, within bounds; and edits written into a text so that its comments stay.

Read by the rules of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), as far as
PyYAML's parser goes: only ``true`` and ``false`` are booleans, a key is always a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml
from yaml import events

_SIZE_LIMIT = 1024 * 1024  # characters
_NODE_LIMIT = 100_000  # an alias counts as much as its target, each time
_DEPTH_LIMIT = 64
_TURN_NODES = 200
_LONGEST_INTEGER = 18  # digits that surely fit 64 bits

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset({f"{_TAG}{name}" for name in ("int", "float", "bool", "null")})
_MERGE = "<<"


class DocumentError(Exception):
    """A text that is not usable YAML; ``line`` counts from 1."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def read(text: str, give_turn: Callable[[], None] = lambda: None) -> Any:
    """The only document in ``text``: dict, list, str, int, float, bool or ``None``.

    A dict's keys are strings as they stand. Merge keys (``<<``) are followed, as in YAML 1.1. A
    duplicate key, a tag that is not YAML's own, and too large a document raise ``DocumentError``.
    ``give_turn`` is called between pieces of work.
    """
    return _Reader(text, give_turn).read()


def line_of(text: str, path: str) -> int | None:
    """The line of the value at ``path`` (``models.Bot.aliases[0]``), or of the nearest one around it."""
    reader = _Reader(text, lambda: None, path)
    try:
        reader.read()
    except DocumentError:
        return None
    return reader.line


def check_bounds(data: Any) -> None:
    """Raise ``DocumentError`` for data with too many values, or nested too deep, to be read from a text."""
    level, nodes = [data], 0
    for _ in range(_DEPTH_LIMIT + 1):
        nodes += len(level)
        if nodes > _NODE_LIMIT:
            raise DocumentError(f"There are more than {_NODE_LIMIT} values in the file.", None)
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise DocumentError("The file is nested too deeply.", None)


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, (list, tuple)) else ()


def resolve(text: str) -> Any:
    """The value of an unquoted ``text``."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _LONGEST_INTEGER else float(text)
    if based := _BASED.fullmatch(text):
        digits, base = (based["octal"], 8) if based["octal"] else (based["hexadecimal"], 16)
        return int(digits, base) if len(digits) <= _LONGEST_INTEGER - 4 else text
    return float(text) if _FLOAT.fullmatch(text) else text


class _Reader:
    """Builds one document from the parser's events; finds the ``line`` of the value at ``target``."""

    def __init__(self, text: str, give_turn: Callable[[], None], target: str | None = None) -> None:
        self._text = text
        self._give_turn = give_turn
        self._target = target
        self._events: Iterator[events.Event] = iter(())
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._reached = 0  # how much of the target's path
        self.line = 1

    def read(self) -> Any:
        if len(self._text) > _SIZE_LIMIT:
            raise DocumentError(f"The file is longer than {_SIZE_LIMIT} characters.", None)
        try:
            self._events = _parsed(self._text)
            return self._document()
        except yaml.YAMLError as error:
            raise _explained(error, self._text) from None
        except (UnicodeError, ValueError):
            raise DocumentError("The file contains characters that are not allowed in YAML.", None) from None

    def _document(self) -> Any:
        content = None
        next(self._events)  # the stream's start
        if isinstance(next(self._events), events.DocumentStartEvent):
            content = self._node(next(self._events), 0, "")
            next(self._events)  # its end
            more = next(self._events)
            if isinstance(more, events.DocumentStartEvent):
                raise DocumentError("There is more than one document in the file.", _line(more))
        return content

    def _node(self, event: events.Event, depth: int, path: str | None) -> Any:
        """Build a node. ``path`` is ``None`` where the target cannot be."""
        if depth > _DEPTH_LIMIT:
            raise DocumentError("The file is nested too deeply.", _line(event))
        if isinstance(event, events.AliasEvent):
            return self._alias(event)
        self._count(1, event)
        begun = self._nodes
        match event:
            case events.ScalarEvent():
                value: Any = _scalar(event)
            case events.SequenceStartEvent():
                value = self._sequence(event, depth, path)
            case events.MappingStartEvent():
                value = self._mapping(event, depth, path)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = value, self._nodes - begun + 1
        return value

    def _alias(self, event: events.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            raise DocumentError("An alias (*) refers to nothing that is complete.", _line(event))
        value, size = self._anchors[event.anchor]
        self._count(size, event)
        return value

    def _count(self, nodes: int, event: events.Event) -> None:
        if (self._nodes + nodes) // _TURN_NODES > self._nodes // _TURN_NODES:
            self._give_turn()
        self._nodes += nodes
        if self._nodes > _NODE_LIMIT:
            raise DocumentError(f"There are more than {_NODE_LIMIT} values in the file.", _line(event))

    def _sequence(self, start: events.SequenceStartEvent, depth: int, path: str | None) -> list[Any]:
        _check_tag(start, "seq")
        items: list[Any] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            items.append(self._node(event, depth + 1, self._toward(path, f"[{len(items)}]", event)))
        return items

    def _mapping(self, start: events.MappingStartEvent, depth: int, path: str | None) -> dict[str, Any]:
        _check_tag(start, "map")
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            key, is_merge = self._key(event)
            if key in own:
                raise DocumentError(f"The key {key[:100]!r} appears twice.", _line(event))
            inner = None if is_merge else self._toward(path, f".{key}", event)
            value = self._node(next(self._events), depth + 1, inner)
            if is_merge:
                merged = _merged(value, event) | merged
            else:
                own[key] = value
        return own | {key: value for key, value in merged.items() if key not in own}

    def _key(self, event: events.Event) -> tuple[str, bool]:
        """A key's text, and whether it is a merge key."""
        if isinstance(event, events.AliasEvent):
            value = self._alias(event)
            if isinstance(value, str):
                return value, False
        if not isinstance(event, events.ScalarEvent):
            raise DocumentError("A key must be a string.", _line(event))
        self._count(1, event)
        if event.anchor:
            self._anchors[event.anchor] = event.value, 1
        return event.value, event.value == _MERGE and event.implicit[0]

    def _toward(self, path: str | None, step: str, event: events.Event) -> str | None:
        """The path one ``step`` further, to the node beginning with ``event``, if it leads to the target."""
        if path is None or self._target is None:
            return None
        inner = (path + step).removeprefix(".")
        if inner != self._target and not self._target.startswith((f"{inner}.", f"{inner}[")):
            return None
        if len(inner) >= self._reached:  # a dot may also be part of a key
            self.line, self._reached = _line(event), len(inner)
        return inner


def _parsed(text: str) -> Iterator[events.Event]:
    loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    parsed: Iterator[events.Event] = yaml.parse(text, loader)
    return parsed


def _scalar(event: events.ScalarEvent) -> Any:
    if event.tag is None:
        return resolve(event.value) if event.implicit[0] else event.value
    if event.tag in _PLAIN_TAGS:
        return resolve(event.value)
    if event.tag not in (f"{_TAG}str", "!"):
        raise DocumentError("A tag (!) is not supported here.", _line(event))
    return event.value


def _check_tag(event: events.CollectionStartEvent, kind: str) -> None:
    if event.tag not in (None, "!", f"{_TAG}{kind}"):
        raise DocumentError("A tag (!) is not supported here.", _line(event))


def _merged(value: Any, event: events.Event) -> dict[str, Any]:
    """The mapping that a merge key brings; of several, the first ones take precedence."""
    sources = value if isinstance(value, list) else [value]
    found: dict[str, Any] = {}
    for source in sources:
        if not isinstance(source, dict):
            raise DocumentError("A merge key (<<) needs a mapping.", _line(event))
        found = source | found
    return found


def _line(event: events.Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark else 1


def _explained(error: yaml.YAMLError, text: str) -> DocumentError:
    """PyYAML's message on one line, without what it quotes of the text."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark else None
    if line is None and isinstance(position, int):
        line = text.count("\n", 0, position) + 1
    return DocumentError(f"This is not YAML: {problem}.", line)
