"""How often to look, and who looks where a look may take its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

_T = TypeVar("_T")

SOONEST = 0.005
"""Seconds between the first two tries."""


class Look(Protocol):
    """Calls something that may take a while, in a thread; `None`: it took too long."""

    def __call__(self, reader: Callable[[], _T], /) -> Awaitable[_T | None]: ...


def pauses(latest: float) -> Iterator[float]:
    """Seconds between one try and the next: longer and longer, up to *latest*."""
    pause = min(SOONEST, latest)
    while True:
        yield pause
        pause = min(2 * pause, latest)
