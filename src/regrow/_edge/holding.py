"""A child as all of the edge sees it: ours, with its process group, or behind a guardian, with its whole tree."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import attrs

from regrow._specs.exit import Usage
from regrow._specs.protocol import Evidence, NotLaunched, Sample
from regrow._specs.stop import To


@attrs.frozen(kw_only=True)
class Ending:
    """How a process ended. Neither code nor signal: somebody else took its status, or it was lost."""

    code: int | None = None
    signal: str | None = None
    core_dumped: bool = False
    oom_killed: bool = False
    """Whether the kernel killed it because it, or its tree, had used up the memory that it may have."""

    usage: Usage | None = None
    kill_code: int | None = None
    """The exit code of what was killed, where there are no signals."""

    lost: str = ""
    """Why nobody can know, if its guardian is gone."""

    loss: str = ""
    """What was lost with it."""

    @property
    def is_kill(self) -> bool:
        """Whether it is how a kill ends a process, for all that is known."""
        return self.code == self.kill_code and self.signal in {"SIGKILL", None}


class Hold(Protocol):
    """A child from its spawn until it is collected. Nothing here waits, except `destroy`."""

    @property
    def pid(self) -> int:
        """The number of its main process."""
        ...

    @property
    def containment(self) -> str:
        """The layer that keeps its process tree in one place."""
        ...

    @property
    def trouble(self) -> str:
        """Why its tree does not end, if that is known."""
        ...

    def watch(self, tell: Callable[[], None]) -> None:
        """Call *tell*, once, when the main process is dead."""

    def hurry(self) -> None:
        """Look soon whether it is dead: there is reason to believe so."""

    def is_dead(self) -> bool:
        """Whether the main process is dead, as far as it can be known now."""
        ...

    def signal(self, number: int, to: To) -> None:
        """Send a signal; nothing happens to those who are gone.

        Raises:
            PermissionError: it has become somebody else's.
        """

    def ask(self, number: int, to: To) -> None:
        """Send a signal that asks it to end, also to one that is stopped; nothing happens to those who are gone.

        Raises:
            PermissionError: it has become somebody else's.
        """

    def pause(self) -> None:
        """Hold its tree still, as far as the containment reaches."""

    def resume(self) -> None:
        """Let it go on."""

    def take_sample(self) -> Sample | None:
        """One reading of its tree, or `None` if it is gone. In a thread."""

    def gather_evidence(self) -> Evidence | None:
        """What it is doing, or `None` if it is gone. In a thread."""

    def kill(self) -> None:
        """End the whole tree, as far as the containment reaches."""

    def insist(self) -> None:
        """The kill was of no use for as long as it may take: do what else there is."""

    def end_strays(
        self, done: Callable[[int], None], complain: Callable[[str], None], *, at_once: bool = False
    ) -> None:
        """The main process is dead: see to it that the rest of its tree ends.

        Args:
            done: called once, when nothing is left that is to end, with how many strays there were.
            complain: called, at most once and before that, with why it takes so long.
            at_once: whatever the order said, none of it may go on, and none is kept.
        """

    def reap(self) -> Ending:
        """Collect the main process: it is dead, and its strays are seen to."""
        ...

    def destroy(self) -> None:
        """Kill it, whole tree and all, and collect it. May wait until it is dead: not on the event loop."""


@attrs.define(kw_only=True)
class Spawned:
    """A program that runs, and our ends of what joins us to it."""

    hold: Hold
    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    file: int | None = None
    parent: int | None = None
    """Whose child its main process is, in our pid namespace; `None`: nobody's there."""

    leaf: str | None = None
    """The directory of its control group."""

    def discard(self) -> None:
        """End it: nobody wants it any more. Waits until it is dead: not on the event loop."""
        self.hold.destroy()
        for fd in (self.stdin, self.stdout, self.stderr, self.file):
            if fd is not None:
                os.close(fd)


Answer: TypeAlias = Spawned | NotLaunched
Make: TypeAlias = Callable[[], Any]
"""Makes an order, of the kind that the form takes, when its turn has come, in whatever thread; or a `NotLaunched`."""

Take: TypeAlias = Callable[[Answer], None]


class Form(Protocol):
    """How processes are made here."""

    @property
    def containment(self) -> str:
        """The layer that keeps the tree of a child that asks for nothing special in one place."""
        ...

    def spawn(self, make: Make, take: Take) -> None:
        """Spawn what *make* orders, and give the answer to *take*, on trio's thread. Nothing can cancel that."""
