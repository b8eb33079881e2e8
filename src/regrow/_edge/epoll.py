"""One epoll for the descriptors of all children, itself watched by one task of trio's: an epoll is readable, too."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import select
import time
from collections.abc import Callable

import trio
from trio.lowlevel import enable_ki_protection

BATCH = 16
"""How many callbacks run in a row, at most, before other tasks have their turn."""

SPELL = 0.003
"""Seconds after which no further callback is begun in such a row; those that are ready stay so."""


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
        if self._calls.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    @enable_ki_protection
    async def run(self) -> None:
        """Serve all descriptors."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            until = time.perf_counter() + SPELL
            for _ in range(BATCH):
                if not self._serve_one() or time.perf_counter() > until:
                    break

    def _serve_one(self) -> bool:
        """Serve one descriptor, if one is ready. Asked for one at a time, the kernel takes them in turn.

        Asked for many, of which only the first were served, it would offer the same ones first again.
        """
        for fd, _ in self._epoll.poll(0, 1):
            self._calls[fd]()
            return True
        return False

    def close(self) -> None:
        """Give back the epoll."""
        self._epoll.close()
