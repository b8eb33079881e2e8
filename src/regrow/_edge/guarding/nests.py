"""The form of children whose trees are guarded: the nest that there is, and the next one when it was lost."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Sequence

import trio

from regrow._edge.cgroups.leaves import Leaves
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.guarding.guarded import level
from regrow._edge.guarding.hatching import Hatched, hatch
from regrow._edge.guarding.launching import Launch
from regrow._edge.guarding.nest import Nest, Surroundings
from regrow._edge.holding import Make, Take
from regrow._edge.orders.passing import open_gap
from regrow._edge.orders.setup import PLAIN
from regrow._edge.orders.sockets import Sockets
from regrow._specs.protocol import NotLaunched, Refusal


class Nests:
    """Spawns children behind guardians. Made on trio's thread; closed with `close`."""

    def __init__(self, spawner: Spawner, sockets: Sockets, surroundings: Surroundings, *, with_pidfd: bool) -> None:
        self.spawner = spawner
        self.sockets = sockets
        self.gap = open_gap()
        self.null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self.leaves: Leaves | None = None
        self._surroundings = surroundings
        self._with_pidfd = with_pidfd
        self._command: Sequence[str] = ()
        self._nests: set[Nest] = set()  # all of which something is left
        self._nest: Nest | None = None  # the one that takes new children
        self._is_hatching = False
        self._is_closing = False
        self._waiting: list[Launch] = []  # for the next nest
        self._none_left = trio.Event()
        self._was_tried = trio.Event()

    async def prepare(self, commands: Sequence[Sequence[str]]) -> bool:
        """Have the first nest, made by the first of *commands* that works; false if none does."""
        for self._command in commands:
            self._was_tried = trio.Event()
            self._hatch()
            await self._was_tried.wait()
            if self._nest is not None:
                return True
        return False

    # -- holding.Form, launching.Nests ---------------------------------------------------------------------------------

    def spawn(self, make: Make, take: Take) -> None:
        """Spawn what *make* orders, and give the answer to *take*."""
        self.send(Launch(self, make, take))

    def send(self, launch: Launch) -> None:
        """Have *launch* sent by the nest that there is, or is going to be."""
        if self._nest is not None and not self._nest.is_over:
            launch.post(self._nest)
        elif self._is_closing:
            launch.refuse(_refusal("its launcher has ended"))
        else:
            self._waiting.append(launch)
            self._hatch()

    @property
    def containment(self) -> str:
        """The layer that keeps the tree of a child that asks for nothing special in one place."""
        return level(PLAIN, has_leaf=self.leaves is not None and self.leaves.is_for(PLAIN))

    # -- its end -------------------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Let all nests end, and all that they guard; return when nothing of them is left."""
        self._is_closing = True
        for nest in tuple(self._nests):
            nest.close()
        while self._nests:
            self._none_left = trio.Event()
            await self._none_left.wait()

    def close(self) -> None:
        """Give back the rest. What has not ended by now is cut off: it ends when its guardians notice that."""
        self._is_closing = True
        for nest in tuple(self._nests):
            nest.abandon()
        waiting, self._waiting = self._waiting, []
        for launch in waiting:
            launch.refuse(_refusal("its launcher has ended"))
        if self.leaves is not None:
            self.leaves.close()
        os.close(self.null)
        os.close(self.gap)

    # -- hatching ------------------------------------------------------------------------------------------------------

    def _hatch(self) -> None:
        if not self._is_hatching:
            self._is_hatching = True
            self.spawner.submit(self._work, self._hatched)

    def _work(self) -> Hatched | OSError:
        """In a thread."""
        try:
            return hatch(self._command, with_pidfd=self._with_pidfd)
        except OSError as error:
            return error

    def _hatched(self, answer: Hatched | OSError) -> None:
        self._is_hatching = False
        waiting, self._waiting = self._waiting, []
        if isinstance(answer, Hatched):
            self._nest = Nest(answer, self._surroundings, self._ended)
            self._nests.add(self._nest)
            for launch in waiting:
                self.send(launch)
        for launch in waiting if isinstance(answer, OSError) else ():
            launch.refuse(_refusal(f"no guardian can be started: {answer}"))
        self._was_tried.set()

    def _ended(self, nest: Nest) -> None:
        self._nests.discard(nest)
        if not self._nests:
            self._none_left.set()


def _refusal(why: str) -> NotLaunched:
    return NotLaunched(refusal=Refusal.ENGINE, why=why)
