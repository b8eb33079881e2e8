"""The figures as a picture: horizontal bars on a logarithmic scale, as SVG, without a library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import attrs

from benchmarks import table
from benchmarks.figures import Results

_WIDTH, _ROW, _LABEL, _VALUE, _TITLE, _GAP = 430, 20, 150, 70, 30, 24
_COLOURS = {"regrow": "#2f7d4f", "C loop": "#777777", "trio": "#4a78b5"}
_OTHERS = "#b9b9b9"


@attrs.frozen
class Panel:
    """One figure of all contestants."""

    title: str
    name: str
    show: Callable[[float], str]


PANELS = [
    Panel("1,000 children up (less is better)", "start 1000", table.seconds),
    Panel("death to replacement, 1,000 live (less is better)", "death 1000", table.seconds),
    Panel("restarts per second, one crash loop (more is better)", "ordinary restarts 1", table.count),
    Panel("memory per child at 1,000, helpers too (less is better)", "memory 1000", table.size),
]


def draw(results: Results) -> str:
    """The picture: two panels beside each other."""
    drawn = [(panel, bars) for panel in PANELS if (bars := _bars(results, panel.name))]
    parts: list[str] = []
    top = 0
    for left, right in zip(drawn[::2], [*drawn[1::2], None], strict=False):
        heights = []
        for column, item in enumerate([left, right]):
            if item is not None:
                parts += [f'<g transform="translate({column * (_WIDTH + _GAP)} {top})">', *_panel(*item), "</g>"]
                heights.append(_TITLE + len(item[1]) * _ROW + _GAP)
        top += max(heights)
    return _frame(parts, 2 * _WIDTH + _GAP, top)


def _frame(parts: Sequence[str], width: int, height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    # A background of its own: the page behind it may be dark.
    back = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, back, *parts, "</svg>\n"])


def _bars(results: Results, name: str) -> list[tuple[str, float]]:
    found = [(who, value) for who in results.figures.get(name, {}) if (value := results.median(name, who))]
    return sorted(found, key=lambda bar: bar[1])


def _panel(panel: Panel, bars: Sequence[tuple[str, float]]) -> list[str]:
    values = [value for _, value in bars]
    low = math.floor(math.log10(min(values)) - 0.3)
    high = math.log10(max(values))
    room = _WIDTH - _LABEL - _VALUE
    parts = [f'<text x="8" y="18" font-size="13" font-weight="bold" fill="#222">{escape(panel.title)}</text>']
    for number, (who, value) in enumerate(bars):
        length = room * (math.log10(value) - low) / (high - low)
        parts += _bar(who, panel.show(value), _TITLE + number * _ROW, max(1.0, length))
    return parts


def _bar(who: str, shown: str, top: int, length: float) -> list[str]:
    colour = next((colour for name, colour in _COLOURS.items() if who.startswith(name)), _OTHERS)
    middle = top + _ROW - 7
    return [
        f'<text x="{_LABEL - 6}" y="{middle}" font-size="11" text-anchor="end" fill="#222">{escape(who)}</text>',
        f'<rect x="{_LABEL}" y="{top + 3}" width="{length:.1f}" height="{_ROW - 6}" fill="{colour}"/>',
        f'<text x="{_LABEL + length + 5:.1f}" y="{middle}" font-size="11" fill="#222">{escape(shown)}</text>',
    ]
