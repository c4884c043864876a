"""A picture of bars, drawn as SVG by hand; light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 14px; }
.value { fill: #59636e; }
.paper { fill: #ffffff; }
.first { fill: #0969da; }
.other { fill: #afb8c1; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .value { fill: #9198a1; }
  .paper { fill: #0d1117; }
  .first { fill: #4493f8; }
  .other { fill: #59636e; }
}"""
_COLUMNS = 2
_MARGIN = 20
_PANEL_WIDTH = 400
_GAP = 32
_TITLE = 30
_ROW = 22
_BAR = 14
_NAMES = 92
_VALUES = 76


@dataclass(frozen=True)
class Bar:
    """A name and its value."""

    name: str
    value: float


@dataclass(frozen=True)
class Panel:
    """Bars to compare with each other; the first one is ours."""

    title: str
    bars: Sequence[Bar]


def draw(panels: Sequence[Panel], show: Callable[[float], str]) -> str:
    """Draw the panels, two per row."""
    rows = [panels[index : index + _COLUMNS] for index in range(0, len(panels), _COLUMNS)]
    parts: list[str] = []
    top = _MARGIN
    for row in rows:
        for column, panel in enumerate(row):
            parts += _panel(panel, _MARGIN + column * (_PANEL_WIDTH + _GAP), top, show)
        top += _TITLE + max(len(panel.bars) for panel in row) * _ROW + _MARGIN
    width = 2 * _MARGIN + _COLUMNS * _PANEL_WIDTH + (_COLUMNS - 1) * _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">'
    )
    paper = f'<rect class="paper" width="{width}" height="{top}" rx="8"/>'
    return "\n".join([head, f"<style>\n{STYLE}\n</style>", paper, *parts, "</svg>", ""])


def _panel(panel: Panel, left: int, top: int, show: Callable[[float], str]) -> list[str]:
    room = _PANEL_WIDTH - _NAMES - _VALUES
    greatest = max(bar.value for bar in panel.bars) or 1.0
    parts = [f'<text class="title" x="{left}" y="{top + 14}">{escape(panel.title)}</text>']
    for number, bar in enumerate(panel.bars):
        middle = top + _TITLE + number * _ROW + _ROW // 2
        above = middle - _BAR // 2
        length = max(1.0, room * max(0.0, bar.value) / greatest)
        start, kind = left + _NAMES, "other" if number else "first"
        parts += [
            f'<text x="{start - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect class="{kind}" x="{start}" y="{above}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
            f'<text class="value" x="{start + length + 6:.1f}" y="{middle + 4}">{show(bar.value)}</text>',
        ]
    return parts
