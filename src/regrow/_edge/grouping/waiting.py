"""Who has died: a pidfd tells, or a kqueue, and where there is neither, a sweep."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

from collections.abc import Callable
from functools import partial

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.grouping.handle import Handle
from regrow._edge.grouping.kqueue import Exits, Knotes
from regrow._edge.reactor import Reactor

_FIRST, _LAST = 0.001, 0.1  # seconds between two sweeps: soon after news, and while nothing happens


class Deaths:
    """Tells of each process, once, that it is dead. It is not reaped then."""

    def __init__(self, reactor: Reactor, exits: Exits | None = None) -> None:
        self._reactor = reactor
        self._sweep = Sweep()
        self._knotes = None if exits is None else Knotes(exits, reactor, self._sweep)

    def watch(self, handle: Handle, tell: Callable[[], None]) -> None:
        """Call *tell* when the process is dead."""
        if handle.pidfd is not None:
            self._reactor.watch(handle.pidfd, partial(self._look, handle, handle.pidfd, tell))
        elif self._knotes is not None:
            self._knotes.watch(handle, tell)
        else:
            self._sweep.watch(handle, tell)

    def hurry(self, handle: Handle) -> None:
        """Look soon: there is reason to believe that it is dying."""
        if handle.pidfd is None:
            self._sweep.hurry()

    @enable_ki_protection
    async def run(self) -> None:
        """Do what takes a task, until cancelled; then it may be run again."""
        await self._sweep.run()

    def close(self) -> None:
        """Give back what it needed itself. While the reactor is there."""
        if self._knotes is not None:
            self._knotes.close()

    def _look(self, handle: Handle, pidfd: int, tell: Callable[[], None]) -> None:
        self._reactor.unwatch(pidfd)
        if handle.is_dead():
            tell()
        else:  # a debugger holds the body: the pidfd goes on being readable, but there is nothing to reap yet
            self._sweep.watch(handle, tell)


class Sweep:
    """Looks at every process now and then: soon after each hint that one may be dying, else ten times a second.

    No other way is right on a Linux without pidfds. SIGCHLD belongs to the application; `waitid(P_ALL)` reports its
    children over and over, and is deaf to ours if it ignores SIGCHLD; a thread for each child is worse than a look.
    Most processes are found at once: their end closes their pipes, and that is the hint.
    """

    def __init__(self) -> None:
        self._watched: dict[Handle, Callable[[], None]] = {}
        self._pause = _FIRST
        self._hint = trio.Event()

    def watch(self, handle: Handle, tell: Callable[[], None]) -> None:
        """Call *tell* when the process is dead."""
        self._watched[handle] = tell
        self.hurry()

    def hurry(self) -> None:
        """Look soon, then ever more seldom."""
        self._pause = _FIRST
        self._hint.set()

    @enable_ki_protection
    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            with trio.move_on_after(self._pause if self._watched else float("inf")):
                await self._hint.wait()
            self._hint = trio.Event()
            await trio.sleep(_FIRST)  # hints come in swarms
            self._pause = min(2 * self._pause, _LAST)
            self._look()

    def _look(self) -> None:
        for handle in [handle for handle in self._watched if handle.is_dead()]:
            self._watched.pop(handle)()
