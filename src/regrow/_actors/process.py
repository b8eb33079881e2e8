"""One life of one process: launched, ready, exited. A restart makes a new one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import assert_never

import trio

from regrow._actors.health import Vitals
from regrow._actors.hold import Hold
from regrow._actors.messages import ChildMessage, Completed, Gone, StillThere, Up
from regrow._actors.output import Printed
from regrow._actors.signs import Signs
from regrow._actors.tree import Tree
from regrow._actors.word import Word
from regrow._decisions.entries import Remains
from regrow._decisions.exits import Cause, Life, judge
from regrow._specs import event as events
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit, Reason
from regrow._specs.protocol import (
    Activity,
    Awaiting,
    Evidence,
    Exited,
    Fact,
    Key,
    Launched,
    Leaving,
    Lost,
    NotLaunched,
    Output,
    OutputGap,
    Ready,
    ReadyFailed,
    Refusal,
    Remark,
    RunningProcess,
    SourceFailed,
    Stream,
    Stuck,
    Triggered,
)
from regrow._specs.readiness import Completes
from regrow._specs.stop import KILL, Stop

TAIL_IN_EXIT = 20
"""How many lines of standard error an exit keeps."""


class Process:
    """The actor of one incarnation. It tells its supervisor `Up` or `Completed` at most once, and `Gone` once, last.

    It is stopped by `stop`, or by cancelling its task; either way its process is gone when the task ends, unless it is
    stuck and nobody waits for it any more.
    """

    def __init__(  # noqa: PLR0915  all that is known of a life begins here
        self, tree: Tree, spec: ChildSpec, key: Key, tell: Callable[[ChildMessage], object]
    ) -> None:
        self.tree = tree
        self.spec = spec
        self.key = key
        self.pid: int | None = None
        self.launched_at = trio.current_time()
        self.launched_time = time.time()
        self.ready_at: float | None = None
        self.exit: Exit | None = None
        """How it ended; `None` as long as it has not."""
        self.running: RunningProcess | None = None
        self.containment = ""
        """The layer that keeps its process tree in one place, once it is launched."""
        self.stuck: Stuck | None = None
        """What is known of what is still there after the kill."""
        self.signs = Signs()
        """When it was last heard of."""
        self.hold = Hold(self)
        """Whether it is held still."""
        self.vitals = Vitals(self)
        """How it is."""
        self.word = Word(self)
        """What is said of it."""
        self._tell = tell
        self._printed = Printed(spec.output, self._say)
        self._terminal: Exited | Lost | None = None
        self._ready_failure: str | None = None
        self._cause: Cause | None = None  # why a policy ends it
        self._over = trio.Event()  # it has ended, or is not going to be ready
        self._ended = trio.Event()  # its terminal fact is here, or it is stuck
        self._gone = trio.Event()  # its terminal fact is here
        self._is_launching = False
        self._is_stopping = False
        self._is_ending = False  # its stop has begun
        self._scope = trio.CancelScope()  # around its launch: cancelled by `stop`

    # -- what its supervisor and its handle want of it ---------------------------------------------------------------

    def stop(self) -> None:
        """Stop it, ready or not. Its supervisor is told when it is gone, or stuck."""
        self._is_stopping = True
        if self.running is None:
            self._scope.cancel()
        else:  # here and now, without waking its task: a thousand stops are a thousand calls
            self._begin_to_end(self.running)

    def end_for(self, reason: Reason, why: str, ladder: Stop, evidence: Evidence | None = None) -> None:
        """End it by *ladder* for a *reason* of ours, which its exit will have, unless somebody stops it meanwhile."""
        if self.running is not None and not self._is_ending and not self._has_ended:
            self._cause = Cause(reason, why, evidence)
            self.vitals.trouble(why)
            self._begin_to_end(self.running, ladder)

    @property
    def is_being_ended(self) -> bool:
        """Whether a policy is ending it, nobody else has asked for that, and it is still there."""
        return self._cause is not None and not self._is_stopping and not self._has_ended

    def hurry(self) -> None:
        """If it is being stopped, kill it now."""
        if self._is_ending and self.running is not None:
            self.running.begin_stop(KILL)

    @property
    def can_be_paused(self) -> bool:
        """Whether it runs, and nobody is ending it."""
        return self.running is not None and not self._is_ending and not self._has_ended

    def output(self, stream: Stream, count: int | None = None) -> tuple[str, ...]:
        """The last lines that it printed."""
        return self._printed.lines(stream, count)

    async def wait_gone(self) -> None:
        """Return when its process is gone."""
        await self._gone.wait()

    # -- its life ----------------------------------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Live once, from launch to end."""
        self.tree.processes.add(self)
        try:
            exit = await self._live()
        finally:
            self.tree.processes.discard(self)
        self.exit = exit
        if exit.reason is Reason.FAILED_TO_START:
            self._announce(events.ChildStartFailed(self.key.path, self.key.incarnation, exit))
        elif exit.pid is not None:
            self._announce(events.ChildExited(self.key.path, self.key.incarnation, exit))
        if self._has_completed(exit):
            self._tell(Completed(self.spec.name, exit))
        else:
            self._tell(Gone(self.spec.name, exit))

    async def _live(self) -> Exit:
        refused: NotLaunched | None = None
        try:
            answer = await self._launch()
            if isinstance(answer, NotLaunched):
                refused = answer
            elif answer is not None:
                self.running = answer
                if self._is_stopping:
                    self._begin_to_end(answer)
                elif not self._has_ended:
                    self.tree.limiter.watch(self)
                    self.hold.begin_with_others()
                await self._over.wait()
        finally:  # also when the task is cancelled: its supervisor has broken down
            if self._is_launching or not self._gone.is_set():
                await self._end()  # noqa: ASYNC102  it shields itself, and is bounded
        if not self._gone.is_set() and self.pid is not None:
            await self._wait_for_stuck()
        return self._judge() if refused is None else _not_launched(refused, self.pid)

    async def _launch(self) -> RunningProcess | NotLaunched | None:
        """Ask for the start, for as long as a start may take: a file system may never answer. `None`: it is stopped."""
        with self._scope:
            if self.tree.pauses.holder(self.key.path) is not None:  # nothing is started where a supervisor is paused
                await self.tree.pauses.wait(self.key.path)
                self.launched_at, self.launched_time = trio.current_time(), time.time()
            self._scope.deadline = trio.current_time() + self.spec.start_timeout
            if stuck := self.tree.stuck.get(self.key.path):  # no two incarnations of one child at once
                await stuck.wait_gone()
            self.tree.keeping.begin(self.key.path)
            self._is_launching = True  # until it is known what came of it
            answer = await self.tree.launcher.launch(self.key, self.spec, self._on_fact)
            self._is_launching = False
            return answer
        if self._is_stopping:
            return None
        why = f"not launched within {self.spec.start_timeout:g} s"
        if stuck := self.tree.stuck.get(self.key.path):
            why += f": process {stuck.pid} of {stuck.key} is still there after the kill"
        return NotLaunched(refusal=Refusal.PROGRAM, why=why)

    async def _end(self) -> None:
        """Leave nothing behind: stop what runs, and revoke a launch that was cut off. Both are bounded."""
        if self._is_launching:
            with trio.CancelScope(shield=True):
                await self.tree.launcher.revoke(self.key)
        if self.running is None or self._has_ended:
            return
        self._begin_to_end(self.running)
        with trio.CancelScope(shield=True):
            await self._ended.wait()

    def _begin_to_end(self, running: RunningProcess, ladder: Stop | None = None) -> None:
        if not self._is_ending and not self._has_ended:
            self._is_ending = True
            self._leave_alone()
            self._announce(events.ChildStopping(self.key.path, self.key.incarnation))
            running.begin_stop(KILL if self.tree.is_hurried else ladder or self.spec.stop)

    def _leave_alone(self) -> None:
        """It is being stopped, or is gone: no policy concerns it any more, and it is not paused."""
        self.hold.drop()
        self.tree.limiter.forget(self)
        self.tree.watchdog.forget(self)

    @property
    def _has_ended(self) -> bool:
        """Whether nobody needs to stop it any more: it is gone, or stuck."""
        return self._ended.is_set()

    async def _wait_for_stuck(self) -> None:
        """Something is still there after the kill: say so, and wait on, until it is gone or its supervisor ends."""
        stuck = self.stuck or Stuck(self.spec.stop.kill_wait)
        self._announce(events.ChildStuck(self.key.path, self.key.incarnation, self.pid or 0, stuck.why))
        self._tell(StillThere(self.spec.name, Remains(self.pid, stuck.waited, stuck.why)))
        try:
            await self._gone.wait()
        except trio.Cancelled:  # its supervisor ends: whoever comes next at this path waits for it
            self.tree.stuck[self.key.path] = self
            raise

    # -- what happens to it ------------------------------------------------------------------------------------------

    def _on_fact(self, fact: Fact) -> None:
        match fact:
            case Launched():
                self._on_launched(fact)
            case Ready():
                self._on_ready()
            case ReadyFailed(why):
                self._ready_failure = why
                self._over.set()
            case Output(stream, data):
                self._printed.feed(stream, data)
            case OutputGap(stream, missed):
                self._announce(events.OutputMissed(self.key.path, self.key.incarnation, stream, missed))
            case Exited() | Lost():
                self._on_end(fact)
            case Stuck():
                self._on_stuck(fact)
            case Activity() | Leaving() | Triggered() | SourceFailed():
                self.tree.watchdog.hear(self, fact)
            case Awaiting() | Remark():
                self.word.hear(fact)
            case _:
                assert_never(fact)

    def _on_launched(self, fact: Launched) -> None:
        self.pid = fact.pid
        self.containment = fact.containment or self.tree.containment
        self._announce(events.ChildStarted(self.key.path, self.key.incarnation, fact.pid, self.containment))

    def _on_stuck(self, fact: Stuck) -> None:
        self._leave_alone()
        self.stuck = fact
        self._ended.set()
        self._over.set()

    def _on_end(self, fact: Exited | Lost) -> None:
        self._leave_alone()
        self._printed.finish()
        self._terminal = fact
        self._ended.set()
        self._over.set()
        self._gone.set()
        if self.tree.stuck.get(self.key.path) is self:
            self._end_at_last()

    def _end_at_last(self) -> None:
        """It was stuck, nobody waits for it any more, and it is gone."""
        del self.tree.stuck[self.key.path]
        self.exit = self._judge()
        self._announce(events.ChildExited(self.key.path, self.key.incarnation, self.exit))

    def _on_ready(self) -> None:
        self.ready_at = trio.current_time()
        if not self._is_stopping:
            after = self.ready_at - self.launched_at
            self.vitals.begin()
            self.tree.watchdog.watch(self)
            self._announce(events.ChildReady(self.key.path, self.key.incarnation, after))
            self._tell(Up(self.spec.name))

    def _say(self, stream: Stream, line: str) -> None:
        self._announce(events.ChildOutput(self.key.path, self.key.incarnation, stream, line))

    def _announce(self, event: events.Event) -> None:
        self.tree.announce(event)

    # -- how it ended ------------------------------------------------------------------------------------------------

    def _has_completed(self, exit: Exit) -> bool:
        return exit.reason is Reason.NORMAL and isinstance(self.spec.ready, Completes)

    def _judge(self) -> Exit:
        """What its end means. It is over, one way or another."""
        return judge(
            Life(
                spec=self.spec,
                pid=self.pid,
                terminal=self._terminal,
                launched_at=self.launched_at,
                ready_at=self.ready_at,
                over_at=trio.current_time(),
                is_stopping=self._is_stopping,
                was_stuck=self.stuck is not None,
                ready_failure=self._ready_failure,
                tail=self.output(Stream.STDERR, TAIL_IN_EXIT),
                cause=self._cause,
            )
        )


def _not_launched(answer: NotLaunched, pid: int | None) -> Exit:
    return Exit(
        Reason.FAILED_TO_START,
        why=answer.why,
        errno=answer.errno,
        pid=pid,
        was_refused=answer.refusal in {Refusal.CAPACITY, Refusal.ENGINE},
    )
