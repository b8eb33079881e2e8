"""The seams: what runs processes, what sees that they are ready, and what listens.

A `Launcher` is the one boundary towards the operating system, a test fake, and other machines. It promises, and
`regrow.testing.check_launcher` checks:

- Each incarnation has a `Key`. A start happens at most once for each key; `revoke` ends that incarnation, or
  refuses it if its start arrives later. A start that is cancelled or that fails leaves nothing behind.
- The facts of one incarnation come in order, and exactly one *terminal* fact, `Exited` or `Lost`, comes last. All
  output comes before it. They may come before `launch` has returned, the terminal one too.
- Leaving `open()` ends every process that it started, also when cancelled.
- Stopping is one call: the ladder is carried out where the process runs, and no timer depends on a network.
- What a child is started with is what its spec says, or the start is refused; it inherits nothing else of us.
- The sockets of a spec stay open from the first start of a path until `forget`, a start whose spec does not name them,
  or the end of `open()`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from regrow._specs.facts import Activity as Activity
from regrow._specs.facts import Awaiting as Awaiting
from regrow._specs.facts import Evidence as Evidence
from regrow._specs.facts import Exited as Exited
from regrow._specs.facts import Fact as Fact
from regrow._specs.facts import Key as Key
from regrow._specs.facts import Launched as Launched
from regrow._specs.facts import Leaving as Leaving
from regrow._specs.facts import Lost as Lost
from regrow._specs.facts import NotLaunched as NotLaunched
from regrow._specs.facts import Output as Output
from regrow._specs.facts import OutputGap as OutputGap
from regrow._specs.facts import Ready as Ready
from regrow._specs.facts import ReadyFailed as ReadyFailed
from regrow._specs.facts import Refusal as Refusal
from regrow._specs.facts import Remark as Remark
from regrow._specs.facts import Report as Report
from regrow._specs.facts import Sample as Sample
from regrow._specs.facts import SourceFailed as SourceFailed
from regrow._specs.facts import Stream as Stream
from regrow._specs.facts import Stuck as Stuck
from regrow._specs.facts import ThreadState as ThreadState
from regrow._specs.facts import Triggered as Triggered
from regrow._specs.stop import To

if TYPE_CHECKING:
    from regrow._specs.child import ChildSpec
    from regrow._specs.event import Event
    from regrow._specs.stop import Stop


class RunningProcess(Protocol):
    """The controls of one incarnation. After its terminal fact every call does nothing."""

    def begin_stop(self, ladder: Stop) -> None:
        """Carry out *ladder*, which ends in the terminal fact or in `Stuck`, within its longest time.

        A second call whose kill comes sooner takes over from the first. What is paused goes on, so that it hears what
        it is told. What is stuck is killed once more.
        """

    async def stop(self, ladder: Stop) -> None:
        """Begin to stop it, and return when it is gone or `Stuck`. That fact comes before the return.

        It begins even in a scope that is cancelled already; cancelling cancels the wait, not the stop. What is stuck is
        not waited for.
        """

    def signal(self, name: str, to: To = To.MAIN) -> None:
        """Send the signal *name* to the main process, its group, or its whole tree.

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

    async def evidence(self, dump: bool = False) -> Evidence | None:
        """What it is doing, or `None` if it is gone. Bounded: two seconds.

        With *dump* also its open files, and the stack of a program that can be asked for it (see `HangPolicy.dump`).
        What that makes it do, such as to print, is no activity.
        """

    async def activity(self) -> Activity | None:
        """The newest sign of life that the sources of its `hang` know of, asked now; `None`: none yet, or it is gone.

        Bounded, by the timeouts of the sources; they report `SourceFailed` when they raise, lie or take longer. It
        returns without waiting for anything if all of them know at once (`HangPolicy.is_instant`).
        """

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

    async def sample_all(self, keys: Collection[Key]) -> dict[Key, Sample]:
        """One reading of each of these, off the event loop. Who is gone, or cannot be read, is left out.

        Bounded. A child is read as far as its `limits` need it: `pss` if it may be above one of memory, `open_files` if
        there is one of descriptors.
        """
        ...

    async def revoke(self, key: Key) -> None:
        """Kill that incarnation and wait until it is gone, or refuse it if its start arrives later.

        Safe to call at any time, more than once, and in a shielded scope: it is bounded by the `kill_wait` of the spec,
        or by that of a `Stop()`.
        """

    def forget(self, tree: str, path: str) -> None:
        """Give back what is kept for the next incarnation of *path*, such as its sockets: there will be none.

        Nothing of it runs any more. A start that is asked for all the same begins anew.
        """


class Launcher(Protocol):
    """What runs processes, before it is opened."""

    @property
    def containment(self) -> str:
        """The layer that keeps a process tree in one place, unless a spec demands another.

        `group`: its session and group; `guardian`, `guardian+cgroup`, `guardian+namespace` and
        `guardian+cgroup+namespace`: all that comes of it, also when we are killed; `job`: Windows' jobs.
        """
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
