"""What is done to a fake process: signals, commands, input, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import attrs
import trio

from regrow._specs.child import Stdin
from regrow._specs.facts import Output, Stream
from regrow._specs.stop import To
from regrow.exceptions import PlatformNotSupportedError
from regrow.testing import children
from regrow.testing._fake.course import Course
from regrow.testing._fake.family import HARMLESS, STOPPING


@attrs.define(eq=False, repr=False)
class Body(Course):
    """Takes what its controls do to it."""

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

    stdin_is_closed: bool = attrs.field(init=False)

    _held_at: float | None = attrs.field(default=None, init=False)  # since when its launcher has held it still
    _input: bytearray = attrs.field(factory=bytearray, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.ignores = set(self._script.ignores)
        self.stop_takes = self._script.stop_takes
        self.unkillable = self._script.unkillable
        self.stdin_is_closed = self.spec.stdin is not Stdin.PIPE

    def receive(self, signal: str) -> None:
        """Take a signal, alone. While it is paused, all but SIGKILL and SIGCONT wait."""
        if self.has_died:
            return
        self.signals.append(signal)
        if signal == "SIGCONT":
            self.resume()
        elif signal in STOPPING:
            self.pause()
        elif signal == "SIGKILL":
            self._obey(signal)
        else:
            self._itself(partial(self._obey, signal))

    def hear(self, signal: str, to: To) -> None:
        """Take a signal, with all who are in *to*."""
        if self.is_running:
            self.receive(signal)
            if self._held_at is None:
                self.family.hear(signal, to)
            else:
                self._held.append(partial(self.family.hear, signal, to))

    def _obey(self, signal: str) -> None:
        self.family.come(signal)
        if signal in self.ignores and self._script.hears:
            self._say(f"{self._script.hears} {signal}\n")
        if signal in self.ignores | HARMLESS or (signal == "SIGKILL" and self.unkillable):
            return
        if signal == "SIGTERM" and self.stop_takes is not None:
            self._say(self._script.farewell)
            self._later_itself(self.stop_takes, partial(self.finish, code=self._script.exit_code))
        else:
            self.finish(signal=signal)

    def kill(self) -> None:
        """Be killed by the one who stops it, descendants and all."""
        self._was_killed = True
        self.receive("SIGKILL")
        if self.has_died:
            self.kill_strays()
        else:
            self._strays += self.family.kill(only_group=self._is_only_group)

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

    def hold(self) -> None:
        """Be held still by the launcher, descendants and all; the time that it has to become ready stands still too."""
        if not self._script.can_pause:
            raise PlatformNotSupportedError("pause", "the system that this fake stands for")
        if self._held_at is None and not self.has_died:
            self._held_at = trio.current_time()
            if self._late is not None:
                self._late.cancel()
            self.pause()

    def release(self) -> None:
        """Go on, also if it was stopped by a signal."""
        held_at, self._held_at = self._held_at, None
        if held_at is not None:
            self.fail_ready_at(self._late_at + trio.current_time() - held_at)
        self.resume()

    def pause(self) -> None:
        """Do nothing by itself from now on."""
        self.is_paused = True

    def resume(self) -> None:
        """Go on, first with all that it should have done meanwhile."""
        self.is_paused = False
        held, self._held = self._held, []
        for action in held:
            self._itself(action)
