"""What all actors of one tree share."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from regrow._actors.checking import check_spec
from regrow._actors.journal import Journal
from regrow._actors.keeping import Keeping
from regrow._actors.limiter import Limiter
from regrow._actors.pauses import Pauses
from regrow._actors.watchdog import Watchdog
from regrow._decisions.numbering import Numbering
from regrow._specs.event import Event
from regrow._specs.protocol import Key, Launcher, OpenLauncher, Sink

if TYPE_CHECKING:
    from regrow._actors.process import Process


class Tree:
    """One opened tree: its launcher, its journal, and the numbers that never go back."""

    launcher: OpenLauncher
    """Set while it is open, which is as long as there are actors."""

    def __init__(self, launcher: Launcher, sinks: Iterable[Sink], journal_size: int, random: Random | None) -> None:
        self.id = uuid.uuid4().hex
        self._closed_launcher = launcher
        self.containment = launcher.containment
        self.journal = Journal(sinks, journal_size)
        self.random = random or Random()
        self.is_hurried = False
        """Nobody waits for graces any more: every stop is a kill."""
        self.processes: set[Process] = set()
        """Those that have a life to lose."""
        self.stuck: dict[str, Process] = {}
        """Those that are still there after the kill, and whose supervisor has ended meanwhile."""
        self.keeping = Keeping(lambda path: self.launcher.forget(self.id, path), self.stuck)
        """What the launcher keeps from one incarnation to the next."""
        self.pauses = Pauses()
        """Which supervisors are paused."""
        self.limiter = Limiter(self)
        """Who carries out limits."""
        self.watchdog = Watchdog(self)
        """Who carries out hang policies."""
        self._numbers = Numbering()

    def announce(self, event: Event) -> None:
        """Something happened."""
        self.journal.announce(event)

    def check(self, spec: object, path: str) -> None:
        """Refuse a bad spec that is to be run at *path*. See `check_spec`."""
        check_spec(spec, path, self._closed_launcher)

    def next_key(self, path: str) -> Key:
        """The key of a new incarnation."""
        return Key(self.id, path, self._numbers.next(path))

    def next_number(self, path: str, prefix: str) -> int:
        """A number for a child of the dynamic supervisor at *path*, which was given no name."""
        return self._numbers.next(f"{path}//{prefix}")  # no path of a child has two slashes

    def hurry(self) -> None:
        """Kill whatever is being stopped, or will be."""
        self.is_hurried = True
        for process in list(self.processes):
            process.hurry()
