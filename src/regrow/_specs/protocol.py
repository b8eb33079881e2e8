"""The seams: what runs processes, what sees that they are ready, and what listens.

A `Launcher` is the one boundary towards the operating system, a test fake, and other machines. It promises, and
`regrow.testing.check_launcher` checks:

- Each incarnation has a `Key`. A start happens at most once for each key; `revoke` ends that incarnation, or
  refuses it if its start arrives later. A start that is cancelled or that fails leaves nothing behind.
- The facts of one incarnation come in order, and exactly one *terminal* fact, `Exited` or `Lost`, comes last. All
  output comes before it. They may come before `launch` has returned, the terminal one too.
- Leaving `open()` ends every process that it started, also when cancelled.
- Stopping is one call: the ladder is carried out where the process runs, and no timer depends on a network.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import attrs

if TYPE_CHECKING:
    from regrow._specs.child import ChildSpec
    from regrow._specs.event import Event
    from regrow._specs.exit import Usage
    from regrow._specs.stop import Stop


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


# -- facts: what a launcher reports of one incarnation -----------------------------------------------------------------


@attrs.frozen
class Launched:
    """The program runs. Always the first fact."""

    pid: int
    """What the operating system calls it, on the machine where it runs."""


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
class Stuck:
    """It is still there after the kill and the wait for it. Comes at most once; the terminal fact is still to come."""

    waited: float
    """Seconds since the kill."""


@attrs.frozen(kw_only=True)
class Exited:
    """Terminal: the process, and what its containment reaches of its descendants, is gone."""

    code: int | None = None
    """The exit code, if it ended by one. Neither code nor signal: somebody else took the status."""

    signal: str | None = None
    """The name of the signal that ended it."""

    core_dumped: bool = False
    usage: Usage | None = None
    strays: int = 0
    """How many descendants outlived it and were ended."""

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


Fact: TypeAlias = Launched | Ready | ReadyFailed | Output | OutputGap | Activity | Stuck | Exited | Lost
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
    """Open descriptors of the process itself; `None`: not to be had."""


@attrs.frozen(kw_only=True)
class Evidence:
    """What can be said about a process that misbehaves, gathered in bounded time."""

    state: str
    """What the kernel says that it does: `running`, `sleeping`, `stopped`, `disk sleep`, `zombie`."""

    waits_in: str = ""
    """The kernel function that it waits in, where that is shown."""

    sample: Sample | None = None


class RunningProcess(Protocol):
    """The controls of one incarnation. After its terminal fact every call does nothing."""

    async def stop(self, ladder: Stop) -> None:
        """Carry out *ladder*; return when the process is gone or `Stuck`. That fact comes before the return.

        It begins even in a scope that is cancelled already; cancelling cancels the wait, not the stop. A second call
        whose kill comes sooner takes over from the first. What is paused goes on, so that it hears what it is told.
        """

    def signal(self, name: str) -> None:
        """Send the signal *name* to the main process.

        Raises:
            OSError: it is not ours to signal.
        """

    def pause(self) -> None:
        """Hold it and its process group still.

        Raises:
            PlatformNotSupportedError: this system cannot; nothing was touched.
        """

    def resume(self) -> None:
        """Let it go on."""

    async def sample(self) -> Sample | None:
        """One reading, or `None` if it is gone. Never scans the machine on the event loop."""

    async def evidence(self) -> Evidence | None:
        """What it is doing, or `None` if it is gone."""

    async def write_stdin(self, data: bytes) -> None:
        """Write all of *data*, with `stdin="pipe"`. One call at a time. Cancelling leaves it half written.

        Raises:
            OSError: the child has closed it, or it is no pipe.
        """

    def close_stdin(self) -> None:
        """Close it, if it is a pipe; the child reads its end."""


class OpenLauncher(Protocol):
    """A launcher that can be asked for processes."""

    async def launch(self, key: Key, spec: ChildSpec, report: Report) -> RunningProcess | NotLaunched:
        """Start *spec* as *key*; return when its program runs (exec has succeeded), or why it does not.

        Args:
            key: a new one; one that was used or revoked before is refused.
            spec: what to run. Its probe runs here, its `start_timeout` too: it counts from this call.
            report: is given every fact, from `Launched` to the terminal one.

        Cancelling it leaves nothing behind, once `revoke` has been called for *key*.
        """
        ...

    async def revoke(self, key: Key) -> None:
        """Kill that incarnation and wait until it is gone, or refuse it if its start arrives later.

        Safe to call at any time, more than once, and in a shielded scope: it is bounded by the `kill_wait` of the spec,
        or by that of a `Stop()`.
        """


class Launcher(Protocol):
    """What runs processes, before it is opened."""

    @property
    def containment(self) -> str:
        """The layer that keeps a process tree in one place: `group`, for the session and group of the child."""
        ...

    def check(self, spec: ChildSpec) -> Iterable[str]:
        """What of *spec* it can never do, in words; asked before anything starts."""
        ...

    def open(self) -> AbstractAsyncContextManager[OpenLauncher]:
        """Make it ready. Leaving the block ends every process that it started, also when cancelled.

        What cannot be ended is `Lost`, so that each incarnation has its terminal fact. An error of the block goes on as
        it is. A start that comes at the end, or after it, is answered with `Refusal.ENGINE`.
        """
        ...


# -- probes and sinks --------------------------------------------------------------------------------------------------


@attrs.frozen
class Target:
    """What a probe looks at."""

    key: Key
    pid: int


@runtime_checkable
class Probe(Protocol):
    """A way to see that a child is ready: anything with this method."""

    async def wait_ready(self, target: Target) -> None:
        """Return when *target* can do its work. Cancelled when it dies, or when its time is over.

        Raises:
            Exception: it never will be; the message says why.
        """


class Sink(Protocol):
    """A callable that is given every event, at once and in order. It never waits; one that raises is taken out."""

    def __call__(self, event: Event, /) -> None: ...
