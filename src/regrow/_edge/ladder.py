"""The way down: the steps of a stop, each with its wait, then the kill."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

from collections.abc import Sequence
from typing import Protocol, assert_never

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.errand import Errand
from regrow._specs.signals import signal_number
from regrow._specs.stop import CloseStdin, Run, Signal, Step, Stop, To


class Descending(Protocol):
    """A process that is being stopped."""

    def ask(self, number: int, to: To) -> None:
        """Send it a signal that asks it to end, as far as that is allowed."""

    def close_stdin(self) -> None:
        """Close its standard input."""

    def run_errand(self, command: Sequence[str]) -> Errand:
        """Start a command that helps to stop it."""
        ...

    def kill(self) -> None:
        """Kill it, whole tree and all."""

    def get_stuck(self, waited: float) -> None:
        """It is still there, so long after the kill."""

    def ladder_ended(self, ladder: Ladder) -> None:
        """Nothing more is going to be tried."""


class Ladder:
    """One stop of one process, carried out in a task of the launcher's."""

    def __init__(self, process: Descending, stop: Stop) -> None:
        self._process = process
        self._stop = stop
        self._scope = trio.CancelScope()
        self._dead = trio.Event()
        self.kills_at = trio.current_time() + sum(stop.wait_of(step) for step in stop.steps)
        """When it comes to the kill, at the latest."""

    def see_death(self) -> None:
        """The process is dead: no further step is taken."""
        self._dead.set()

    def give_way(self) -> None:
        """Another ladder takes over."""
        self._scope.cancel()

    @enable_ki_protection
    async def descend(self) -> None:
        """Go down, until the process is dead or stuck."""
        try:
            with self._scope:
                await self._go_down()
        finally:
            self._process.ladder_ended(self)

    async def _go_down(self) -> None:
        for step in self._stop.steps:
            with trio.move_on_after(self._stop.wait_of(step)):
                if await self._take(step):
                    await self._dead.wait()
            if self._dead.is_set():
                return
        self._process.kill()
        with trio.move_on_after(self._stop.kill_wait):
            await self._dead.wait()
        if not self._dead.is_set():
            self._process.get_stuck(self._stop.kill_wait)

    async def _take(self, step: Step) -> bool:
        """Do what *step* says; whether there is anything to wait for then."""
        match step:
            case Signal(signal=name):
                return self._signal(name)
            case Run(command=command):
                return await self._run(command)
            case CloseStdin():
                self._process.close_stdin()
                return True
            case _:
                assert_never(step)

    def _signal(self, name: str) -> bool:
        number = signal_number(name)
        if number is None:  # the spec comes from another system
            return False
        self._process.ask(number, self._stop.to)
        return True

    async def _run(self, command: Sequence[str]) -> bool:
        errand = self._process.run_errand(command)
        try:
            await errand.over.wait()
        finally:
            errand.end()
        return not errand.was_refused
