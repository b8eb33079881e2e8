"""What a fake process is made of: a state and some timers. While nothing happens, nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import attrs
import trio

from regrow._specs.child import ChildSpec, Stdin
from regrow._specs.protocol import (
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
)
from regrow.testing import children
from regrow.testing._fake.gallery import Life
from regrow.testing._fake.script import Script
from regrow.testing._fake.timers import Timer, Timers

_HARMLESS = frozenset({"SIGCHLD", "SIGURG", "SIGWINCH"})
_STOPPING = frozenset({"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"})


@attrs.define(eq=False, repr=False)
class Body:
    """Follows its script, takes what its controls do to it, and tells its facts. Once it is gone, nothing happens."""

    life: Life
    _script: Script
    _timers: Timers
    _report: Report

    ignores: set[str] = attrs.field(init=False)
    """Signals that do nothing to it, from now on."""

    stop_takes: float | None = attrs.field(init=False)
    """Seconds from SIGTERM until it exits; `None`: it dies of SIGTERM at once."""

    unkillable: bool = attrs.field(init=False)
    """Whether even SIGKILL does nothing."""

    signals: list[str] = attrs.field(factory=list, init=False)
    """Those it was sent, in order: by the steps of a stop, by calls, by the kill."""

    commands: list[Sequence[str]] = attrs.field(factory=list, init=False)
    """Those that `Run` steps ran for it, in order."""

    end: Exited | Lost | None = attrs.field(default=None, init=False)
    """Its terminal fact, once there is one."""

    readiness: Ready | ReadyFailed | None = attrs.field(default=None, init=False)
    """What became of its start, once that is settled."""

    is_paused: bool = attrs.field(default=False, init=False)

    is_asked: bool = attrs.field(default=False, init=False)
    """Whether it is being stopped."""

    stdin_is_closed: bool = attrs.field(init=False)

    _was_killed: bool = attrs.field(default=False, init=False)
    _input: bytearray = attrs.field(factory=bytearray, init=False)
    _own_timers: list[Timer] = attrs.field(factory=list, init=False)
    _held: list[Callable[[], object]] = attrs.field(factory=list, init=False)  # what it will do when it is resumed
    _when_gone: list[Callable[[], object]] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.ignores = set(self._script.ignores)
        self.stop_takes = self._script.stop_takes
        self.unkillable = self._script.unkillable
        self.stdin_is_closed = self.spec.stdin is not Stdin.PIPE

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

    # -- its life ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Run, and do what the script says."""
        self.tell(Launched(self.pid))
        self._later_itself(self._script.prints_after, self._print_by_itself)
        self._begin_readiness()
        if self._script.exit_after is not None:
            self._later_itself(self._script.exit_after, self._end_by_itself)

    def tell(self, fact: Fact) -> None:
        """Report *fact*."""
        if self.is_running:
            self._report(fact)

    def settle_readiness(self, fact: Ready | ReadyFailed) -> None:
        """Be ready, or never; whichever comes first holds."""
        if self.readiness is None:
            self.readiness = fact
            self.tell(fact)

    def finish(self, *, code: int | None = None, signal: str | None = None) -> None:
        """Be gone."""
        strays, asked, killed = self._script.strays, self.is_asked, self._was_killed
        self.vanish(Exited(code=code, signal=signal, strays=strays, asked=asked, killed=killed))

    def vanish(self, fact: Exited | Lost) -> None:
        """Report the terminal *fact*, and be gone; what is gone already has had its own."""
        if not self.is_running:
            return
        self.end = fact
        for timer in self._own_timers:
            timer.cancel()
        self._report(fact)
        for call in self._when_gone:
            call()

    def when_gone(self, call: Callable[[], object]) -> None:
        """Call *call* after the terminal fact."""
        self._when_gone.append(call)

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
            late = ReadyFailed(f"not ready within {self.spec.start_timeout:g} s")
            left = self.life.asked_at + self.spec.start_timeout - trio.current_time()
            self.later(left, partial(self.settle_readiness, late))

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

    # -- what is done to it --------------------------------------------------------------------------------------------

    def receive(self, signal: str) -> None:
        """Take a signal. While it is paused, all but SIGKILL and SIGCONT wait."""
        if not self.is_running:
            return
        self.signals.append(signal)
        if signal == "SIGCONT":
            self.resume()
        elif signal in _STOPPING:
            self.pause()
        elif signal == "SIGKILL":
            self._obey(signal)
        else:
            self._itself(partial(self._obey, signal))

    def _obey(self, signal: str) -> None:
        if signal in self.ignores | _HARMLESS or (signal == "SIGKILL" and self.unkillable):
            return
        if signal == "SIGTERM" and self.stop_takes is not None:
            self._later_itself(self.stop_takes, partial(self.finish, code=self._script.exit_code))
        else:
            self.finish(signal=signal)

    def kill(self) -> None:
        """Be killed by the one who stops it."""
        self._was_killed = True
        self.receive("SIGKILL")

    def run(self, command: Sequence[str]) -> None:
        """Take the `Run` step of a stop; of all commands only `children.sends` does something."""
        if not self.is_running:
            return
        self.commands.append(command)
        match children.parse(command):
            case ("sends", signal):
                self.receive(signal)
            case _:
                pass

    def read(self, data: bytes) -> None:
        """Be given input."""
        self._input += data
        if self._script.echoes:
            self._itself(partial(self.tell, Output(Stream.STDOUT, data)))

    def end_input(self) -> None:
        """Be told that there is no more input."""
        if not self.stdin_is_closed:
            self.stdin_is_closed = True
            if self._script.echoes:
                self._itself(self._end_by_itself)

    def pause(self) -> None:
        """Do nothing by itself from now on."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on, first with all that it should have done meanwhile."""
        self.is_paused = False
        held, self._held = self._held, []
        for action in held:
            self._itself(action)
