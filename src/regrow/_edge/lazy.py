"""Who is readable, where there is no hurry: many at once, and then a rest. See `reactor.Reactor`.

To wake up for each datagram of a thousand children takes a multiple of what it takes to read them.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import select
import time
from collections.abc import Callable

import trio
from trio.lowlevel import enable_ki_protection

REST = 0.05
"""Seconds between two rounds: so late is heard, at most, what is said."""

_ROUNDS = 8  # in a row for who has more to say than one datagram
_SPELL = 0.003  # seconds after which other tasks have their turn


class LazyReactor:
    """Calls back when descriptors are readable, every `REST` seconds at most, while `run` runs."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[], object]] = {}

    def watch(self, fd: int, call: Callable[[], object]) -> None:
        """Call *call* when *fd* is readable."""
        self._epoll.register(fd, select.EPOLLIN)
        self._calls[fd] = call

    def unwatch(self, fd: int) -> None:
        """Never call for *fd* again."""
        self._epoll.unregister(fd)
        del self._calls[fd]

    @enable_ki_protection
    async def run(self) -> None:
        """Serve all descriptors."""
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            for _ in range(_ROUNDS):
                if not await self._serve():
                    break
            await trio.sleep(REST)

    async def _serve(self) -> bool:
        """Call once for each that is readable now; whether there was any."""
        readable = self._epoll.poll(0, max(len(self._calls), 1))
        until = time.perf_counter() + _SPELL
        for fd, _ in readable:
            call = self._calls.get(fd)
            if call is not None:  # not watched any more, since
                call()
            if time.perf_counter() > until:
                await trio.lowlevel.checkpoint()
                until = time.perf_counter() + _SPELL
        return bool(readable)

    def close(self) -> None:
        """Give back the epoll."""
        self._epoll.close()
