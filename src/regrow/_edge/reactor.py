"""Whose descriptor is readable: one callback for each, so that an idle child costs no task.

A callback must not wait, and must bear being called for nothing. It handles a bounded piece of work: what is left
makes the descriptor readable again, so nobody starves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.tuning import Tuning

if sys.platform == "linux":
    from regrow._edge.epoll import EpollReactor


class Reactor(Protocol):
    """Calls back when descriptors are readable, while `run` runs."""

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call *call* whenever *fd* is readable, until `unwatch`."""

    def unwatch(self, fd: int) -> None:
        """Never call for *fd* again, if it is watched. Before *fd* is closed, not after."""

    async def run(self) -> None:
        """Serve all descriptors, until cancelled; then it may be run again."""

    def close(self) -> None:
        """Give back what it needed itself."""


class TaskReactor:
    """One task for each descriptor: works wherever trio works."""

    def __init__(self) -> None:
        self._calls: dict[int, Callable[[], object]] = {}
        self._nursery: trio.Nursery | None = None

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call *call* whenever *fd* is readable."""
        self._calls[fd] = call
        if self._nursery is not None:
            self._nursery.start_soon(self._serve, fd, call)

    def unwatch(self, fd: int) -> None:
        """Never call for *fd* again."""
        if self._calls.pop(fd, None) is not None:
            trio.lowlevel.notify_closing(fd)

    @enable_ki_protection
    async def run(self) -> None:
        """Serve all descriptors."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for fd, call in self._calls.items():
                    nursery.start_soon(self._serve, fd, call)
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def close(self) -> None:
        """It needed nothing."""

    @enable_ki_protection
    async def _serve(self, fd: int, call: Callable[[], object]) -> None:
        while self._calls.get(fd) is call:
            try:
                await trio.lowlevel.wait_readable(fd)
            except trio.ClosedResourceError:  # not watched any more; perhaps by another already
                continue
            if self._calls.get(fd) is call:
                call()


def make_reactor(tuning: Tuning) -> Reactor:
    """The best that this system has."""
    if sys.platform == "linux" and tuning.epoll:
        return EpollReactor()
    return TaskReactor()
