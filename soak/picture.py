"""A picture of what was sampled over time, drawn as SVG by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from bench.picture import STYLE
from soak.samples import Sample

_WIDTH, _HEIGHT, _MARGIN, _TITLE, _NAMES = 720, 150, 24, 30, 64
_LINE = ".line { fill: none; stroke: #0969da; stroke-width: 1.5; }\n.axis { stroke: #afb8c1; }"
_DARK = "@media (prefers-color-scheme: dark) { .line { stroke: #4493f8; } .axis { stroke: #59636e; } }"


def draw(samples: Sequence[Sample]) -> str:
    """Draw memory, descriptors and requests per second, one below the other."""
    rates = [0.0] + [
        (after.requests - before.requests) / max(0.1, after.seconds - before.seconds)
        for before, after in pairwise(samples)
    ]
    panels = [
        ("Memory of all workers, MB", [sample.resident / 1e6 for sample in samples]),
        ("Open descriptors of all workers", [float(sample.descriptors) for sample in samples]),
        ("Requests a second", rates),
    ]
    seconds = [sample.seconds for sample in samples]
    step = _TITLE + _HEIGHT + _MARGIN
    parts = [
        part
        for number, (title, values) in enumerate(panels)
        for part in _panel(title, seconds, values, _MARGIN + number * step)
    ]
    height = _MARGIN + len(panels) * step + _MARGIN
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    paper = f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>'
    return "\n".join([head, f"<style>\n{STYLE}\n{_LINE}\n{_DARK}\n</style>", paper, *parts, "</svg>", ""])


def _panel(title: str, seconds: Sequence[float], values: Sequence[float], top: int) -> list[str]:
    left, right, bottom = _MARGIN + _NAMES, _WIDTH - _MARGIN, top + _TITLE + _HEIGHT
    greatest, last = max(values) * 1.1 or 1.0, seconds[-1] or 1.0
    across: Callable[[float], float] = lambda second: left + (right - left) * second / last  # noqa: E731
    points = " ".join(
        f"{across(second):.1f},{bottom - _HEIGHT * value / greatest:.1f}"
        for second, value in zip(seconds, values, strict=True)
    )
    height = bottom - _HEIGHT * max(values) / greatest
    return [
        f'<text class="title" x="{_MARGIN}" y="{top + 14}">{title}</text>',
        f'<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>',
        f'<text class="value" x="{left - 8}" y="{bottom}" text-anchor="end">0</text>',
        f'<text class="value" x="{left - 8}" y="{height + 4:.1f}" text-anchor="end">{max(values):.0f}</text>',
        f'<text class="value" x="{right}" y="{bottom + 16}" text-anchor="end">{last:.0f} s</text>',
        f'<polyline class="line" points="{points}"/>',
    ]
