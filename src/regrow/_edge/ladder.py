"""The way down: the steps of a stop, each with its wait, then the kill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

import trio

from regrow._edge.alarms import Alarm, Alarms
from regrow._edge.errand import Errand
from regrow._specs.signals import signal_number
from regrow._specs.stop import CloseStdin, Run, Signal, Step, Stop, To


class Descending(Protocol):
    """A process that is being stopped."""

    def ask(self, number: int, to: To) -> bool:
        """Send it a signal that asks it to end, as far as that is allowed; false if there is no way to."""
        ...

    def close_stdin(self) -> None:
        """Close its standard input."""

    def go_on(self) -> None:
        """Let it go on, if it is paused: else it would not hear what it is told. A signal that asks does that too."""

    def run_errand(self, command: Sequence[str], when_over: Callable[[Errand], None]) -> Errand:
        """Start a command that helps to stop it."""
        ...

    def kill(self) -> None:
        """Kill it, whole tree and all."""

    def get_stuck(self, waited: float) -> None:
        """It is still there, so long after the kill."""

    def ladder_ended(self, ladder: Ladder) -> None:
        """Nothing more is going to be tried."""


class Ladder:
    """One stop of one process. It costs no task: an alarm takes it from step to step."""

    __slots__ = ("_alarm", "_alarms", "_errand", "_has_ended", "_is_dead", "_process", "_steps", "_stop", "kills_at")

    def __init__(self, process: Descending, stop: Stop, alarms: Alarms) -> None:
        self._process = process
        self._stop = stop
        self._alarms = alarms
        self._alarm: Alarm | None = None
        self._steps = iter(stop.steps)
        self._errand: Errand | None = None  # the command of this step, as long as it runs
        self._is_dead = False
        self._has_ended = False
        self.kills_at = trio.current_time() + sum(stop.wait_of(step) for step in stop.steps)
        """When it comes to the kill, at the latest."""

    def see_death(self) -> None:
        """The process is dead: no further step is taken. The command of this one may go on until its time is over."""
        self._is_dead = True
        if self._errand is None:
            self._end()

    def give_way(self) -> None:
        """Another ladder takes over."""
        self._end()

    def descend(self) -> None:
        """Take the next step, and wait for the end of the process, or of the time that the step has."""
        while not self._has_ended:
            self._leave_step()
            step = next(self._steps, None)
            if self._is_dead or step is None:
                self._kill()
                return
            wait = self._stop.wait_of(step)
            if self._take(step) and wait > 0:
                if not self._has_ended:
                    self._alarm = self._alarms.set(wait, self.descend)
                return

    def _kill(self) -> None:
        if self._is_dead:
            self._end()
            return
        self._alarm = self._alarms.set(self._stop.kill_wait, self._get_stuck)
        self._process.kill()

    def _get_stuck(self) -> None:
        self._process.get_stuck(self._stop.kill_wait)
        self._end()

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._leave_step()
            self._process.ladder_ended(self)

    def _leave_step(self) -> None:
        if self._alarm is not None:
            self._alarms.cancel(self._alarm)
            self._alarm = None
        if self._errand is not None:
            errand, self._errand = self._errand, None
            errand.end()

    def _take(self, step: Step) -> bool:
        """Do what *step* says; whether there is anything to wait for then."""
        match step:
            case Signal(signal=name):
                return self._signal(name)
            case Run(command=command):
                self._process.go_on()
                errand = self._process.run_errand(command, self._errand_over)
                if errand.was_refused:
                    return False
                self._errand = None if errand.over.is_set() else errand
                return True
            case CloseStdin():
                self._process.close_stdin()
                self._process.go_on()
                return True
            case _:
                assert_never(step)

    def _signal(self, name: str) -> bool:
        number = signal_number(name)
        if number is None:  # the spec comes from another system
            return False
        return self._process.ask(number, self._stop.to)

    def _errand_over(self, errand: Errand) -> None:
        if self._errand is errand:
            self._errand = None
            if self._is_dead or errand.was_refused:
                self.descend()
