"""Everything that happens to a tree, announced once, as a frozen value.

`seq`, `at` and `time` are filled in when an event is announced; two events are equal if what happened is.
"""

from __future__ import annotations

from typing import Self

import attrs

from regrow._specs.exit import Exit
from regrow._specs.facts import Evidence, Stream
from regrow._specs.limit import RestartAbove, WarnAbove
from regrow._specs.status import Health
from regrow._specs.stop import To


@attrs.frozen
class Event:
    """Something that happened to the child or supervisor at `path`."""

    path: str
    """Where in the tree; `.` is the root."""

    seq: int = attrs.field(default=0, eq=False, kw_only=True)
    """Its number: 1 for the first event of the tree, without gaps."""

    at: float = attrs.field(default=0.0, eq=False, kw_only=True, repr=False)
    """When, on the run's own clock, in seconds."""

    time: float = attrs.field(default=0.0, eq=False, kw_only=True, repr=False)
    """When, in seconds since 1970, for people to read; clocks step, so never compare two of them."""

    def stamped(self, seq: int, at: float, time: float) -> Self:
        """It with its number and its moments: itself, if it has none, because nobody has seen it before."""
        stamped = attrs.evolve(self) if self.seq else self
        for name, value in (("seq", seq), ("at", at), ("time", time)):
            object.__setattr__(stamped, name, value)  # a copy of each event would be the dearest part of announcing it
        return stamped


@attrs.frozen
class ChildAdded(Event):
    """An entry was added while the tree ran."""


@attrs.frozen
class ChildDeleted(Event):
    """An entry was deleted by a call."""


@attrs.frozen
class ChildForgotten(Event):
    """An entry is gone: its child was temporary, or belonged to a dynamic supervisor, and is down."""


@attrs.frozen
class ChildStarted(Event):
    """A program was launched."""

    incarnation: int
    pid: int = attrs.field(default=0, eq=False)
    containment: str = attrs.field(default="", eq=False)
    """The layer that keeps its process tree in one place."""


@attrs.frozen
class ChildWaiting(Event):
    """A child was launched, and is not ready: told then, and whenever it changes what that still takes."""

    incarnation: int
    waiting_for: str
    """What is missing, in words; of a probe with several parts, only those that are."""


@attrs.frozen
class ChildRemarked(Event):
    """A child has said something of itself: `STATUS=` of sd_notify."""

    incarnation: int
    text: str
    is_answer: bool = False
    """Whether its launcher says it instead: what is not done of what the child asked for, or cannot be known, and why.
    """


@attrs.frozen
class ChildReady(Event):
    """A child can do its work."""

    incarnation: int
    after: float = attrs.field(default=0.0, eq=False)
    """Seconds since its launch."""


@attrs.frozen
class ChildStartFailed(Event):
    """A start failed: `exit.why` and `exit.tail` say how. It is no exit as well."""

    incarnation: int
    exit: Exit


@attrs.frozen
class ChildStopping(Event):
    """A child is asked to end."""

    incarnation: int


@attrs.frozen
class ChildExited(Event):
    """A child is gone, and with it what its containment reaches of its descendants."""

    incarnation: int
    exit: Exit


@attrs.frozen
class ChildStuck(Event):
    """A child, or a stray of it, is still there after the kill. Nothing replaces it as long as that is so."""

    incarnation: int
    pid: int = attrs.field(default=0, eq=False)
    why: str = attrs.field(default="", eq=False)
    """In words, where that says more than the kill: what is out of reach, and why."""


@attrs.frozen
class SurvivorEnded(Event):
    """A process that had outlived a supervisor before us was ended, before anything was started."""

    incarnation: int
    """Which one of that supervisor's."""

    pid: int = attrs.field(default=0, eq=False)


@attrs.frozen
class ChildSignalled(Event):
    """Somebody sent a child a signal through its handle."""

    incarnation: int
    signal: str
    to: To = To.MAIN
    """Whom it reached."""


@attrs.frozen
class ChildOutput(Event):
    """A child printed a line, with `output="events"`."""

    incarnation: int
    stream: Stream
    line: str


@attrs.frozen
class OutputMissed(Event):
    """Output of a child that could not be passed on."""

    incarnation: int
    stream: Stream
    bytes: int


@attrs.frozen
class ChildPaused(Event):
    """A child is held still, by a call for it or for a supervisor above it."""

    incarnation: int


@attrs.frozen
class ChildResumed(Event):
    """A child goes on that was paused. One that is stopped while it is paused does not: its stop says it."""

    incarnation: int
    paused_for: float = attrs.field(default=0.0, eq=False)
    """Seconds."""


