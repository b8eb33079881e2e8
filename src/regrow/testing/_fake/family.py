"""The descendants of one fake: born, signalled, ended, and counted when they outlive it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import attrs

from regrow._specs.signals import to_signals
from regrow._specs.stop import To
from regrow.testing._fake.timers import Timer, Timers

HARMLESS = frozenset({"SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH"})
STOPPING = frozenset({"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"})


@attrs.frozen(kw_only=True)
class Descendant:
    """What one descendant does, as a plain value. By default any signal ends it, and it is there from the launch on."""

    in_group: bool = True
    """Whether it has stayed in the group of the main process."""

    born_on: str = ""
    """The signal at which the main process makes it."""

    lasts: float = math.inf
    """Seconds from its birth until it ends by itself."""

    ignores: frozenset[str] = attrs.field(default=frozenset(), converter=to_signals)
    """Signals that do nothing to it."""

    hears: str = ""
    """What it prints when it hears a signal that it ignores, before the name of that."""

    unkillable: bool = False
    """Whether no signal does anything to it, not even SIGKILL: the child becomes stuck when its main process ends."""

    why: str = ""
    """What is said about that, such as `out of reach: ...`."""


class Family:
    """All descendants of one fake."""

    def __init__(self, plan: Iterable[Descendant], first_pid: int, timers: Timers, say: Callable[[str], None]) -> None:
        self._unborn = {first_pid + number: one for number, one in enumerate(plan)}
        self._timers = timers
        self._say = say
        self._when_changed: Callable[[], object] = lambda: None
        self._ends: dict[int, Timer] = {}
        self.alive: dict[int, Descendant] = {}

    def come(self, signal: str = "") -> None:
        """Those are born who come at *signal*, or with the launch."""
        for pid, one in list(self._unborn.items()):
            if one.born_on == signal:
                self.alive[pid] = self._unborn.pop(pid)
                self._ends[pid] = self._timers.after(one.lasts, partial(self._end, pid))

    def hear(self, signal: str, to: To) -> None:
        """A signal is sent to those who are in *to*."""
        for pid, one in list(self.alive.items()):
            if to is To.TREE or (to is To.GROUP and one.in_group):
                self._hear(pid, one, signal)

    def kill(self, *, only_group: bool) -> int:
        """Those who are in reach are killed, and nobody is told of that; say how many there were."""
        reached = [pid for pid, one in self.alive.items() if not (one.unkillable or (only_group and not one.in_group))]
        for pid in reached:
            self._remove(pid)
        return len(reached)

    def stuck(self) -> list[Descendant]:
        """Those who cannot be killed."""
        return [one for one in self.alive.values() if one.unkillable]

    def is_company(self, *, only_group: bool) -> bool:
        """Whether anybody is alive who is in reach, or cannot be killed."""
        return any(one.unkillable or one.in_group or not only_group for one in self.alive.values())

    def when_changed(self, call: Callable[[], object]) -> None:
        """Call *call* whenever one of them ends by itself, or is ended."""
        self._when_changed = call

    def end(self) -> None:
        """All of them are gone, whatever they are."""
        for pid in list(self.alive):
            self._end(pid)

    def _hear(self, pid: int, one: Descendant, signal: str) -> None:
        if one.unkillable:
            return
        if signal in one.ignores and one.hears:
            self._say(f"{one.hears} {signal}\n")
        if signal not in one.ignores | HARMLESS | STOPPING:
            self._end(pid)

    def _end(self, pid: int) -> None:
        if pid in self.alive:
            self._remove(pid)
            self._when_changed()

    def _remove(self, pid: int) -> None:
        del self.alive[pid]
        self._ends.pop(pid).cancel()
