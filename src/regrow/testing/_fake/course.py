"""The course of a fake's life: launched, ready, ended, its strays, gone. While nothing happens, nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import trio

from regrow._specs.activity import Output as PrintedOutput
from regrow._specs.activity import leaves
from regrow._specs.child import ChildSpec
from regrow._specs.facts import (
    Activity,
    Exited,
    Fact,
    Key,
    Launched,
    Lost,
    Output,
    Ready,
    ReadyFailed,
    Report,
    Stream,
    Stuck,
)
from regrow._specs.hang import HangPolicy
from regrow.testing._fake.family import Descendant, Family
from regrow.testing._fake.life import Life
from regrow.testing._fake.script import Script
from regrow.testing._fake.sockets import Sockets
from regrow.testing._fake.timers import Timer, Timers


@attrs.define(eq=False, repr=False)
class Course:
    """Follows its script, and tells its facts. Once it is gone, nothing happens."""

    life: Life
    _script: Script
    _timers: Timers
    _report: Report

    end: Exited | Lost | None = attrs.field(default=None, init=False)
    """Its terminal fact, once there is one."""

    readiness: Ready | ReadyFailed | None = attrs.field(default=None, init=False)
    """What became of its start, once that is settled."""

    is_paused: bool = attrs.field(default=False, init=False)

    is_asked: bool = attrs.field(default=False, init=False)
    """Whether it is being stopped."""

    is_stuck: bool = attrs.field(default=False, init=False)
    """Whether something of it was still there after the kill."""

    family: Family = attrs.field(init=False)
    """Its descendants."""

    _late: Timer | None = attrs.field(default=None, init=False)  # the end of its `start_timeout`
    _late_at: float = attrs.field(default=0.0, init=False)
    _began_at: float = attrs.field(default=0.0, init=False)
    _beat: tuple[float, str] | None = attrs.field(default=None, init=False)  # when it beat last, and how
    _printed_at: float | None = attrs.field(default=None, init=False)  # when it printed last
    _died_at: float | None = attrs.field(default=None, init=False)  # when its main process did
    _last: Exited | None = attrs.field(default=None, init=False)  # its terminal fact, which its strays hold up
    _strays: int = attrs.field(default=0, init=False)
    _was_killed: bool = attrs.field(default=False, init=False)
    _own_timers: list[Timer] = attrs.field(factory=list, init=False)
    _held: list[Callable[[], object]] = attrs.field(factory=list, init=False)  # what it will do when it is resumed
    _when_gone: list[Callable[[], object]] = attrs.field(factory=list, init=False)
    _when_stuck: list[Callable[[], object]] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        plan = [*[Descendant()] * self._script.strays, *self._script.descendants]
        self.family = Family(plan, self.pid + 1, self._timers, self._say)

    @property
    def key(self) -> Key:
        """Which incarnation it is."""
        return self.life.key

    @property
    def spec(self) -> ChildSpec:
        """What it was launched from."""
        return self.life.spec

    @property
    def pid(self) -> int:
        """A number that no operating system hands out."""
        return self.life.pid

    @property
    def is_running(self) -> bool:
        """Whether its terminal fact is still to come."""
        return self.end is None

    @property
    def has_died(self) -> bool:
        """Whether its main process has ended; strays may hold up its terminal fact."""
        return self._died_at is not None or not self.is_running

    @property
    def _is_only_group(self) -> bool:
        return self.life.containment == "group"

    # -- its life ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Run, and do what the script says."""
        self._began_at = trio.current_time()
        self.tell(Launched(self.pid, self.life.containment))
        self.family.come()
        self._later_itself(self._script.prints_after, self._print_by_itself)
        self._begin_readiness()
        if self._script.exit_after is not None:
            self._later_itself(self._script.exit_after, self._end_by_itself)
        self._beat_on()

    def tell(self, fact: Fact) -> None:
        """Report *fact*; a terminal makes one stream of two."""
        if self.spec.terminal and isinstance(fact, Output):
            fact = Output(Stream.STDOUT, fact.data)
        if isinstance(fact, Output):
            self._printed_at = trio.current_time()
        if self.is_running:
            self._report(fact)

    def note_beat(self, source: str) -> None:
        """Show a sign of life, which is there to be asked for."""
        self._beat = trio.current_time(), source

    @property
    def activity(self) -> Activity | None:
        """Its newest sign of life: a beat, or what it printed if its `hang` counts that."""
        policy = self.spec.hang
        source = policy.activity if isinstance(policy, HangPolicy) else None
        signs = [] if self._beat is None else [self._beat]
        if self._printed_at is not None and source and any(isinstance(leaf, PrintedOutput) for leaf in leaves(source)):
            signs.append((self._printed_at, "output"))
        if not signs or not self.is_running:
            return None
        at, what = max(signs)
        return Activity(what, trio.current_time() - at)

    def settle_readiness(self, fact: Ready | ReadyFailed) -> None:
        """Be ready, or never; whichever comes first holds."""
        if self.readiness is None:
            self.readiness = fact
            self.tell(fact)

    def finish(self, *, code: int | None = None, signal: str | None = None) -> None:
        """The main process ends: then its strays do, unless they are kept, and then it is gone."""
        if self.has_died:
            return
        self._cancel_timers()
        self._died_at = trio.current_time()
        self._last = Exited(
            code=code, signal=signal, asked=self.is_asked, killed=self._was_killed, usage=self._script.usage
        )
        patience = 0.0 if self.is_asked else self.spec.strays
        if patience == "keep" or not self._has_company():
            self._go()
        else:
            self.family.when_changed(self._look_for_strays)
            self.later(patience, self.kill_strays)

    def kill_strays(self) -> None:
        """Its main process has ended, and what is left is killed; what cannot be makes it stuck."""
        self._strays += self.family.kill(only_group=self._is_only_group)
        self._look_for_strays()
        if left := self.family.stuck():
            waited = self.spec.stop.kill_wait
            self.later(waited, partial(self.get_stuck, waited, left[0].why))

    def get_stuck(self, waited: float, why: str = "") -> None:
        """Be still there after the kill; that is told once."""
        if self.is_running and not self.is_stuck:
            self.is_stuck = True
            self._report(Stuck(waited, why))
            for call in self._when_stuck:
                call()

    def _look_for_strays(self) -> None:
        if self.has_died and self.is_running and not self._has_company():
            self._go()

    def _has_company(self) -> bool:
        return self.family.is_company(only_group=self._is_only_group)

    def _go(self) -> None:
        assert self._last is not None
        assert self._died_at is not None
        lingered = trio.current_time() - self._died_at
        self.vanish(attrs.evolve(self._last, strays=self._strays, lingered=lingered))

    def vanish(self, fact: Exited | Lost) -> None:
        """Report the terminal *fact*, and be gone; what is gone already has had its own."""
        if not self.is_running:
            return
        self.end = fact
        self._cancel_timers()
        if isinstance(fact, Lost):
            self.family.end()
        self._report(fact)
        for call in self._when_gone:
            call()

    def _cancel_timers(self) -> None:
        for timer in self._own_timers:
            timer.cancel()

    def serve_with(self, sockets: Sockets) -> None:
        """From now until its main process ends, answer whoever connects to *sockets* of its path."""
        if self._script.serves is not None:
            sockets.serve(self.key, self._script.serves)
            self.when_gone(lambda: sockets.leave(self.key))

    def when_gone(self, call: Callable[[], object]) -> None:
        """Call *call* after the terminal fact."""
        self._when_gone.append(call)

    def when_stuck(self, call: Callable[[], object]) -> None:
        """Call *call* when it is stuck."""
        self._when_stuck.append(call)

    def later(self, delay: float, action: Callable[[], object]) -> Timer | None:
        """Do *action* after *delay* seconds, unless it is gone by then."""
        if not self.is_running:
            return None
        timer = self._timers.after(delay, action)
        self._own_timers.append(timer)
        return timer

    def _begin_readiness(self) -> None:
        after = self._script.ready_after
        if after is None and self.spec.ready is None:
            after = 0.0
        if after is not None:
            self._later_itself(after, partial(self.settle_readiness, Ready()))
        if self.readiness is None:
            self.fail_ready_at(self.life.asked_at + self.spec.start_timeout)

    def fail_ready_at(self, at: float) -> None:
        """Be ready by then, or never."""
        if self.readiness is None:
            late = ReadyFailed(f"not ready within {self.spec.start_timeout:g} s")
            self._late_at = at
            self._late = self.later(at - trio.current_time(), partial(self.settle_readiness, late))

    def _beat_on(self) -> None:
        every = self._script.beats_every
        if every is not None and trio.current_time() <= self._began_at + self._script.beats_for:
            self.note_beat("heartbeat")
            self._later_itself(every, self._beat_on)

    def _print_by_itself(self) -> None:
        for stream in Stream:
            if data := getattr(self._script, stream):
                self.tell(Output(stream, data))

    def _end_by_itself(self) -> None:
        if self._script.die_of is None:
            self.finish(code=self._script.exit_code)
        else:
            self.finish(signal=self._script.die_of)

    def _later_itself(self, delay: float, action: Callable[[], object]) -> None:
        self.later(delay, partial(self._itself, action))

    def _itself(self, action: Callable[[], object]) -> None:
        """Do what takes a process that is not held still."""
        if self.is_paused:
            self._held.append(action)
        else:
            action()

    def _say(self, text: str) -> None:
        if text:
            self.tell(Output(Stream.STDOUT, text.encode()))