@attrs.frozen
class SupervisorPaused(Event):
    """All below a supervisor is held still, and nothing is started there."""

    incarnation: int


@attrs.frozen
class SupervisorResumed(Event):
    """All below a supervisor goes on, except for what was paused by itself."""

    incarnation: int
    paused_for: float = attrs.field(default=0.0, eq=False)
    """Seconds."""


@attrs.frozen
class LimitWarned(Event):
    """A child is above one of its `WarnAbove` limits. There is one for each time that it comes to be."""

    incarnation: int
    limit: WarnAbove
    value: float = attrs.field(default=0.0, eq=False)
    """The sample of it: bytes, a share of a core, a number, or seconds."""


@attrs.frozen
class LimitExceeded(Event):
    """A child is above one of its `RestartAbove` limits: it is about to be stopped."""

    incarnation: int
    limit: RestartAbove
    value: float = attrs.field(default=0.0, eq=False)
    """The sample of it: bytes, a share of a core, a number, or seconds."""


@attrs.frozen
class HealthChanged(Event):
    """A child that is ready is better or worse than before. Its other events tell of starts, pauses and exits."""

    health: Health
    why: str = attrs.field(default="", eq=False)
    """In words, what is wrong; empty: nothing."""


@attrs.frozen
class HangSuspected(Event):
    """A child shows no sign of life for longer than its `warn_after`; with `auto_kill=False`, or its `kill_after`."""

    incarnation: int
    idle: float = attrs.field(default=0.0, eq=False)
    """Seconds since its last sign of life."""

    source: str = attrs.field(default="", eq=False)
    """What that sign was; empty: there was none since it began to be watched."""


@attrs.frozen
class ChildActive(Event):
    """A child that seemed to hang shows signs of life again."""

    incarnation: int
    idle: float = attrs.field(default=0.0, eq=False)
    """Seconds since the sign."""

    source: str = attrs.field(default="", eq=False)
    """What it was."""


@attrs.frozen
class ChildHung(Event):
    """A child hangs, and is ended for it: its exit will have the reason `hung`."""

    incarnation: int
    idle: float = attrs.field(default=0.0, eq=False)
    """Seconds since its last sign of life."""

    source: str = attrs.field(default="", eq=False)
    """What that sign was; empty: there was none since it began to be watched."""

    step: str = "terminate"
    """`terminate`: it is asked to end; `kill`: it has not, and is killed."""

    evidence: Evidence | None = attrs.field(default=None, eq=False)
    """What it was doing; `None`: that could not be found out."""


@attrs.frozen
class ActivityFailed(Event):
    """A source of signs of life raised, returned what cannot be, or took too long; it says nothing about the child."""

    incarnation: int
    source: str
    why: str = attrs.field(default="", eq=False)
    count: int = attrs.field(default=1, eq=False)
    """How often a source of this incarnation has failed by now."""


@attrs.frozen
class WatchdogLate(Event):
    """The watchdog woke up late: the machine slept, was overloaded, or we were held. Every child has its time again."""

    by: float = attrs.field(default=0.0, eq=False)
    """Seconds."""


@attrs.frozen
class RestartScheduled(Event):
    """A child is due for restart."""

    delay: float = attrs.field(eq=False)
    """Seconds until the attempt; 0: now."""

    attempt: int
    """Which one in a row."""

    restarts_left: int
    """How many more the supervisor tolerates within its window."""


@attrs.frozen
class RestartCancelled(Event):
    """A child that was due for restart stays down, because it was asked to."""


@attrs.frozen
class SupervisorStarted(Event):
    """A supervisor begins to start its children."""

    incarnation: int


@attrs.frozen
class SupervisorReady(Event):
    """All of its children are ready."""

    incarnation: int


@attrs.frozen
class SupervisorStopping(Event):
    """A supervisor begins to stop its children."""

    incarnation: int
    why: str
    """`asked`, `gave up`, `auto-shutdown` or `failed to start`."""


@attrs.frozen
class SupervisorExited(Event):
    """A supervisor has ended; all its children are gone."""

    incarnation: int
    exit: Exit


@attrs.frozen
class SupervisorGaveUp(Event):
    """A supervisor has used up its restarts."""

    incarnation: int
    culprit: str
    """The path of the child whose exit was one too many."""

    exit: Exit
    """That exit."""


@attrs.frozen
class SpecApplied(Event):
    """A supervisor was given a new spec while it ran."""


@attrs.frozen
class SinkRemoved(Event):
    """A sink raised, and is called no more."""

    sink: str
    error: str


@attrs.frozen
class EventsMissed(Event):
    """Only in a stream of events: its reader was too slow, or began too late, and the journal no longer holds these."""

    count: int
