"""What a tree is doing now, as one frozen value."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TypeAlias

import attrs

from regrow._specs.exit import Exit
from regrow._specs.facts import Sample


class Health(enum.StrEnum):
    """How a child is, or the worst below a supervisor. What it is now, not what it was: an exit says that."""

    HEALTHY = "healthy"
    """Something judges it, and finds nothing wrong."""

    UNKNOWN = "unknown"
    """Nothing judges it: it has no probe, no hang policy and no limit; or not now: it starts, is paused, or is down
    because it was asked to be, or because its work is done."""

    DEGRADED = "degraded"
    """It was warned, by a hang policy or a limit, and that is not over; or it has used 90 % of what a limit allows."""

    UNHEALTHY = "unhealthy"
    """It is hung, over a limit, stuck, or down although it should be up."""


class State(enum.StrEnum):
    """What an entry is doing. Only `READY` is what the management calls know as *up*, also while it is `PAUSED`."""

    STARTING = "starting"
    """Launched, or about to be, and not ready yet."""

    READY = "ready"
    """It can do its work."""

    PAUSED = "paused"
    """Held still, by a call for it or for a supervisor above it. Behind that it is starting or ready."""

    STOPPING = "stopping"
    """On its way down."""

    RESTARTING = "restarting"
    """Due for restart: in its backoff, or waiting for its turn."""

    STUCK = "stuck"
    """Still there after the kill: the process, or a stray of it."""

    DOWN = "down"
    """Nothing runs, and nothing will until somebody asks."""


@attrs.frozen(kw_only=True)
class ChildStatus:
    """One child, now."""

    path: str
    name: str
    state: State
    pid: int | None = None
    """Of the process that lives now; while it is stuck, of the one that it was."""

    incarnation: int = 0
    """The newest one; 0: it has never been started."""

    uptime: float | None = None
    """Seconds since it was ready."""

    started_at: float | None = None
    """When it was launched, in seconds since 1970, for people to read."""

    waiting_for: str | None = None
    """What it still takes until it is ready."""

    waiting_since: float | None = None
    """For how many seconds that has been waited for."""

    says: str = ""
    """What it has said of itself last, in the words of sd_notify: `STATUS=`."""

    restarts: int = 0
    """How often it was restarted while its entry exists."""

    last_exit: Exit | None = None
    """How the incarnation before, or the last one, ended."""

    next_retry: float | None = None
    """Seconds until its next start, if it is in its backoff."""

    containment: str = ""
    """The layer that keeps its process tree in one place; before it was ever launched, that of the launcher."""

    keeps_strays: bool = False
    """Whether what outlives its main process is left alone (`strays="keep"`)."""

    why: str = ""
    """What is out of reach and why, if it is stuck and that is known."""

    health: Health = Health.UNKNOWN
    """How it is."""

    idle: float | None = None
    """Seconds since its last sign of life that is known; `None`: it is not watched.

    Its sources are asked when a silence would matter, not before: there may have been newer signs.
    """

    activity: str = ""
    """The source of that sign; empty: there was none since it began to be watched."""

    paused_for: float | None = None
    """Seconds since it was paused; `None`: it is not."""

    sample: Sample | None = None
    """The newest reading of its process tree, at most two seconds old; `None`: it has no limits that need one."""


@attrs.frozen(kw_only=True)
class SupervisorStatus:
    """One supervisor and all below it, at one moment."""

    path: str
    name: str
    state: State
    strategy: str
    incarnation: int = 0
    uptime: float | None = None
    restarts: int = 0
    """How often it was restarted itself."""

    restarts_in_window: tuple[float, ...] = ()
    """How many seconds ago each restart was that counts now."""

    restarts_left: int = 0
    """How many more it tolerates now."""

    max_restarts: int = 0
    window: float = 0.0
    last_exit: Exit | None = None
    next_retry: float | None = None
    health: Health = Health.UNKNOWN
    """The worst of those below: unhealthy, degraded, unknown, healthy. Who is down for good does not count."""

    paused_for: float | None = None
    """Seconds since it, or a supervisor above it, was paused; `None`: it is not."""

    children: tuple[AnyStatus, ...] = ()
    """In start order."""

    def __getitem__(self, path: str) -> AnyStatus:
        """The status of what is at *path*, seen from here.

        Raises:
            KeyError: there is none.
        """
        head, _, rest = path.partition("/")
        for child in self.children:
            if child.name == head:
                if not rest:
                    return child
                if isinstance(child, SupervisorStatus):
                    return child[rest]
        raise KeyError(path)

    def walk(self) -> Iterator[AnyStatus]:
        """This one and all below it: parents first, siblings in start order."""
        yield self
        for child in self.children:
            if isinstance(child, SupervisorStatus):
                yield from child.walk()
            else:
                yield child


AnyStatus: TypeAlias = ChildStatus | SupervisorStatus


@attrs.frozen(kw_only=True)
class ChildCount:
    """How many children a supervisor has. OTP: `count_children`."""

    entries: int
    active: int
    """Those with a live process right now."""

    supervisors: int
    processes: int
    """Entries that are processes, alive or not."""


@attrs.frozen(kw_only=True)
class Statistics:
    """Numbers about one child, or about a supervisor and all below it, since the tree was opened."""

    launches: int = 0
    starts_failed: int = 0
    ready: int = 0
    exits: int = 0
    crashes: int = 0
    """Exits that were abnormal."""

    restarts: int = 0
    """Attempts to restart, those included that were not counted because the start was refused."""

    stops: int = 0
    kills: int = 0
    """Stops that took the kill."""

    stuck: int = 0
    gave_up: int = 0
    running: int = 0
    """Live processes right now."""
