"""The form of children in jobs: one for all, which ends with us, and in it one for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import count

import attrs

from regrow._edge.grouping.spawner import Spawner
from regrow._edge.holding import Answer, Make, Spawned, Take
from regrow._edge.windows.api import Handle
from regrow._edge.windows.jobbed import LEVEL, Jobbed, Surroundings
from regrow._edge.windows.order import JobOrder
from regrow._edge.windows.spawning import Child, Place, spawn
from regrow._specs.protocol import NotLaunched


@attrs.define(kw_only=True)
class JobSpawned(Spawned):
    """A program that runs in its job; our ends are handles, and not descriptors."""

    close: Callable[[Handle], None]

    def discard(self) -> None:
        """End it: nobody wants it any more."""
        self.hold.destroy()
        for handle in (self.stdin, self.stdout, self.stderr):
            if handle is not None:
                self.close(Handle(handle))
        if self.file is not None:
            os.close(self.file)


class JobForm:
    """Spawns in threads of our own. See `holding.Form`."""

    containment = LEVEL

    def __init__(self, around: Surroundings, spawner: Spawner, outer: Handle, port: Handle) -> None:
        self._around = around
        self._spawner = spawner
        self._outer = outer
        self._port = port
        self._keys = count(1)

    def spawn(self, make: Make, take: Take) -> None:
        """Spawn what *make* orders, and give the answer to *take*."""
        place = Place(
            kernel=self._around.kernel,
            outer=self._outer,
            port=self._port,
            key=next(self._keys),
            has_console=self._around.has_console,
        )
        self._spawner.submit(partial(self._work, make, place), take)

    def _work(self, make: Make, place: Place) -> Answer:
        """In a spawner thread."""
        order: JobOrder | NotLaunched = make()
        if isinstance(order, NotLaunched):
            return order
        answer = spawn(order, place)
        return answer if isinstance(answer, NotLaunched) else self._hold(order, place, answer)

    def _hold(self, order: JobOrder, place: Place, child: Child) -> Spawned:
        return JobSpawned(
            hold=Jobbed(self._around, child.job, place.key, child.created, order),
            stdin=child.stdin,
            stdout=child.stdout,
            stderr=child.stderr,
            file=child.file,
            close=place.kernel.close,
        )
