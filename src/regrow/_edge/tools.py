"""What all processes of one opened launcher share: one task each for all of them, and a few threads."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple, Unpack

import trio

from regrow._edge.environment import Environments
from regrow._edge.grouped import GroupForm
from regrow._edge.handle import has_pidfd
from regrow._edge.hatching import guardians
from regrow._edge.holding import Form
from regrow._edge.nest import Surroundings
from regrow._edge.nests import Nests
from regrow._edge.outlet import Outlets
from regrow._edge.reactor import make_reactor
from regrow._edge.sockets import Sockets
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
        self.sockets = Sockets()
        self.environments = Environments()
        self.spawner = Spawner()
        self.outlets = Outlets(tuning, self.start_soon)
        self._group = GroupForm(self.spawner, self.deaths, self.strays, with_pidfd=self.with_pidfd)
        self._nests: Nests | None = None
        self._commands = guardians(tuning)
        self._nursery: trio.Nursery | None = None

    @property
    def form(self) -> Form:
        """How processes are made."""
        return self._group if self._nests is None else self._nests

    async def prepare(self) -> None:
        """Have guardians, where there can be any. While at work."""
        if not self._commands:
            return
        surroundings = Surroundings(self.reactor, self.deaths, self.start_soon)
        nests = Nests(self.spawner, self.sockets, surroundings, with_pidfd=self.with_pidfd)
        self._nests = nests
        if not await nests.prepare(self._commands):
            self._nests = None
            nests.close()

    async def end_guardians(self) -> None:
        """Let them end, with all that they guard. While at work."""
        if self._nests is not None:
            await self._nests.end()

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
            if self._nests is not None:
                self._nests.close()
            self.sockets.close()
            with trio.move_on_after(_CLOSE):
                await self.spawner.close()
            await self.outlets.close()
        finally:
            self.reactor.close()
