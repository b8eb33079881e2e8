"""Trees that run for one test, each in a task of its own, in the event loop of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import attrs
import trio

from regrow._actors.child_handle import ChildHandle
from regrow._actors.supervisor_handle import SupervisorHandle
from regrow._run import open_supervisor
from regrow._specs.check import Problem
from regrow._specs.protocol import Launcher, Sink
from regrow._specs.status import SupervisorStatus
from regrow._specs.supervisor import AnySupervisorSpec, SupervisorSpec
from regrow.exceptions import InvalidSpecError, TooManyRestartsError
from regrow.testing._fixtures.places import Places
from regrow.testing._fixtures.report import Section, sections
from regrow.testing._fixtures.trees import What, tree_of
from regrow.testing.recorder import Recorder


class Supervised:
    """A tree that runs for a test, with a recorder of its events."""

    def __init__(self, spec: AnySupervisorSpec, places: Places) -> None:
        self.spec = spec
        """With its placeholders filled in."""
        self.recorder = Recorder()
        """Has heard all events of it."""
        self.handle: SupervisorHandle
        """Of the root."""
        self._places = places
        self._asked = trio.Event()
        self._gone = trio.Event()
        self._last_words: list[Section] = []

    def __getitem__(self, path: str) -> ChildHandle | SupervisorHandle:
        """The handle of what is at *path*. See `SupervisorHandle`."""
        return self.handle[path]

    @property
    def child(self) -> ChildHandle:
        """The handle of the only child.

        Raises:
            InvalidSpecError: there are more, or none.
        """
        return self.child_at(None)

    def child_at(self, path: str | None) -> ChildHandle:
        """The handle of the child at *path*, or of the only one."""
        return self.handle.child(path or self._only())

    def port(self, path: str | None = None) -> int:
        """What `{port}` stands for, at *path* or for the only child."""
        return self._places.port(path or self._only())

    def directory(self, path: str | None = None) -> Path:
        """What `{dir}` stands for, at *path* or for the only child."""
        return self._places.directory(path or self._only())

    def status(self) -> SupervisorStatus:
        """What the tree is doing now."""
        return self.handle.status()

    async def stop(self) -> None:
        """Stop it before the test is over; return when all of it is gone. Cancelling the call does not cancel that."""
        self.ask_to_stop()
        await self.wait_gone()

    def ask_to_stop(self) -> None:
        """Begin to stop it."""
        self._asked.set()

    async def wait_gone(self) -> None:
        """Wait until all of it is gone."""
        await self._gone.wait()

    def sections(self) -> list[Section]:
        """What a report says of it; when it has ended, how it was just before."""
        return self._last_words if self._gone.is_set() else sections(self.handle, self.recorder.events)

    def _only(self) -> str:
        children = self.spec.children if isinstance(self.spec, SupervisorSpec) else ()
        if len(children) != 1:
            raise InvalidSpecError([Problem(self.spec.name, f"has {len(children)} children; say the path of one")])
        return children[0].name

    async def live(self, opening: Opening, task_status: trio.TaskStatus[None]) -> None:  # noqa: ASYNC114  no block
        """Open the tree, and keep it open until it is asked to stop. What its starter runs as a task."""
        sinks = [self.recorder, *opening.sinks]
        try:
            async with open_supervisor(self.spec, launcher=opening.launcher, sinks=sinks) as self.handle:
                task_status.started()
                try:
                    await self._asked.wait()
                finally:
                    self._last_words = sections(self.handle, self.recorder.events)
        except* TooManyRestartsError:
            if not opening.may_give_up:
                raise
        finally:
            self._gone.set()
            self._places.release()


@attrs.frozen
class Opening:
    """How a tree is opened."""

    launcher: Launcher | None
    sinks: Iterable[Sink]
    may_give_up: bool


class Starter:
    """Starts trees in a nursery, and stops them in reverse. What `start_supervised` is in a test."""

    def __init__(self, nursery: trio.Nursery, new_directory: Callable[[str], Path]) -> None:
        self.started: list[Supervised] = []
        self._nursery = nursery
        self._new_directory = new_directory

    async def __call__(
        self,
        what: What,
        *,
        launcher: Launcher | None = None,
        sinks: Iterable[Sink] = (),
        may_give_up: bool = False,
        **options: Any,
    ) -> Supervised:
        """Start a tree for the rest of the test, and return when all of it is ready.

        Args:
            what: the spec of a supervisor or of a child; a command, as a list or as a line; or a function of the places
                that makes one of them. `{port}` and `{dir}` in it, or `{port:PATH}` for another's, are filled in.
            launcher: what runs processes; this machine by default.
            sinks: further ones, besides the recorder.
            may_give_up: by default the test fails, at once, when the tree gives up.
            options: fields of the `ChildSpec` that is made from a command. `ready="port"` waits for its `{port}`.
                `max_restarts` is 0, or 3 if `restart` is given.

        Raises:
            ExceptionGroup: of `StartFailedError`: something did not become ready.
            InvalidSpecError: something is wrong with the spec.

        Cancelling it takes the start back.
        """
        places = Places(self._new_directory)
        try:
            supervised = Supervised(tree_of(what, places, options), places)
            await self._nursery.start(supervised.live, Opening(launcher, sinks, may_give_up))
        except BaseException:
            places.release()
            raise
        self.started.append(supervised)
        return supervised

    async def close(self) -> None:
        """Stop all, last first."""
        with trio.CancelScope(shield=True):  # bounded by the graces
            for supervised in reversed(self.started):
                await supervised.stop()

    def sections(self) -> list[Section]:
        """What a report says of all that was started."""
        return [section for supervised in self.started for section in supervised.sections()]
