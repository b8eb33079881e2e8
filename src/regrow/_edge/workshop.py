"""What a process needs of its launcher, whatever the system: `tools` has it for POSIX, `windows.tools` for Windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

import trio

from regrow._edge.alarms import Alarms
from regrow._edge.holding import Form, Spawned
from regrow._edge.notify import NotifyEnd
from regrow._edge.output.outlet import Outlets
from regrow._edge.request import Request
from regrow._edge.sampling.sampler import Sampler
from regrow._edge.tuning import Tuning
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key, Report

_Args = TypeVarTuple("_Args")
_T = TypeVar("_T")

_LOOKS = 4  # how many threads look at processes at once
_LOOK = 5.0  # seconds that a look at a process may take


class OutputEnd(Protocol):
    """Our end of a child's standard output or error."""

    def begin(self, when_over: Callable[[OutputEnd], None]) -> None:
        """Read it, whenever there is something; *when_over* is called, once, when it is closed."""

    def drain(self) -> None:
        """The child is dead: read what is there, if that can be done at once."""

    def finish(self) -> None:
        """Read what is there, and close: somebody else holds the other end."""


class InputEnd(Protocol):
    """Our end of a child's standard input."""

    async def write(self, data: bytes) -> None:
        """Write all of *data*. Cancelling leaves it half written.

        Raises:
            OSError: the child has closed it, or we have.
            trio.BusyResourceError: another write is not done yet.
        """

    def close(self) -> None:
        """Close it: the child reads its end. A write that waits fails."""


class Workshop(ABC):
    """What all processes of one opened launcher share. At work within `at_work`, given back with `close`."""

    def __init__(self, tuning: Tuning) -> None:
        self.drain = tuning.drain
        self.outlets = Outlets(tuning, self.start_soon)
        self.alarms = Alarms()
        self.sampler = Sampler()
        self._limiter = trio.CapacityLimiter(_LOOKS)
        self._nursery: trio.Nursery | None = None

    @property
    @abstractmethod
    def form(self) -> Form:
        """How processes are made."""

    @abstractmethod
    def order(self, request: Request) -> Any:
        """How to spawn what is wanted, as its form understands it, or `NotLaunched`. Perhaps in a thread."""

    @abstractmethod
    def errand(self, request: Request, command: Sequence[str], pid: int) -> Any:
        """How to spawn a command that helps to stop it."""

    @abstractmethod
    def outputs(self, request: Request, spawned: Spawned) -> list[OutputEnd]:
        """Our ends of what a child prints to."""

    @abstractmethod
    def stdin(self, request: Request, spawned: Spawned) -> InputEnd | None:
        """Our end of what it reads, if there is one."""

    def listen_to(self, spec: ChildSpec, report: Report) -> NotifyEnd | None:
        """Where a child of *spec* is going to say how it is; `None`: nowhere.

        Raises:
            OSError: there is no room for that.
        """
        return None

    def with_pulse(self, request: Request) -> Request:
        """*request* with the pipe that its child is to beat through, if it is.

        Raises:
            OSError: there is no room for that; the request is discarded.
        """
        return request

    def forget(self, tree: str, path: str) -> None:  # noqa: B027  not everybody keeps something
        """Give back what is kept for the next incarnation of *path*."""

    def remember(self, key: Key, spawned: Spawned) -> None:  # noqa: B027  mostly nobody wants to know it later
        """It runs: whoever comes after us may have to know."""

    def strike(self, key: Key) -> None:  # noqa: B027
        """It is over."""

    @abstractmethod
    def services(self) -> Iterable[Callable[[], Awaitable[object]]]:
        """The tasks by which deaths and output are noticed: cancelled at the end of work, begun anew with the next."""

    async def prepare(self) -> None:  # noqa: B027  most have nothing to do
        """Have what takes a while to be had. While at work."""

    async def end_guardians(self) -> None:  # noqa: B027  most have none
        """Let them end, with all that they guard, where there are any. While at work."""

    @abstractmethod
    async def close(self) -> None:
        """End the threads, and give back the rest. Bounded."""

    def start_soon(self, task: Callable[[Unpack[_Args]], Awaitable[object]], *args: *_Args) -> bool:
        """Start *task* in the background; false between two stretches of work, when nothing is started any more."""
        if self._nursery is None:
            return False
        self._nursery.start_soon(task, *args)
        return True

    def break_down(self, error: Exception) -> None:
        """Something of ours has failed in a way that nobody has thought of: work ends with it, as with a task's."""
        self.start_soon(_raise, error)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Within the block, deaths and output are noticed. Its end, or an error in a task, cancels every task."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for task in (self.alarms.run, *self.services()):
                    nursery.start_soon(task)
                yield
            finally:
                self._nursery = None
                nursery.cancel_scope.cancel()

    async def look(self, reader: Callable[[], _T]) -> _T | None:
        """What *reader* sees of a process, in a thread; `None` if that takes too long."""
        with trio.move_on_after(_LOOK):
            return await trio.to_thread.run_sync(reader, limiter=self._limiter, abandon_on_cancel=True)
        return None


async def _raise(error: Exception) -> None:  # noqa: ASYNC124  a task has to be
    raise error
