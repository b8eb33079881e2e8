"""Things to do at moments of the run's clock: any number of them, and one task that sleeps until the next.

A thousand fakes that wait cost a thousand entries in a heap, not a thousand tasks. The task never wakes up for a timer
that was cancelled, so a mock clock never jumps to a moment at which nothing happens.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

import trio


class Timer:
    """One thing to do, unless it is cancelled first."""

    __slots__ = ("_timers", "action")

    def __init__(self, timers: Timers, action: Callable[[], object]) -> None:
        self._timers = timers
        self.action: Callable[[], object] | None = action  # None: done, or cancelled

    def cancel(self) -> None:
        """Never do it; nothing happens if it is done."""
        if self.action is not None:
            self.action = None
            self._timers.has_changed(self)


class Timers:
    """What is to be done, in order: by moment, and within a moment as it was asked for."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._is_new = trio.Event()  # set when there is another moment to sleep until

    def after(self, delay: float, action: Callable[[], object]) -> Timer:
        """Do *action* after *delay* seconds: at once, before this returns, if that is 0; never, if it is `inf`."""
        timer = Timer(self, action)
        if delay <= 0:
            timer.action = None
            action()
        elif delay < math.inf:
            heapq.heappush(self._heap, (trio.current_time() + delay, next(self._numbers), timer))
            self.has_changed(timer)
        return timer

    def has_changed(self, timer: Timer) -> None:
        """Take note that *timer* is new, or cancelled."""
        if self._heap and self._heap[0][2] is timer:
            self._is_new.set()

    async def run(self) -> None:
        """Do what is due, for ever."""
        while True:
            self._do_due()
            self._is_new = trio.Event()
            with trio.CancelScope(deadline=self._next_at()):
                await self._is_new.wait()

    def _do_due(self) -> None:
        now = trio.current_time()
        while self._next_at() <= now:
            _, _, timer = heapq.heappop(self._heap)
            action, timer.action = timer.action, None
            if action is not None:
                action()

    def _next_at(self) -> float:
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf
