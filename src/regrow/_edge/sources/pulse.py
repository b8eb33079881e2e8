"""The heartbeat pipe: a descriptor that a child is given, and whatever it writes there is a beat."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os

import attrs
import trio

from regrow._edge.reactor import Reactor
from regrow._specs.child import ChildSpec
from regrow._specs.settings import FIRST_FD

VARIABLE = "REGROW_HEARTBEAT_FD"

_CHUNK = 64 * 1024  # bytes: all that a pipe holds, usually


class Pulse:
    """Both ends of the pipe, until the child has its own."""

    def __init__(self, reactor: Reactor) -> None:
        """Make it; it is read when *reactor* says that there is something.

        Raises:
            OSError: there is no room for it.
        """
        self.last: float | None = None
        """When it beat last, on the run's clock."""
        self._reactor = reactor
        self._ours, self._theirs = os.pipe()
        self._is_watched = False
        os.set_blocking(self._ours, False)

    def dress(self, spec: ChildSpec) -> ChildSpec:
        """*spec* with the child's end, at the first number that is free."""
        number = FIRST_FD + len(spec.sockets)
        while number in spec.fds:
            number += 1
        env = {**spec.env, VARIABLE: str(number)}
        return attrs.evolve(spec, fds={**spec.fds, number: self._theirs}, env=env)

    def begin(self) -> None:
        """The child has its end, and ours is read from now on."""
        self._close_theirs()
        self._is_watched = True
        self._reactor.watch(self._ours, self._read)

    def read(self) -> float | None:
        """When it beat last, what has not been read yet included."""
        self._read()
        return self.last

    def close(self) -> None:
        """Nobody listens any more."""
        self._close_theirs()
        self._unwatch()
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def _read(self) -> None:
        if self._ours < 0:
            return
        try:
            data = os.read(self._ours, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self.last = trio.current_time()
        else:  # nobody has the other end any more: it would be readable for ever
            self._unwatch()

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._reactor.unwatch(self._ours)

    def _close_theirs(self) -> None:
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1
