"""The watchdog: one task for all hang policies of a tree. It sleeps until the next silence would matter, and asks then.

Nothing tells it of signs of life, so a child that beats costs it one question per silence that could have been. What it
knows is what a child's `Signs` say, and what the launcher answers. Before it acts on a silence it lets the loop run
once more and asks again: what the child has said may be waiting to be read, if we have been busy ourselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, assert_never

import trio

from regrow._actors.watch import Watch
from regrow._decisions import hang
from regrow._decisions.hang import Do
from regrow._specs import event as events
from regrow._specs.exit import Reason
from regrow._specs.hang import LOOKS, HangPolicy
from regrow._specs.protocol import Activity, Evidence, Leaving, SourceFailed, Triggered

if TYPE_CHECKING:
    from regrow._actors.process import Process
    from regrow._actors.tree import Tree

_MOMENT = 0.005  # seconds before a kill in which it is told, so that this comes before the exit
_FEW = 64  # places in the heap that are not valid any more, and are not worth clearing away


class Watchdog:
    """Carries out the hang policies of all children of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._watches: dict[Process, Watch] = {}
        self._places: list[tuple[float, int, Watch]] = []  # a heap: when to look at whom
        self._numbers = count(1)
        self._known_shortest: float | None = math.inf  # of all thresholds; None: to be looked for
        self._sleep = trio.CancelScope()
        self._nursery: trio.Nursery

    # -- what processes tell it ----------------------------------------------------------------------------------------

    def watch(self, process: Process) -> None:
        """It is ready: its silence counts from now on, or from the end of its start grace."""
        policy = process.spec.hang
        if isinstance(policy, HangPolicy) and not process.is_being_ended:
            process.signs.begin(max(trio.current_time(), process.launched_at + policy.start_grace))
            watch = self._watches[process] = Watch(process, policy)
            self._known_shortest = min(self._shortest, policy.shortest)
            self._sleep.deadline = min(self._sleep.deadline, self._look_up_at())
            process.signs.when_resumed = partial(self._renew, watch)
            self._renew(watch, first=not policy.is_instant)

    def forget(self, process: Process) -> None:
        """It is being stopped, or gone."""
        if watch := self._watches.pop(process, None):
            watch.is_over = True
            self._known_shortest = None  # not now: a thousand may be on their way down
            process.signs.when_heard = process.signs.when_resumed = None
            self._clear_away()

    def hear(self, process: Process, fact: Activity | Leaving | Triggered | SourceFailed) -> None:
        """It, or its launcher, says this by itself."""
        watch = self._watches.get(process)
        match fact:
            case Activity(source, age):
                process.signs.hear(source, trio.current_time() - max(0.0, age))
            case _ if watch is None:
                pass
            case Leaving():  # it is given as long as a stop may take
                watch.wait(process.spec.stop.longest)
            case Triggered():
                process.signs.when_heard = None  # what it says besides makes no difference
                watch.trigger()
                self._renew(watch)
            case SourceFailed(source, why):
                watch.note_failure(source, why)
            case _:
                assert_never(fact)

    # -- its life ------------------------------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Work, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            while True:
                with trio.CancelScope() as self._sleep:
                    self._sleep.deadline = min(self._next_at(), self._look_up_at())
                    await trio.sleep_forever()
                await self._wake()

    def _next_at(self) -> float:
        return self._places[0][0] if self._places else math.inf

    def _look_up_at(self) -> float:
        """When to wake up although nothing is due: that we were held is noticed before anybody is judged by it."""
        return trio.current_time() + self._shortest / LOOKS

    @property
    def _shortest(self) -> float:
        if self._known_shortest is None:
            self._known_shortest = min((watch.policy.shortest for watch in self._watches.values()), default=math.inf)
        return self._known_shortest

    def _renew(self, watch: Watch, *, first: bool = False) -> None:
        """Look at it when there is reason to, from now on: what was planned before does not hold any more.

        A place is never in the past, or we would seem to be late.
        """
        now = trio.current_time()
        at = now if first else max(now, watch.due_at)
        watch.number = next(self._numbers)
        if at < math.inf:
            heappush(self._places, (at, watch.number, watch))
            self._sleep.deadline = min(self._sleep.deadline, at)
            self._clear_away()

    def _clear_away(self) -> None:
        if len(self._places) > _FEW + 2 * len(self._watches):
            self._places = [place for place in self._places if place[1] == place[2].number and not place[2].is_over]
            heapify(self._places)

    async def _wake(self) -> None:
        now = trio.current_time()
        by = now - self._sleep.deadline
        if by > hang.LATE and hang.is_late(by, self._shortest):
            self._forgive(by)
        at_once: list[Watch] = []
        for watch in self._take_due(now):
            if watch.policy.is_instant:
                at_once.append(watch)
            else:
                watch.is_busy = True
                self._nursery.start_soon(self._serve_alone, watch)
        if at_once:
            await self._serve(at_once)

    def _take_due(self, now: float) -> list[Watch]:
        due: list[Watch] = []
        while self._next_at() <= now:
            _, number, watch = heappop(self._places)
            if number == watch.number and not watch.is_over:
                due.append(watch)
        return due

    def _forgive(self, by: float) -> None:
        """We were late, so what we know of silences is worth nothing: they begin anew."""
        self._tree.announce(events.WatchdogLate(".", by=by))
        for process, watch in self._watches.items():
            if not process.signs.is_held:
                process.signs.forgive()
            self._renew(watch)

    # -- looking -------------------------------------------------------------------------------------------------------

    async def _serve_alone(self, watch: Watch) -> None:
        """For one whose sources may take their time."""
        try:
            await self._look([watch])
        finally:
            watch.is_busy = False
        self._act([watch])

    async def _serve(self, watches: list[Watch]) -> None:
        await self._look(watches)
        self._act(watches)

    async def _look(self, watches: Iterable[Watch]) -> None:
        """Ask for signs of life; if there are none, once more, when all has been read that waits to be."""
        silent = [watch for watch in watches if await self._is_silent(watch)]
        if not silent:
            return
        for _ in range(2):  # the first may only wake who reads
            await trio.lowlevel.checkpoint()
        for watch in silent:
            await watch.ask()

    async def _is_silent(self, watch: Watch) -> bool:
        if watch.due_at <= trio.current_time() or watch.is_busy:
            await watch.ask()
        return watch.step is not None

    # -- acting --------------------------------------------------------------------------------------------------------

    def _act(self, watches: Iterable[Watch]) -> None:
        for watch in watches:
            match watch.step:
                case None:
                    pass
                case Do.WARN:
                    self._warn(watch)
                case do:
                    watch.is_busy = True
                    self._nursery.start_soon(self._end, watch, do)
            self._renew(watch)

    def _warn(self, watch: Watch) -> None:
        process = watch.process
        watch.take_step()
        process.signs.when_heard = partial(self._be_active, watch)
        key, signs = process.key, process.signs
        self._tree.announce(events.HangSuspected(key.path, key.incarnation, signs.idle, signs.source))
        process.vitals.concern("hang", f"no sign of life for {signs.idle:.3g} s")
        if watch.steps[-1].do is not Do.WARN:
            self._nursery.start_soon(watch.examine)

    def _be_active(self, watch: Watch) -> None:
        """One that was warned of has been heard of."""
        process = watch.process
        process.signs.when_heard = None
        watch.begin_again()
        key, signs = process.key, process.signs
        self._tree.announce(events.ChildActive(key.path, key.incarnation, signs.idle, signs.source))
        process.vitals.concern("hang")
        self._renew(watch)

    async def _end(self, watch: Watch, do: Do) -> None:
        """End one that hangs, unless it is heard of while that is looked into."""
        evidence = await watch.evidence()
        await watch.ask()
        watch.is_busy = False
        if watch.step is not do:
            self._renew(watch)
            return
        process = watch.process
        idle, source = process.signs.idle, process.signs.source
        stop = hang.ladder(do, watch.policy, process.spec.stop, idle)
        self._tell_hung(process, "kill" if do is Do.KILL else "terminate", evidence)
        process.end_for(Reason.HUNG, hang.why(idle, source), stop, evidence)
        if do is Do.KILL:
            return
        with trio.move_on_after(max(0.0, hang.kills_after(stop) - _MOMENT)):
            await process.wait_gone()
        if process.is_being_ended:
            self._tell_hung(process, "kill", evidence)

    def _tell_hung(self, process: Process, step: str, evidence: Evidence | None) -> None:
        key, signs = process.key, process.signs
        hung = events.ChildHung(key.path, key.incarnation, signs.idle, signs.source, step, evidence)
        self._tree.announce(hung)
