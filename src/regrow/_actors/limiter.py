"""The limiter: one task for all limits of a tree. It sleeps as long as nobody has any.

Once a second it asks the launcher for one sample of everybody who has limits that need one, and decides
(`_decisions.limit`); what is only too old, it knows by the clock. A child that is paused is left alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import trio

from regrow._decisions import limit as decisions
from regrow._decisions.limit import Mark, Reading, Standing
from regrow._specs import event as events
from regrow._specs.exit import Reason
from regrow._specs.limit import Limit, RestartAbove
from regrow._specs.protocol import Key, Sample

if TYPE_CHECKING:
    from regrow._actors.process import Process
    from regrow._actors.tree import Tree

EVERY = 1.0
"""Seconds between two samples of a child."""

_EVIDENCE = 1.0  # seconds that may be spent on what a child is doing that is about to be ended


@attrs.define(eq=False)
class _Watched:
    """A child that has limits. Only the limiter changes it."""

    process: Process
    standing: Standing
    is_sampled: bool
    """Whether its limits need samples."""

    too_old_at: float = math.inf
    """When the next of its limits of age is passed, if it is not paused until then."""

    @property
    def age(self) -> float:
        return trio.current_time() - self.process.launched_at - self.process.hold.total

    def expect_age(self) -> None:
        limit = decisions.next_age(self.standing)
        self.too_old_at = math.inf if limit is None else trio.current_time() + max(0.0, limit - self.age)


class Limiter:
    """Carries out the limits of all children of a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._watched: dict[Key, _Watched] = {}
        self._sleep = trio.CancelScope()
        self._nursery: trio.Nursery
        self._sample_at = math.inf  # when samples are taken next; `inf`: nobody needs any

    # -- what processes tell it ----------------------------------------------------------------------------------------

    def watch(self, process: Process) -> None:
        """It runs: its limits count from now on."""
        if limits := process.spec.limits:
            standing = decisions.begin(limits)
            watched = self._watched[process.key] = _Watched(process, standing, decisions.needs_samples(limits))
            self._expect(watched)

    def forget(self, process: Process) -> None:
        """It is being stopped, or gone."""
        self._watched.pop(process.key, None)

    def go_on(self, process: Process, paused_for: float) -> None:
        """It was paused for so long, which counts for nothing."""
        if watched := self._watched.get(process.key):
            watched.standing = decisions.resumed(watched.standing, paused_for)
            self._expect(watched)

    def sample(self, process: Process) -> Sample | None:
        """The newest sample of it."""
        watched = self._watched.get(process.key)
        last = None if watched is None else watched.standing.last
        return None if last is None else last.sample

    def _expect(self, watched: _Watched) -> None:
        """Be awake when something is to be done about this one."""
        watched.expect_age()
        if watched.is_sampled:
            self._sample_at = min(self._sample_at, trio.current_time() + EVERY)
        self._sleep.deadline = min(self._sleep.deadline, self._sample_at, watched.too_old_at)

    # -- its life ------------------------------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Work, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            while True:
                with trio.CancelScope(deadline=self._next()) as self._sleep:
                    await trio.sleep_forever()
                if trio.current_time() >= self._sample_at:
                    await self._sample_all()
                self._look_at_ages()

    def _next(self) -> float:
        """When something is to be done."""
        return min([self._sample_at, *(watched.too_old_at for watched in self._awake())])

    def _awake(self) -> list[_Watched]:
        return [watched for watched in self._watched.values() if not watched.process.hold.is_held]

    async def _sample_all(self) -> None:
        keys = [watched.process.key for watched in self._awake() if watched.is_sampled]
        self._sample_at = trio.current_time() + EVERY if keys else math.inf
        if keys:
            self._take(await self._tree.launcher.sample_all(keys))

    def _take(self, samples: dict[Key, Sample]) -> None:
        now = trio.current_time()
        for key, sample in samples.items():
            watched = self._watched.get(key)
            if watched is not None and not watched.process.hold.is_held:  # neither gone nor paused meanwhile
                self._stand(watched, decisions.look(watched.standing, Reading(now, sample)))

    def _look_at_ages(self) -> None:
        now = trio.current_time()
        for watched in self._awake():
            if watched.too_old_at <= now:
                self._stand(watched, decisions.grow_old(watched.standing, watched.age))
                watched.expect_age()

    def _stand(self, watched: _Watched, standing: Standing) -> None:
        before, watched.standing = watched.standing, standing
        if standing.marks is before.marks:  # it is far below all of them, as it was
            return
        for limit, mark in decisions.newly_over(before, standing):
            self._act(watched.process, limit, mark)
        watched.process.vitals.concern("limits", *decisions.concerns(standing))

    def _act(self, process: Process, limit: Limit, mark: Mark) -> None:
        where = process.key.path, process.key.incarnation
        if not isinstance(limit, RestartAbove):
            self._tree.announce(events.LimitWarned(*where, limit, mark.value or 0.0))
        elif process.key in self._watched:  # not over two limits at once
            self._tree.announce(events.LimitExceeded(*where, limit, mark.value or 0.0))
            why = decisions.why(limit, mark)
            process.vitals.trouble(why)
            self.forget(process)
            self._nursery.start_soon(self._end, process, why)

    @trio.lowlevel.enable_ki_protection
    async def _end(self, process: Process, why: str) -> None:
        """Note what it is doing, in bounded time, and end it."""
        evidence = None
        assert process.running is not None
        with trio.move_on_after(_EVIDENCE):
            evidence = await process.running.evidence()
        process.end_for(Reason.OVER_LIMIT, why, process.spec.stop, evidence)
