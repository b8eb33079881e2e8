"""Everything that happens to a tree, announced once, as a frozen value.

`seq`, `at` and `time` are filled in when an event is announced; two events are equal if what happened is.
"""

from __future__ import annotations

import attrs

from regrow._specs.announced import Event as Event
from regrow._specs.exit import Exit
from regrow._specs.facts import Stream
from regrow._specs.incident import ActivityFailed as ActivityFailed
from regrow._specs.incident import ChildActive as ChildActive
from regrow._specs.incident import ChildHung as ChildHung
from regrow._specs.incident import ChildPaused as ChildPaused
from regrow._specs.incident import ChildResumed as ChildResumed
from regrow._specs.incident import HangSuspected as HangSuspected
from regrow._specs.incident import HealthChanged as HealthChanged
from regrow._specs.incident import LimitExceeded as LimitExceeded
from regrow._specs.incident import LimitWarned as LimitWarned
from regrow._specs.incident import SupervisorPaused as SupervisorPaused
from regrow._specs.incident import SupervisorResumed as SupervisorResumed
from regrow._specs.incident import WatchdogLate as WatchdogLate
from regrow._specs.stop import To


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
