"""Children of our own, each with its process group: what POSIX gives everywhere, and no more than that."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from regrow._edge.grouping.descending import signal_descendants
from regrow._edge.grouping.handle import Handle
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.grouping.spawning import Child, spawn
from regrow._edge.grouping.strays import Strays, has_company
from regrow._edge.grouping.waiting import Deaths
from regrow._edge.holding import Answer, Ending, Make, Spawned, Take
from regrow._edge.orders.order import Order
from regrow._edge.orders.sockets import Sockets
from regrow._edge.signalled import Signalled
from regrow._specs.protocol import NotLaunched
from regrow._specs.stop import To

LEVEL = "group"


class GroupForm:
    """Spawns in threads of our own."""

    containment = LEVEL

    def __init__(self, spawner: Spawner, sockets: Sockets, deaths: Deaths, strays: Strays, *, with_pidfd: bool) -> None:
        self._sockets = sockets
        self.deaths = deaths
        self.strays = strays
        self._spawner = spawner
        self._with_pidfd = with_pidfd

    def spawn(self, make: Make, take: Take) -> None:
        """Spawn what *make* orders, and give the answer to *take*."""
        # The order is made in the thread, not when it is asked for: a thousand environments in a queue are megabytes.
        self._spawner.submit(partial(self._work, make), take)

    def _work(self, make: Make) -> Answer:
        order: Order | NotLaunched = make()
        if isinstance(order, NotLaunched):
            return order
        answer = spawn(order, self._sockets, with_pidfd=self._with_pidfd)
        return self._hold(order, answer) if isinstance(answer, Child) else answer

    def _hold(self, order: Order, child: Child) -> Spawned:
        hold = Grouped(self, child.handle, order)
        spawned = Spawned(hold=hold, stdin=child.stdin, stdout=child.stdout, stderr=child.stderr, file=child.file)
        spawned.parent = os.getpid()
        return spawned


class Grouped(Signalled):
    """A child of our own and its process group. See `holding.Hold`."""

    __slots__ = ("_form", "_handle", "_strays", "_was_killed")

    containment = LEVEL
    trouble = ""

    def __init__(self, form: GroupForm, handle: Handle, order: Order) -> None:
        self._form = form
        self._handle = handle
        self._strays = order.strays
        self._was_killed = False

    @property
    def pid(self) -> int:
        """The number of its main process."""
        return self._handle.pid

    def watch(self, tell: Callable[[], None]) -> None:
        """Call *tell*, once, when the main process is dead."""
        self._form.deaths.watch(self._handle, tell)

    def hurry(self) -> None:
        """Look soon whether it is dead."""
        self._form.deaths.hurry(self._handle)

    def is_dead(self) -> bool:
        """Whether the main process is dead."""
        return self._handle.is_dead()

    def signal(self, number: int, to: To) -> None:
        """Send a signal."""
        if to is To.MAIN:
            self._handle.send(number)
            return
        if to is To.TREE:  # those that have left the group first: a parent that dies of it would hide them
            signal_descendants(self._handle.pid, number)
        self._handle.send_group(number)

    def ask(self, number: int, to: To) -> None:
        """Send a signal that asks it to end."""
        self.signal(number, to)
        self.signal(signal.SIGCONT, to)  # one that is stopped does not hear it before it goes on

    def kill(self) -> None:
        """Kill its group."""
        self._was_killed = True
        with suppress(PermissionError):
            self._handle.send_group(signal.SIGKILL)
        self._form.strays.hasten(self._handle)
        self.hurry()

    def insist(self) -> None:
        """There is nothing stronger than a kill."""

    def end_strays(
        self, done: Callable[[int], None], complain: Callable[[str], None], *, at_once: bool = False
    ) -> None:
        """Kill what is left of its group, when its time is over. What does not die within a second is left alone."""
        if at_once:
            self._strays = 0.0
        if self._is_kept or not has_company(self._handle.pid):
            done(0)
        else:
            self._form.strays.end(self._handle, done, after=0.0 if self._was_killed else float(self._strays))

    def reap(self) -> Ending:
        """Collect the main process."""
        if not self._is_kept:
            self.kill()  # while its number, and that of its group, is its own
        return self._handle.reap()

    def destroy(self) -> None:
        """Kill it, group and all, and reap it. Waits until it is dead."""
        self._handle.destroy()

    @property
    def _is_kept(self) -> bool:
        return self._strays == "keep" and not self._was_killed
