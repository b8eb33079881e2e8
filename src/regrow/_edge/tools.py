"""What all processes of one opened launcher share: one task each for all of them, and a few threads."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple, Unpack

import trio

from regrow._edge.handle import has_pidfd
from regrow._edge.outlet import Outlets
from regrow._edge.reactor import make_reactor
from regrow._edge.spawner import Spawner
from regrow._edge.strays import Strays
from regrow._edge.tuning import Tuning
from regrow._edge.waiting import Deaths

_Args = TypeVarTuple("_Args")
_T = TypeVar("_T")

_LOOKS = 4  # how many threads look at processes at once
_LOOK = 5.0  # seconds that a look at a process may take
_CLOSE = 2.0  # seconds that a thread has that is stuck in an exec; then it is left to itself


class Tools:
    """Made on trio's thread, at work within `at_work`, given back with `close`."""

    def __init__(self, tuning: Tuning) -> None:
        self.drain = tuning.drain
        self.with_pidfd = tuning.pidfd and has_pidfd()
        self.limiter = trio.CapacityLimiter(_LOOKS)
        self.reactor = make_reactor(tuning)
        self.deaths = Deaths(self.reactor)
        self.strays = Strays()
        self.spawner = Spawner()
        self.outlets = Outlets(tuning, self.start_soon)
        self._nursery: trio.Nursery | None = None

    def start_soon(self, task: Callable[[Unpack[_Args]], Awaitable[object]], *args: *_Args) -> bool:
        """Start *task* in the background; false between two stretches of work, when nothing is started any more."""
        if self._nursery is None:
            return False
        self._nursery.start_soon(task, *args)
        return True

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Within the block, deaths and output are noticed. Its end, or an error in a task, cancels every task."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for task in (self.reactor.run, self.deaths.run, self.strays.run):
                    nursery.start_soon(task)
                yield
            finally:
                self._nursery = None
                nursery.cancel_scope.cancel()

    async def look(self, reader: Callable[[int], _T], pid: int) -> _T | None:
        """What *reader* sees of a process, in a thread; `None` if that takes too long."""
        with trio.move_on_after(_LOOK):
            return await trio.to_thread.run_sync(reader, pid, limiter=self.limiter, abandon_on_cancel=True)
        return None

    async def close(self) -> None:
        """End the threads, and give back the rest. Bounded."""
        try:
            with trio.move_on_after(_CLOSE):
                await self.spawner.close()
            await self.outlets.close()
        finally:
            self.reactor.close()
