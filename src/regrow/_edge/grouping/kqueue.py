"""Who has died, where there is a kqueue (macOS, the BSDs): it tells of exits, and a look says whether it is over.

One kqueue for all children, itself watched by the reactor: a kqueue is readable, too. It is one of our own, as trio's
(`trio.lowlevel.wait_kevent`) would cost a task for each child, and breaks the run when an event comes that nobody waits
for any more. What it says is a hint and no more: macOS tells of an exit before there is a body to collect, and refuses
to tell of a process that is exiting just then; whoever is not quite dead is looked at by the sweep until it is.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import select
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Protocol

import attrs

from regrow._edge.grouping.handle import Handle
from regrow._edge.reactor import Reactor

_MOST = 64  # events that are taken at once; the rest make it readable again


class Exits(Protocol):
    """A kernel's queue of exits."""

    def fileno(self) -> int:
        """A descriptor that is readable when there are some."""
        ...

    def register(self, pid: int) -> bool:
        """Have the exit of *pid* told, once; false if that cannot be had: most often because it is exiting."""
        ...

    def take(self) -> list[int]:
        """The pids of those who have exited, or are just about to; without waiting."""
        ...

    def close(self) -> None:
        """Give it back."""


class Slow(Protocol):
    """Who looks until there is something to see: `waiting.Sweep`."""

    def watch(self, handle: Handle, tell: Callable[[], None]) -> None:
        """Call *tell* when the process is dead."""


@attrs.frozen
class _Watched:
    handle: Handle
    tell: Callable[[], None]


class Knotes:
    """Tells of each process, once, that it is dead. It is not reaped then."""

    def __init__(self, exits: Exits, reactor: Reactor, sweep: Slow) -> None:
        self._exits = exits
        self._reactor = reactor
        self._sweep = sweep
        self._watched: dict[int, _Watched] = {}
        reactor.watch(exits.fileno(), self._hear)

    def watch(self, handle: Handle, tell: Callable[[], None]) -> None:
        """Call *tell* when the process is dead."""
        # Looked at after it was registered: of an exit before that, nobody tells.
        if self._exits.register(handle.pid) and not handle.is_dead():
            self._watched[handle.pid] = _Watched(handle, tell)
        else:
            self._sweep.watch(handle, tell)

    def close(self) -> None:
        """Give back the queue. While the reactor is there."""
        self._reactor.unwatch(self._exits.fileno())
        self._exits.close()

    def _hear(self) -> None:
        for pid in self._exits.take():
            # Nobody: it was dead when it was watched, and may be somebody else by now.
            if watched := self._watched.pop(pid, None):
                self._look(watched)

    def _look(self, watched: _Watched) -> None:
        if watched.handle.is_dead():
            watched.tell()
        else:
            self._sweep.watch(watched.handle, watched.tell)


if sys.platform != "linux":

    class Kqueue:
        """The real one. See `Exits`."""

        def __init__(self) -> None:
            self._queue = select.kqueue()

        def fileno(self) -> int:
            """A descriptor that is readable when there are some."""
            return self._queue.fileno()

        def can_be_watched(self) -> bool:
            """Whether another kqueue, such as trio's, can wait for it: so it is in the sources, not in the manual."""
            wanted = select.kevent(self.fileno(), select.KQ_FILTER_READ, select.KQ_EV_ADD)
            with closing(select.kqueue()) as other:
                try:
                    other.control([wanted], 0)
                except OSError:
                    return False
                return True

        def register(self, pid: int) -> bool:
            """Have the exit of *pid* told, once."""
            flags = select.KQ_EV_ADD | select.KQ_EV_ONESHOT
            wanted = select.kevent(pid, select.KQ_FILTER_PROC, flags, select.KQ_NOTE_EXIT)
            try:
                self._queue.control([wanted], 0)
            except OSError:  # ESRCH: it is exiting; or there is no room
                return False
            return True

        def take(self) -> list[int]:
            """The pids of those who have exited, or are just about to."""
            return [event.ident for event in self._queue.control(None, _MOST, 0)]

        def close(self) -> None:
            """Give it back."""
            self._queue.close()


def make_exits() -> Exits | None:
    """The queue of this system; `None`: there is none, or none that can be used, or no descriptor for it."""
    if sys.platform != "linux":
        with suppress(OSError):
            exits = Kqueue()
            if exits.can_be_watched():
                return exits
            exits.close()
    return None
