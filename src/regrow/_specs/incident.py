"""What policies find out and do: pauses, limits, health, hangs. Some of the events; `event` has all."""

from __future__ import annotations

import attrs

from regrow._specs.announced import Event
from regrow._specs.facts import Evidence
from regrow._specs.limit import RestartAbove, WarnAbove
from regrow._specs.status import Health


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
