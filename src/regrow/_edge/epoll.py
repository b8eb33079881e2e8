"""One epoll for the descriptors of all children, itself watched by one task of trio's: an epoll is readable, too."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import select
from collections.abc import Callable

import trio
from trio.lowlevel import enable_ki_protection

BATCH = 16
"""How many callbacks run in a row before other tasks have their turn. The kernel takes the ready ones in turn."""


class EpollReactor:
    """Calls back when descriptors are readable, while `run` runs. See `reactor.Reactor`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], object]] = {}

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call *call* whenever *fd* is readable."""
        self._epoll.register(fd, select.EPOLLIN)
        self._calls[fd] = call

    def unwatch(self, fd: int) -> None:
        """Never call for *fd* again."""
        # Closing it would not be enough: a child between fork and exec still has a copy, which the epoll reports.
        self._epoll.unregister(fd)
        del self._calls[fd]

    @enable_ki_protection
    async def run(self) -> None:
        """Serve all descriptors."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            for fd, _ in self._epoll.poll(0, BATCH):
                call = self._calls.get(fd)  # none, if a call before it in this batch has unwatched it
                if call is not None:
                    call()

    def close(self) -> None:
        """Give back the epoll."""
        self._epoll.close()
