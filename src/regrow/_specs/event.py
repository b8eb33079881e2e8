"""Everything that happens to a tree, announced once, as a frozen value.

`seq`, `at` and `time` are filled in when an event is announced; two events are equal if what happened is.
"""

from __future__ import annotations

from typing import Self

import attrs

from regrow._specs.exit import Exit
from regrow._specs.facts import Stream
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
