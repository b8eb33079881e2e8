"""What a user holds of a child or a supervisor: a path, and what can be done there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from regrow._actors.journal import Journal
from regrow._actors.snapshot import entry_status, lasting_state, root_state, root_status, state_of
from regrow._actors.supervisor import Incarnation, Supervisor
from regrow._decisions.calls import VERBS, Call, DeleteChild, RestartChild, StartNamed, StopChild
from regrow._decisions.entries import Entry
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit
from regrow._specs.status import AnyStatus, ChildStatus, Health, State, Statistics, SupervisorStatus
from regrow._specs.supervisor import AnySpec, join
from regrow.exceptions import InvalidStateError, ProcessNotFoundError, SupervisorEndedError


class Handle:
    """A child, or a supervisor, at one path of a tree. It stays valid over restarts, and over delete and add.

    Every call looks the path up anew: one that leads nowhere raises `ProcessNotFoundError`, and a supervisor
    that has ended `SupervisorEndedError`.
    """

    def __init__(self, root: Supervisor, path: str) -> None:
        self._root = root
        self.path = path
        """From the root, which is `.`."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r} of {self._root.ledger.spec.name!r}>"

    @property
    def spec(self) -> AnySpec:
        """The spec, defaults filled in."""
        return self._root.ledger.spec if self.path == "." else self._entry().spec

    def status(self) -> AnyStatus:
        """What it is doing now, and all below it, as one frozen snapshot."""
        if self.path == ".":
            return root_status(self._root)
        owner, entry = self._find()
        return entry_status(owner, entry)

    def health(self) -> Health:
        """How it is; of a supervisor, the worst of all that are below it. The status says the same, with the rest."""
        return self.status().health

    def statistics(self) -> Statistics:
        """Numbers about it and all below it, since the tree was opened."""
        status = self.status()
        statuses = status.walk() if isinstance(status, SupervisorStatus) else [status]
        running = sum(isinstance(s, ChildStatus) and s.pid is not None for s in statuses)
        return self._journal.counters.below(self.path, running)

    async def start(self) -> None:
        """Start it if it is down; return when it is ready. OTP: `restart_child`.

        Raises:
            AlreadyRunningError: it is up.
            InvalidStateError: it is restarting, or its supervisor is stopping.
            StartFailedError: it did not become ready; it is down, not retried and not counted.

        Cancelling it takes the start back.
        """
        await self._ask(StartNamed(self._name))

    async def stop(self) -> None:
        """Stop it, or cancel its restart; return when it is gone. It stays down; a temporary one is forgotten.

        The root's stops the whole tree. Cancelling the call does not cancel the stop.

        Raises:
            TerminateFailedError: it is still there after the kill.
        """
        if self.path == ".":
            self._root.stop()
            await self._journal.wait_until(".", lambda: self._root.exit is not None)
        else:
            await self._ask(StopChild(self._name))

    async def restart(self) -> None:
        """Stop it if it is up, then start it; return when it is ready. Not counted as a restart of its supervisor.

        Raises:
            StartFailedError: it did not become ready; it is down, not retried and not counted.
            TerminateFailedError: it is still there after the kill, so nothing was started.
        """
        await self._ask(RestartChild(self._name))

    async def delete(self) -> None:
        """Delete its entry; its name is free again. The only way to keep it out of group restarts.

        Raises:
            InvalidStateError: it is up, or restarting.
        """
        await self._ask(DeleteChild(self._name))

    async def wait_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            InvalidStateError: it is down, and nothing but a call will start it.
            SupervisorEndedError: the tree ended before.
        """

        def is_decided() -> bool:
            return self._state() in {State.READY, State.DOWN}

        if not await self._journal.wait_until(self.path, is_decided):
            raise SupervisorEndedError(self.path, "wait")
        if self._state() is State.DOWN:
            raise InvalidStateError(self.path, "become ready", "down", "start it")

    async def wait_exit(self) -> Exit:
        """Wait for the end of the incarnation that lives now, and return it; if none does, return the last one's.

        Raises:
            ProcessNotFoundError: nothing is there.
            SupervisorEndedError: the tree ended, and it never ran.
        """
        actor = self._actor()
        if actor is None:
            self._entry()  # says so if there is none
            await self._journal.wait_until(self.path, lambda: self._actor() is not None)
            actor = self._actor()
        if actor is None:
            raise SupervisorEndedError(self.path, "wait")
        live = actor
        await self._journal.wait_until(self.path, lambda: live.exit is not None)
        if live.exit is None:
            raise SupervisorEndedError(self.path, "wait")
        return live.exit

    async def wait(self) -> Exit:
        """Wait until it is down and not coming back by itself, and return its last exit.

        The root's returns how the tree ended.

        Raises:
            ProcessNotFoundError: nothing is there.
            SupervisorEndedError: the tree ended, and it never ran.
        """
        newest: Incarnation | None = None

        def is_down() -> bool:
            nonlocal newest
            newest = self._actor() or newest  # a temporary child is forgotten as soon as it is down
            return self._state() is State.DOWN

        await self._journal.wait_until(self.path, is_down)
        return await self.wait_exit() if newest is None or newest.exit is None else newest.exit

    # -- where it is ---------------------------------------------------------------------------------------------------

    @property
    def _journal(self) -> Journal:
        return self._root.tree.journal

    @property
    def _name(self) -> str:
        return self.path.rpartition("/")[2]

    async def _ask(self, call: Call) -> None:
        if self.path == ".":
            raise InvalidStateError(self.path, VERBS[type(call)], "it is the root", "open the tree again instead")
        owner, _ = self._find()
        await owner.ask(call)

    def _find(self) -> tuple[Supervisor, Entry]:
        """Its supervisor, and its entry there."""
        owner = self._root
        *parents, name = self.path.split("/")
        for parent in parents:
            actor = owner.children.get(parent)
            if not isinstance(actor, Supervisor) or actor.exit is not None:
                raise ProcessNotFoundError(self.path, _why_no_supervisor(owner, parent))
            owner = actor
        entry = owner.ledger.entries.get(name)
        if entry is None:
            raise ProcessNotFoundError(self.path, _guess(name, owner.ledger.entries))
        return owner, entry

    def _entry(self) -> Entry:
        return self._find()[1]

    def _state(self) -> State | None:
        """Its state, if that lasts; what is not there is down. `None`: it is on its way back, or nobody has decided."""
        if self.path == ".":
            return root_state(self._root)
        owner = self._root
        *parents, name = self.path.split("/")
        for parent in parents:
            above = owner.children.get(parent)
            if not isinstance(above, Supervisor) or above.exit is not None:
                return State.DOWN if lasting_state(owner, parent) is State.DOWN else None
            owner = above
        return lasting_state(owner, name)

    def _actor(self) -> Incarnation | None:
        """Its newest incarnation."""
        if self.path == ".":
            return self._root
        try:
            owner, _ = self._find()
        except ProcessNotFoundError:
            return None
        return owner.children.get(self._name)


def _guess(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _why_no_supervisor(owner: Supervisor, name: str) -> str:
    entry = owner.ledger.entries.get(name)
    if entry is None:
        return f"there is no {join(owner.path, name)}"
    if isinstance(entry.spec, ChildSpec):
        return f"{join(owner.path, name)} is a process"
    return f"supervisor {join(owner.path, name)} is {state_of(owner, entry)}"
