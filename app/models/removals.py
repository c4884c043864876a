"""Removals: lines removed from a YAML text, with the comments around them left in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode


def without_lines(
    text: str, before: Any, after: Any, which_stay: Callable[[list[Any], list[Any]], list[bool]]
) -> str:
    """``text``, whose content is ``before``, without the lines of what is not in ``after``.

    This covers mapping keys and list entries that have lines of their own. ``which_stay`` says which
    entries of a list are in another. Raises ``YAMLError``.
    """
    loader: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    lines = text.split("\n")
    root = yaml.compose(text, loader)
    for first, last in sorted(_Finder(lines, which_stay).spans(root, before, after), reverse=True):
        del lines[first : last + 1]
    return "\n".join(lines)


class _Finder:
    def __init__(self, lines: list[str], which_stay: Callable[[list[Any], list[Any]], list[bool]]) -> None:
        self._lines = lines
        self._which_stay = which_stay

    def spans(self, node: Node | None, before: Any, after: Any) -> Iterator[tuple[int, int]]:
        """The first and last line of each key and entry that is not in ``after``."""
        if not isinstance(node, CollectionNode) or node.flow_style:
            return
        if isinstance(node, MappingNode) and isinstance(before, Mapping) and isinstance(after, Mapping):
            for key, value in node.value:
                if key.value not in before:
                    continue  # a merge key
                if key.value not in after:
                    yield from self._span(key, value, "")
                elif _is_here(key, value):
                    yield from self.spans(value, before[key.value], after[key.value])
        elif isinstance(node, SequenceNode) and isinstance(before, list) and isinstance(after, list):
            for entry, stays in zip(node.value, self._which_stay(before, after), strict=True):
                if not stays:
                    yield from self._span(entry, entry, "-")

    def _span(self, begin: Node, value: Node, mark: str) -> Iterator[tuple[int, int]]:
        first = begin.start_mark.line
        if self._lines[first][: begin.start_mark.column].strip() == mark:
            yield first, max(first, self._last_line(value)) if _is_here(begin, value) else first

    def _last_line(self, node: Node) -> int:
        if isinstance(node, CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            begin, value = last if isinstance(last, tuple) else (last, last)
            return self._last_line(value) if _is_here(begin, value) else int(begin.end_mark.line)
        line = int(node.end_mark.line)
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            line -= 1
            while not self._lines[line].strip():
                line -= 1
        return line


def _is_here(begin: Node, value: Node) -> bool:
    """Whether a value is written where it is used, and not the target of an alias."""
    return bool(value.start_mark.index >= begin.start_mark.index)
