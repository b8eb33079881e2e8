"""One child that is watched: what its policy says, and how far that has come in its present silence."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from regrow._decisions import hang
from regrow._decisions.hang import Do, Silence
from regrow._specs import event as events
from regrow._specs.activity import patience
from regrow._specs.hang import HangPolicy
from regrow._specs.protocol import Evidence

if TYPE_CHECKING:
    from regrow._actors.process import Process

_ANSWER = 1.0
"""Seconds that an answer may take besides the timeouts of its sources: it may come from another machine."""

_EXAMINE = 2.5
"""Seconds that evidence may take; a launcher is to be quicker."""


class Watch:
    """What a watchdog knows of one child. Only the watchdog changes it."""

    def __init__(self, process: Process, policy: HangPolicy) -> None:
        self.process = process
        self.policy = policy
        self.number = 0
        """Of its place in the watchdog's heap: an older place is not valid any more."""
        self.is_over = False
        """It has ended, or is being ended: nothing more is to be decided."""
        self.is_busy = False
        """A task of its own looks at it."""
        self.steps = hang.plan(policy)
        self._done = 0
        self._is_triggered = False
        self._not_before = -math.inf
        self._looked_at = trio.current_time()
        self._failures = 0
        self._evidence: Evidence | None = None
        self._examined: trio.Event | None = None

    # -- what is due ---------------------------------------------------------------------------------------------------

    @property
    def silence(self) -> Silence:
        """How long it has been silent, for decisions."""
        since = -math.inf if self._is_triggered else self.process.signs.last_at
        return Silence(since=since, done=self._done, not_before=self._not_before)

    @property
    def due_at(self) -> float:
        """When there is a reason to look at it; `inf`: never, as things are."""
        if self.is_over or self.is_busy or self.process.signs.is_held:
            return math.inf
        at = hang.due_at(self.steps, self.silence)
        if self.policy.activity is not None and (self._done or not self.policy.is_instant):
            at = min(at, self._looked_at + self.policy.interval)
        return at

    @property
    def step(self) -> Do | None:
        """What is to be done about it now; `None`: nothing."""
        if self.is_over or self.process.signs.is_held:
            return None
        return hang.step_of(self.steps, self.silence, trio.current_time())

    def take_step(self) -> None:
        """The step that was due is taken."""
        self._done += 1

    def trigger(self) -> None:
        """It has asked to be treated as hung: the last step is due."""
        self._is_triggered = True
        self._done = max(self._done, len(self.steps) - 1)

    def wait(self, seconds: float) -> None:
        """Nothing is to be done for so long."""
        self._not_before = max(self._not_before, trio.current_time() + seconds)

    def begin_again(self) -> None:
        """It has been heard of."""
        self._done = 0
        self._is_triggered = False
        self._evidence = self._examined = None

    # -- looking -------------------------------------------------------------------------------------------------------

    async def ask(self) -> None:
        """Ask its sources for its newest sign of life. Bounded."""
        asked_at = self._looked_at = trio.current_time()
        running, activity = self.process.running, self.policy.activity
        if activity is None or running is None:
            return
        why = "did not answer"
        with trio.move_on_after(patience(activity) + _ANSWER):
            try:
                found = await running.activity()
            except Exception as error:  # noqa: BLE001  of a launcher that is not ours: one child of many
                why = repr(error)
            else:
                if found is not None and not math.isnan(found.age):
                    self.process.signs.hear(found.source, asked_at - max(0.0, found.age))
                return
        self.note_failure("launcher", why)

    def note_failure(self, source: str, why: str) -> None:
        """A source has failed."""
        self._failures += 1
        key = self.process.key
        self.process.tree.announce(events.ActivityFailed(key.path, key.incarnation, source, why, self._failures))

    async def examine(self) -> None:
        """Note what it is doing, stack and all, now that it is suspected."""
        self._examined = trio.Event()
        try:
            self._evidence = await self._gather(dump=self.policy.dump is not False)
        finally:
            self._examined.set()

    async def evidence(self) -> Evidence | None:
        """What it is doing now, and the stack of when it was suspected; at once, if there is that. Bounded."""
        if self._examined is not None:
            await self._examined.wait()
        is_examined = self._examined is not None
        now = await self._gather(dump=not is_examined and self.policy.dump is not False)
        return hang.merged(self._evidence, now)

    async def _gather(self, *, dump: bool) -> Evidence | None:
        running = self.process.running
        with trio.move_on_after(_EXAMINE):
            with suppress(Exception):  # of a launcher that is not ours: one child of many
                return None if running is None else await running.evidence(dump=dump)
        return None
