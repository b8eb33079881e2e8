"""A command that a stop step runs: no child of the tree; its output is discarded; it ends with its step."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import trio

from regrow._edge.handle import Handle
from regrow._edge.spawner import Answer, Spawner
from regrow._edge.spawning import Order, Spawned, spawn
from regrow._edge.waiting import Deaths
from regrow._specs.protocol import NotLaunched, Refusal


class Errand:
    """One run of one command, over when it is dead and reaped, or could not be executed."""

    def __init__(self, spawner: Spawner, deaths: Deaths, when_over: Callable[[Errand], None]) -> None:
        self._spawner = spawner
        self._deaths = deaths
        self._when_over = when_over
        self._handle: Handle | None = None
        self._is_unwanted = False
        self.over = trio.Event()
        self.was_refused = False

    def begin(self, order: Order) -> None:
        """Start it."""
        self._spawner.submit(partial(self._work, order), self._spawned)

    def end(self) -> None:
        """Kill it, group and all, if it is not over."""
        self._is_unwanted = True
        self._kill()

    def _work(self, order: Order) -> Answer:
        """In a spawner thread."""
        if self._is_unwanted:
            return NotLaunched(refusal=Refusal.REVOKED, why="its step is over")
        return spawn(order)

    def _spawned(self, answer: Answer) -> None:
        if not isinstance(answer, Spawned):
            self.was_refused = True
            self._be_over()
            return
        self._handle = answer.handle
        self._deaths.watch(answer.handle, self._died)
        if self._is_unwanted:
            self._kill()

    def _kill(self) -> None:
        if self._handle is not None:
            with suppress(PermissionError):
                self._handle.send_group(signal.SIGKILL)
            self._deaths.hurry(self._handle)

    def _died(self) -> None:
        assert self._handle is not None
        self._kill()  # what it has left behind in its group
        self._handle.reap()
        self._be_over()

    def _be_over(self) -> None:
        self.over.set()
        self._when_over(self)
