"""A launcher without processes: what it starts obeys the test, on trio's clock.

    launcher = FakeLauncher()
    launcher.plan("db", Script(exit_after=5.0, exit_code=1), Script(ready_after=2.0))
    async with open_supervisor(spec, launcher=launcher):
        launcher.newest("db").exit(1)

It keeps the promises of `Launcher` and is no kinder: a start whose caller was cancelled goes on until it is revoked.
The commands of `regrow.testing.children` do what the real programs do; any other command runs until it is told
otherwise, and any signal ends it. No probe is run: who becomes ready, and when, is up to the script and the test.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager

import trio

from regrow._specs.child import ChildSpec
from regrow._specs.containment import Containment
from regrow._specs.protocol import NotLaunched, OpenLauncher, Refusal
from regrow.testing._fake.book import Book, Scripting
from regrow.testing._fake.family import Descendant
from regrow.testing._fake.opened import OpenFake
from regrow.testing._fake.process import FakeProcess
from regrow.testing._fake.script import Script

__all__ = ["Descendant", "FakeLauncher", "FakeProcess", "Script"]


def _no_problems(spec: ChildSpec) -> Iterable[str]:
    return ()


class FakeLauncher:
    """A `Launcher` for tests; it can be opened again when it was closed, and remembers everything.

    Args:
        script: says what an incarnation does, from its key and spec; `None`, also as its answer: what its command does.
        problems: the answer to `check`, besides that containment which it has not.
        containment: the layer that it says to have, and whose reach it has: `group` reaches no session but one's own.
    """

    def __init__(
        self,
        script: Scripting | None = None,
        *,
        problems: Callable[[ChildSpec], Iterable[str]] = _no_problems,
        containment: str = "guardian",
    ) -> None:
        self._book = Book(script, containment)
        self._containment = containment
        self._problems = problems
        self._opened: OpenFake | None = None

    # -- what a tree uses ----------------------------------------------------------------------------------------------

    @property
    def containment(self) -> str:
        """See `Launcher.containment`."""
        return self._containment

    def check(self, spec: ChildSpec) -> Iterable[str]:
        """See `Launcher.check`."""
        yield from self._problems(spec)
        if spec.containment is not Containment.AUTO and self._containment == "group":
            yield f"fake: containment={spec.containment.value!r} cannot be had, only 'group'"

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OpenLauncher]:
        """See `Launcher.open`. An error of the block goes on as it is."""
        if self._opened is not None:
            raise RuntimeError("this fake launcher is open already")
        self._opened = OpenFake(self._book)
        # A system task: a nursery would wrap the errors of the block, and its tasks would be cancelled with the block,
        # while time has to pass until the end.
        trio.lowlevel.spawn_system_task(self._opened.run)
        try:
            yield self._opened
        finally:
            with trio.CancelScope(shield=True):
                await self._opened.close()
            self._opened = None

    # -- what a test looks at ------------------------------------------------------------------------------------------

    @property
    def processes(self) -> list[FakeProcess]:
        """All incarnations that were ever launched, in that order."""
        return list(self._book.processes)

    @property
    def running(self) -> list[FakeProcess]:
        """Those whose terminal fact is still to come, as they were launched."""
        return list(self._book.running.values())

    def newest(self, path: str) -> FakeProcess:
        """The newest incarnation of *path* that was launched, even if it is gone.

        Raises:
            LookupError: there is none.
        """
        try:
            return self._book.newest[path]
        except KeyError:
            there = ", ".join(self._book.newest) or "nothing"
            raise LookupError(f"{path}: never launched; what was: {there}") from None

    def is_alive(self, pid: int) -> bool:
        """Whether *pid* is one that runs, or a descendant that does."""
        processes = self._book.processes
        return any((pid == one.pid and not one.has_died) or pid in one.family.alive for one in processes)

    async def ask(self, address: str) -> bytes:
        """Connect to a socket of a spec, and return what is answered; who comes while nobody serves waits.

        Raises:
            ConnectionRefusedError: nobody listens there.
            ConnectionResetError: it was closed meanwhile.
        """
        return await self._book.sockets.ask(address)

    # -- what a test decides -------------------------------------------------------------------------------------------

    @property
    def launch_takes(self) -> float:
        """Seconds that every start takes, besides what its script says; may be changed at any time."""
        return self._book.launch_takes

    @launch_takes.setter
    def launch_takes(self, seconds: float) -> None:
        self._book.launch_takes = seconds

    def plan(self, path: str, *scripts: Script) -> None:
        """Lay down what the next incarnations of *path* do, one after the other; then its command decides again."""
        self._book.plan(path, *scripts)

    def refuse_next(self, path: str, answer: NotLaunched, times: int = 1) -> None:
        """Answer the next starts of *path* in this way; its plan waits meanwhile."""
        self._book.refuse(path, answer, times)

    def lose_all(self, loss: str, why: str = "fake: lost") -> None:
        """Lose everything that runs; starts under way are refused, for the engine is down."""
        if self._opened is not None:
            self._opened.refuse_starts(why)
        for process in self.running:
            process.lose(loss, why)

    def go_down(self, loss: str, why: str = "fake: the engine is down") -> None:
        """Lose everything, and refuse every start until `come_back()`."""
        self._book.outage = NotLaunched(refusal=Refusal.ENGINE, why=why)
        self.lose_all(loss, why)

    def come_back(self) -> None:
        """Accept starts again."""
        self._book.outage = None
