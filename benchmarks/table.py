"""Numbers as people read them, and tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence


def seconds(value: float) -> str:
    """Seconds or milliseconds, with two or three digits that mean something."""
    if math.isinf(value):
        return "never"
    return f"{value:.2f} s" if value >= 1 else milliseconds(value)


def milliseconds(value: float) -> str:
    """In milliseconds."""
    value *= 1000
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def times(value: float) -> str:
    """A ratio."""
    if math.isinf(value):
        return "never"
    return f"{value:.2f} x" if value < 100 else f"{value:,.0f} x"


def size(value: float) -> str:
    """Bytes."""
    return f"{value / 1024:.1f} KiB" if value < 1024 * 1024 else f"{value / 1024 / 1024:.1f} MiB"


def percent(value: float) -> str:
    """A part."""
    return f"{value * 100:.3f} %"


def count(value: float) -> str:
    """How many."""
    return f"{value:,.0f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
