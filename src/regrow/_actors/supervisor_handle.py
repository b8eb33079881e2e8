"""What a user holds of a supervisor; the root's is the handle of the tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import attrs

from regrow._actors import applying
from regrow._actors.child_handle import ChildHandle
from regrow._actors.handle import Handle
from regrow._actors.journal import EventStream
from regrow._actors.pausing import pause_supervisor, resume_supervisor
from regrow._actors.supervisor import Supervisor
from regrow._decisions.calls import DeleteChild, RestartChild, StartChild, StopChild
from regrow._specs.check import Problem
from regrow._specs.child import ChildSpec
from regrow._specs.status import AnyStatus, ChildCount, SupervisorStatus
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, DynamicSpec, child_problems, join
from regrow.exceptions import InvalidSpecError, InvalidStateError, IoError, ProcessNotFoundError


class SupervisorHandle(Handle):
    """A supervisor, and all below it. The root's is the handle of the tree."""

    def __getitem__(self, path: str) -> ChildHandle | SupervisorHandle:
        """The handle of what is at *path*, seen from here.

        Raises:
            ProcessNotFoundError: nothing is there now.
        """
        if self._checked(path) == ".":
            return self
        return handle(self._root, join(self.path, path))

    def child(self, path: str) -> ChildHandle:
        """The handle of the process at *path*, seen from here.

        Raises:
            ProcessNotFoundError: nothing is there now, or it is a supervisor.
        """
        found = self[path]
        if not isinstance(found, ChildHandle):
            raise ProcessNotFoundError(found.path, "it is a supervisor")
        return found

    def supervisor(self, path: str) -> SupervisorHandle:
        """The handle of the supervisor at *path*, seen from here.

        Raises:
            ProcessNotFoundError: nothing is there now, or it is a process.
        """
        found = self[path]
        if not isinstance(found, SupervisorHandle):
            raise ProcessNotFoundError(found.path, "it is a process")
        return found

    def status(self) -> SupervisorStatus:
        """What it and all below it are doing now, as one frozen snapshot."""
        status = super().status()
        assert isinstance(status, SupervisorStatus)
        return status

    def events(self, start: int | None = None) -> EventStream:
        """The events of the whole tree as an async iterator, from now on or from number *start* on.

        A number that the journal no longer holds is told as `EventsMissed`. It ends when the tree has ended.
        """
        return self._journal.events(start)

    def pause(self) -> None:
        """Hold all that runs below it still, and start nothing there, until `resume`: all of it, or nothing.

        Hang policies, probes, limits and backoffs stand still; what is due or asked for is started when it is resumed.
        Stops work at once. It is a pause of this incarnation: when that ends, so does the pause.

        Raises:
            InvalidStateError: it is down or stopping, or was paused already.
            PlatformNotSupportedError: what runs the processes cannot do that; nothing was touched.
            IoError: the operating system refuses; what had been paused by then goes on again.
        """
        try:
            pause_supervisor(self._live("pause"))
        except OSError as error:
            raise IoError(f"{self.path}: pause", error) from error

    def resume(self) -> None:
        """Let all below it go on, except for what was paused by itself or is below another one that is paused.

        Raises:
            InvalidStateError: it is down, or was not paused by itself.
        """
        resume_supervisor(self._live("resume"))

    async def start_child(
        self, spec: AnySpec | None = None, *, args: Sequence[str] = (), name: str | None = None
    ) -> ChildHandle | SupervisorHandle:
        """Add a child at the end of the order and start it; return when it is ready.

        Args:
            spec: what to run. Under a dynamic supervisor it may be left out: then its template is used.
            args: appended to the template's command.
            name: what to call a child of the template; given one if left out.

        Raises:
            AlreadyRunningError: there is an entry of that name.
            InvalidStateError: there are `max_children`, there is no template, or the supervisor is stopping.
            StartFailedError: it did not become ready. The entry is discarded, nothing is retried or counted.

        Cancelling it takes the start back.
        """
        actor = self._live()
        if spec is None:
            spec = self._from_template(actor, args, name)
        elif args or name is not None:
            self._refuse("args and name are for children of a template; put them into the spec")
        actor.tree.check(spec, join(self.path, str(getattr(spec, "name", "?"))))
        await actor.ask(StartChild(spec))
        kind = ChildHandle if isinstance(spec, ChildSpec) else SupervisorHandle
        return kind(self._root, join(self.path, spec.name))  # also if it is forgotten by now, because it is over

    async def stop_child(self, name: str) -> None:
        """`self[name].stop()`. OTP: `terminate_child`."""
        await self._live().ask(StopChild(self._checked(name)))

    async def restart_child(self, name: str) -> None:
        """`self[name].restart()`: stop it, then start it."""
        await self._live().ask(RestartChild(self._checked(name)))

    async def delete_child(self, name: str) -> None:
        """`self[name].delete()`. OTP: `delete_child`."""
        await self._live().ask(DeleteChild(self._checked(name)))

    def which_children(self) -> tuple[AnyStatus, ...]:
        """The status of each child, the youngest entry first, as OTP has it."""
        return tuple(reversed(self.status().children))

    def count_children(self) -> ChildCount:
        """How many children there are. OTP: `count_children`."""
        return self._live().ledger.count()

    async def apply(self, spec: AnySupervisorSpec) -> None:
        """Turn it into the supervisor of *spec*, with the fewest starts and stops.

        Entries that are not in *spec* are stopped and deleted; those whose command, directory, environment, input or
        output differ are stopped and started again; other differences are taken over in place; new ones are started.
        Its order is the new order. Cancelling leaves it half done; applying the same spec again does the rest.

        Raises:
            InvalidStateError: *spec* is of another kind, or has another name.
            ExceptionGroup: of `StartFailedError`; the entries stay down, everything else was done.
        """
        actor = self._live()
        actor.tree.check(spec, self.path)
        if self.path != "." and (found := list(child_problems(self._find()[0].ledger.spec, spec))):
            raise InvalidSpecError([attrs.evolve(one, place=self.path) for one in found])
        errors = await applying.apply(actor, spec)
        await self._tell_those_above(spec)
        if errors:
            raise ExceptionGroup(f"{self.path}: {len(errors)} starts failed: {'; '.join(map(str, errors))}", errors)

    async def _tell_those_above(self, spec: AnySupervisorSpec) -> None:
        """A supervisor that is started again is made from the spec that the one above it has."""
        path = self.path
        while path != ".":
            above, _, name = f"./{path}".rpartition("/")
            path = above.removeprefix("./") or "."
            actor = SupervisorHandle(self._root, path)._live()
            await actor.respec(name, spec)
            spec = actor.ledger.spec

    def _live(self, operation: str = "be asked") -> Supervisor:
        actor = self._actor()
        if not isinstance(actor, Supervisor):
            self._entry()  # says so if there is none
            raise InvalidStateError(self.path, operation, "down", "start it")
        return actor

    def _from_template(self, actor: Supervisor, args: Sequence[str], name: str | None) -> ChildSpec:
        spec = actor.ledger.spec
        template = spec.template if isinstance(spec, DynamicSpec) else None
        if template is None:
            raise InvalidStateError(self.path, "start a child without a spec", "it has no template")
        if isinstance(args, str):
            self._refuse(f"args must be a list of strings, not the string {args!r}")
        if name is None:
            name = self._new_name(actor, template.name)
        return attrs.evolve(template, name=name, command=(*template.command, *args))

    def _new_name(self, actor: Supervisor, prefix: str) -> str:
        while (name := f"{prefix}-{actor.tree.next_number(self.path, prefix)}") in actor.ledger.entries:
            pass  # somebody has taken it by hand
        return name

    def _refuse(self, message: str) -> NoReturn:
        raise InvalidSpecError([Problem(self.path, message)])

    def _checked(self, name: str) -> str:
        """A name that is no string would break the supervisor, not the caller."""
        if not isinstance(name, str):
            raise ProcessNotFoundError(f"{name!r}", "a name is a string")
        return name


def handle(root: Supervisor, path: str) -> ChildHandle | SupervisorHandle:
    """The handle of what is at *path* now."""
    kind = ChildHandle if isinstance(Handle(root, path).spec, ChildSpec) else SupervisorHandle
    return kind(root, path)
