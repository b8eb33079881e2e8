"""Things to do at moments of the run's clock: one task sleeps for all of them.

A task with a timer for each child is the expensive way: what many children wait for at once (the graces of a thousand
stops) is one heap here, and a cancelled alarm costs nothing but its place in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

import attrs
import trio
from trio.lowlevel import enable_ki_protection

_SPELL = 0.002  # seconds after which others have their turn, when many alarms go off at once
_FEW = 64  # cancelled alarms are not worth clearing away


@attrs.define(eq=False)
class Alarm:
    """Something that is going to be done, unless it is cancelled."""

    deadline: float
    call: Callable[[], None] | None


class Alarms:
    """Calls back at moments, while `run` runs."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, int, Alarm]] = []  # a heap; the number keeps the order of equals
        self._numbers = count()
        self._cancelled = 0
        self._sleep = trio.CancelScope()

    def set(self, after: float, call: Callable[[], None]) -> Alarm:
        """Call *call* after so many seconds; `inf`: never."""
        alarm = Alarm(trio.current_time() + after, call)
        if after != float("inf"):
            heappush(self._alarms, (alarm.deadline, next(self._numbers), alarm))
            self._sleep.deadline = min(self._sleep.deadline, alarm.deadline)
        return alarm

    def cancel(self, alarm: Alarm) -> None:
        """It is not to go off. Nothing happens if it has."""
        if alarm.call is not None:
            alarm.call = None
            self._cancelled += alarm.deadline != float("inf")
            if self._cancelled > _FEW and 2 * self._cancelled > len(self._alarms):
                self._clear_away()

    @enable_ki_protection
    async def run(self) -> None:
        """Work, until cancelled; then it may be run again."""
        while True:
            with trio.CancelScope() as self._sleep:
                if self._alarms:
                    self._sleep.deadline = self._alarms[0][0]
                await trio.sleep_forever()
            self._go_off()

    def _go_off(self) -> None:
        until = time.perf_counter() + _SPELL
        now = trio.current_time()
        while self._alarms and self._alarms[0][0] <= now and time.perf_counter() < until:
            alarm = heappop(self._alarms)[2]
            if alarm.call is None:
                self._cancelled -= 1
            else:
                call, alarm.call = alarm.call, None
                call()

    def _clear_away(self) -> None:
        self._alarms = [entry for entry in self._alarms if entry[2].call is not None]
        heapify(self._alarms)
        self._cancelled = 0
