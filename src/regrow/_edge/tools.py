"""What all processes of one opened launcher share: one task each for all of them, and a few threads."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

from collections.abc import Awaitable, Callable, Iterable, Sequence

import attrs
import trio

from regrow._edge.cgroups.planting import plant
from regrow._edge.grouping.grouped import GroupForm
from regrow._edge.grouping.handle import has_pidfd
from regrow._edge.grouping.kqueue import make_exits
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.grouping.strays import Strays
from regrow._edge.grouping.waiting import Deaths
from regrow._edge.guarding.hatching import guardians
from regrow._edge.guarding.nest import Surroundings
from regrow._edge.guarding.nests import Nests
from regrow._edge.holding import Form, Spawned
from regrow._edge.notify import NotifyEnd, is_wanted
from regrow._edge.notifying import Notifier
from regrow._edge.orders import ordering, refusals
from regrow._edge.orders.environment import Environments
from regrow._edge.orders.order import Order
from regrow._edge.orders.room import make_room
from regrow._edge.orders.sockets import Sockets
from regrow._edge.output.pipes import StdinPipe, make_outputs
from regrow._edge.reactor import make_reactor
from regrow._edge.request import Request
from regrow._edge.sources.pulse import Pulse
from regrow._edge.survivors.remembering import Memory
from regrow._edge.tuning import Tuning
from regrow._edge.workshop import InputEnd, OutputEnd, Workshop
from regrow._specs.activity import Via
from regrow._specs.child import ChildSpec
from regrow._specs.hang import HangPolicy
from regrow._specs.protocol import Key, NotLaunched, Report

_CLOSE = 2.0  # seconds that a thread has that is stuck in an exec; then it is left to itself


class Tools(Workshop):
    """Made on trio's thread, at work within `at_work`, given back with `close`."""

    def __init__(self, tuning: Tuning, memory: Memory) -> None:
        make_room()
        self._memory = memory
        super().__init__(tuning)
        self.with_pidfd = tuning.pidfd and has_pidfd()
        self.reactor = make_reactor(tuning)
        self._notifier = Notifier(self.reactor, with_epoll=tuning.epoll)
        self.deaths = Deaths(self.reactor, make_exits())
        self.strays = Strays()
        self.sockets = Sockets()
        self.environments = Environments(memory.environment)
        self.spawner = Spawner(self.break_down)
        self._group = GroupForm(self.spawner, self.sockets, self.deaths, self.strays, with_pidfd=self.with_pidfd)
        self._nests: Nests | None = None
        self._commands = guardians(tuning)
        self._tuning = tuning
        self.why_no_cgroup = "there are no guardians"

    @property
    def form(self) -> Form:
        """How processes are made."""
        return self._group if self._nests is None else self._nests

    def order(self, request: Request) -> Order | NotLaunched:
        """How to spawn what is wanted, or why that cannot be."""
        try:
            return ordering.order(request, self.environments)
        except (ValueError, MemoryError) as error:  # no bytes stand for a word of it
            return refusals.explain(error, request.spec.command[0], request.spec.cwd)

    def errand(self, request: Request, command: Sequence[str], pid: int) -> Order:
        """How to spawn a command that helps to stop it."""
        return ordering.errand(request, command, pid, self.environments)

    def outputs(self, request: Request, spawned: Spawned) -> list[OutputEnd]:
        """Our ends of what a child prints to."""
        return make_outputs(self.reactor, self.outlets, request, spawned)

    def stdin(self, request: Request, spawned: Spawned) -> InputEnd | None:
        """Our end of what it reads, if that is a pipe or a terminal."""
        return None if spawned.stdin is None else StdinPipe(spawned.stdin, is_terminal=request.spec.terminal)

    def listen_to(self, spec: ChildSpec, report: Report) -> NotifyEnd | None:
        """A socket for what a child of *spec* says, if it is expected to say something."""
        return self._notifier.open(report) if is_wanted(spec) else None

    def with_pulse(self, request: Request) -> Request:
        """*request* with a pipe to beat through, if its hang policy expects that."""
        policy = request.spec.hang
        if not isinstance(policy, HangPolicy) or all(beat.via is not Via.PIPE for beat in policy.beats):
            return request
        try:
            pulse = Pulse(self._notifier.lazy)
        except OSError:
            request.discard()
            raise
        return attrs.evolve(request, pulse=pulse, spec=pulse.dress(request.spec))

    def forget(self, tree: str, path: str) -> None:
        """Give back the sockets of *path*."""
        self.sockets.forget(tree, path)

    def remember(self, key: Key, spawned: Spawned) -> None:
        """Write down that it runs. In a pid namespace of its own, nothing can survive anyway."""
        if spawned.parent is not None:
            pid, level = spawned.hold.pid, spawned.hold.containment
            self._memory.note(key, pid, level, parent=spawned.parent, leaf=spawned.leaf)

    def strike(self, key: Key) -> None:
        """Strike it out."""
        self._memory.strike(key)

    def services(self) -> Iterable[Callable[[], Awaitable[object]]]:
        """The tasks by which deaths and output are noticed."""
        return self.reactor.run, self.deaths.run, self.strays.run, *self._notifier.services()

    async def prepare(self) -> None:
        """Have guardians, where there can be any. While at work."""
        if not self._commands:
            return
        surroundings = Surroundings(self.reactor, self.deaths, self.start_soon)
        nests = Nests(self.spawner, self.sockets, surroundings, with_pidfd=self.with_pidfd)
        self._nests = nests
        if not await nests.prepare(self._commands):
            self._nests = None
            nests.close()
            return
        planted = await plant(self._tuning, self.spawner, self.reactor, self.alarms)
        nests.leaves, self.why_no_cgroup = (None, planted) if isinstance(planted, str) else (planted, "")

    async def end_guardians(self) -> None:
        """Let them end, with all that they guard. While at work."""
        if self._nests is not None:
            await self._nests.end()

    async def close(self) -> None:
        """End the threads, and give back the rest. Bounded."""
        self.sampler.close()
        try:
            if self._nests is not None:
                self._nests.close()
            self.sockets.close()
            with trio.move_on_after(_CLOSE):
                await self.spawner.close()
            await self.outlets.close()
        finally:
            self.deaths.close()
            self._notifier.close()
            self.reactor.close()
