"""What is told at the boundary of a launcher, as values: of which incarnation, what became of it, what it is like."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from regrow._specs.exit import Usage


@attrs.frozen(order=True)
class Key:
    """Which incarnation of which child of which tree. The child sees path and number in its environment."""

    tree: str
    """Random for each opened tree."""

    path: str
    """Where it is in the tree."""

    incarnation: int
    """Counted from 1; never goes back while the tree lives."""

    def __str__(self) -> str:
        return f"{self.path}#{self.incarnation}"


class Stream(enum.StrEnum):
    """What a child printed to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@attrs.frozen
class Launched:
    """The program runs. Always the first fact."""

    pid: int
    """What the operating system calls it, on the machine where it runs."""

    containment: str = ""
    """The layer that keeps its process tree in one place, such as `guardian`; empty: that of the launcher."""


@attrs.frozen
class Ready:
    """It can do its work: its probe says so, or it has none.

    At most one of this and `ReadyFailed` comes, and neither for one that is ready by its completion: its exit says it.
    """


@attrs.frozen
class ReadyFailed:
    """It runs, but it is not going to be ready: its time is over, or its probe is broken. Nobody has stopped it yet."""

    why: str


@attrs.frozen
class Awaiting:
    """It is not ready, and this is what it still takes: for people. Comes anew when that changes."""

    what: str


@attrs.frozen
class Remark:
    """What it says of itself, for people. systemd: `STATUS=`."""

    text: str
    is_answer: bool = False
    """Whether it is the launcher's own instead: what is not done of what it asked for, or cannot be known, and why."""


@attrs.frozen
class Leaving:
    """It says that it is about to end by itself. systemd: `STOPPING=1`."""


@attrs.frozen
class Triggered:
    """It asks to be treated as hung, now. systemd: `WATCHDOG=trigger`."""


@attrs.frozen
class Output:
    """It printed something: bytes as they came, not lines."""

    stream: Stream
    data: bytes


@attrs.frozen
class OutputGap:
    """Output that could not be passed on, and how much of it."""

    stream: Stream
    bytes: int


@attrs.frozen
class Activity:
    """A sign of life, as an age: times of different machines are never compared."""

    source: str
    age: float
    """Seconds since it happened."""


@attrs.frozen
class SourceFailed:
    """A source of signs of life has failed: it raised, said what cannot be, or did not answer in time."""

    source: str
    why: str


@attrs.frozen
class Stuck:
    """Something of its process tree is still there after the kill and the wait for it, or cannot be killed by us.

    It comes at most once, also without a stop: for strays. The terminal fact is still to come.
    """

    waited: float
    """Seconds since the kill."""

    why: str = ""
    """In words, where that says more than the kill: what is out of reach, and why."""


@attrs.frozen(kw_only=True)
class Exited:
    """Terminal: the process, and what its containment reaches of its descendants, is gone."""

    code: int | None = None
    """The exit code, if it ended by one. Neither code nor signal: somebody else took the status."""

    signal: str | None = None
    """The name of the signal that ended it."""

    core_dumped: bool = False
    oom_killed: bool = False
    """Whether the kernel killed it for want of memory."""

    usage: Usage | None = None
    strays: int = 0
    """How many descendants outlived it and were ended."""

    lingered: float = 0.0
    """Seconds since the main process itself ended: so long its strays and its output took."""

    asked: bool = False
    """Whether it was being stopped, by `stop`, `revoke` or the end of `open()`."""

    killed: bool = False
    """Whether that took the kill."""


@attrs.frozen
class Lost:
    """Terminal: its machine, engine or guardian is gone, and what became of it cannot be known."""

    why: str
    loss: str
    """What was lost; the same for all that were lost with it."""


Fact: TypeAlias = (
    Launched | Awaiting | Ready | ReadyFailed | Remark | Leaving | Triggered | Output | OutputGap | Activity
    | SourceFailed | Stuck | Exited | Lost
)  # fmt: skip
Report: TypeAlias = Callable[[Fact], None]
"""Takes a fact at once: it never waits and never raises."""


class Refusal(enum.StrEnum):
    """Why a start did not happen."""

    PROGRAM = "program"
    """The program cannot be executed: the child's fault."""

    CAPACITY = "capacity"
    """No room, here and now: not the child's fault, and not counted."""

    ENGINE = "engine"
    """What should run it is down: not the child's fault."""

    REVOKED = "revoked"
    """Its key had been revoked, or was used before."""


@attrs.frozen(kw_only=True)
class NotLaunched:
    """The answer to a start that failed: definite, nothing runs, and no fact will come."""

    refusal: Refusal
    why: str
    """In words, with what was tried."""

    errno: int | None = None


@attrs.frozen(kw_only=True)
class Sample:
    """One reading of a process and its descendants."""

    rss: int
    """Resident memory in bytes, of all of them."""

    cpu: float
    """CPU seconds so far, of all of them."""

    descendants: int
    """How many there are, without the process itself."""

    threads: int
    """Threads of all of them."""

    open_files: int | None = None
    """Open descriptors of the process itself; `None`: not to be had, or nobody needs it."""

    pss: int | None = None
    """Memory in bytes, of all of them, what is shared divided among those who share it; never more than `rss`.
    `None`: not to be had, or nobody needs it."""


@attrs.frozen
class ThreadState:
    """One thread of a process."""

    name: str
    state: str
    """As that of the process."""

    waits_in: str = ""
    """The kernel function that it waits in, where that is shown."""


@attrs.frozen(kw_only=True)
class Evidence:
    """What can be said about a process that misbehaves, gathered in bounded time."""

    state: str
    """What the kernel says that it does: `running`, `sleeping`, `stopped`, `disk sleep`, `zombie`."""

    waits_in: str = ""
    """The kernel function that it waits in, where that is shown."""

    sample: Sample | None = None

    threads: tuple[ThreadState, ...] = ()
    """Its threads, at most 100 of them. Linux."""

    open_files: tuple[str, ...] = ()
    """What its descriptors are, at most 100 of them: paths, sockets, pipes. Only if a dump was asked for."""

    stack: str = ""
    """What a Python child is at, in all of its threads, as far as that could be had. Only if a dump was asked for."""
