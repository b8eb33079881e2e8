"""Who is told when a control group becomes empty: one epoll for all that are waited for, itself readable.

The kernel announces a change of `cgroup.events` as an exceptional condition, which neither trio nor a reactor waits
for; an epoll that does is readable as any other descriptor.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import select
from collections.abc import Callable
from contextlib import suppress

from regrow._edge.cgroups import group
from regrow._edge.reactor import Reactor


class Emptying:
    """Calls back, once for each group, when nothing is in it any more, or when it has vanished."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], object]] = {}
        reactor.watch(self._epoll.fileno(), self._look)

    def watch(self, directory: int, name: str, call: Callable[[], object]) -> None:
        """Call *call* when the group *name* below *directory* is empty, perhaps at once.

        Raises:
            OSError: there is no descriptor left to look with.
        """
        try:
            events = os.open(f"{name}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENODEV}:
                raise
            call()
            return
        self._calls[events] = call
        self._epoll.register(events, select.EPOLLPRI)
        self._look_at(events)

    def _look(self) -> None:
        for events, _ in self._epoll.poll(0):
            if events in self._calls:
                self._look_at(events)

    def _look_at(self, events: int) -> None:
        # Each read also tells the kernel that we know of all changes so far.
        with suppress(OSError):  # it has been removed
            if group.is_populated(os.pread(events, 4096, 0)):
                return
        self._epoll.unregister(events)
        call = self._calls.pop(events)
        os.close(events)
        call()

    def close(self) -> None:
        """Call nobody any more."""
        self._reactor.unwatch(self._epoll.fileno())
        for events in self._calls:
            os.close(events)
        self._epoll.close()
