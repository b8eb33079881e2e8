"""When a child was last heard of, on the run's clock. Time in which it was paused does not count as silence."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

_SAME = 0.001
"""Seconds by which two accounts of one sign may differ: an age is told, and it takes a moment to be told."""


class Signs:
    """The newest sign of life of one incarnation."""

    __slots__ = ("_heard_at", "_held_at", "last_at", "source", "when_heard", "when_resumed")

    def __init__(self) -> None:
        self.last_at = trio.current_time()
        """When its silence began: when it was last heard of, or began to be watched, or had its time again."""
        self.source = ""
        """By which source; empty: it has not been heard of."""
        self.when_heard: Callable[[], object] | None = None
        """Called at a new sign, while somebody has reason to want to know."""
        self.when_resumed: Callable[[], object] | None = None
        """Called when it goes on after a pause."""
        self._heard_at = -math.inf  # the moment of the newest sign itself
        self._held_at: float | None = None

    def touch(self, source: str = "touch") -> None:
        """It shows a sign of life now."""
        self._note(trio.current_time(), source)

    def hear(self, source: str, at: float) -> None:
        """It showed a sign of life at that moment. What is no newer than what is known changes nothing."""
        if at > self._heard_at + _SAME:
            self._note(at, source)

    def _note(self, at: float, source: str) -> None:
        self._heard_at, self.source = at, source
        if self._held_at is not None:  # as if it came when its time was stopped
            at = min(at, self._held_at)
        if at >= self.last_at:  # not from before its silence began to count
            self.last_at = at
            if self.when_heard is not None:
                self.when_heard()

    def begin(self, at: float) -> None:
        """Silence counts from then on at the earliest."""
        self.last_at = max(self.last_at, at)

    def forgive(self) -> None:
        """It has its time again."""
        self.begin(trio.current_time())

    def hold(self) -> None:
        """It is paused: time does not count from now on."""
        self._held_at = trio.current_time()

    def go_on(self) -> None:
        """It is not paused any more: it is as idle as it was when that began."""
        assert self._held_at is not None
        self.last_at += trio.current_time() - self._held_at
        self._held_at = None
        if self.when_resumed is not None:
            self.when_resumed()

    @property
    def is_held(self) -> bool:
        """Whether time does not count now."""
        return self._held_at is not None

    @property
    def idle(self) -> float:
        """Seconds since the newest sign that is known."""
        now = trio.current_time() if self._held_at is None else self._held_at
        return max(0.0, now - self.last_at)
