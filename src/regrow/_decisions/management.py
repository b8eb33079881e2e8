"""How a ledger answers management calls, by the state of the entry. SEMANTICS section 9."""

from __future__ import annotations

from collections import deque
from typing import assert_never

import attrs

from regrow._decisions.calls import VERBS, DeleteChild, RestartChild, StartChild, StartNamed, StopChild
from regrow._decisions.entries import Entry
from regrow._decisions.failures import still_there
from regrow._decisions.operation import Answer, Clear, Operation
from regrow._decisions.operations import Operations
from regrow._decisions.verdicts import Add, Cancel, Reply, Stop
from regrow._decisions.waiting import Asked
from regrow._specs.status import State
from regrow._specs.supervisor import AnySpec, DynamicSpec, child_problems
from regrow.exceptions import (
    AlreadyRunningError,
    InvalidSpecError,
    InvalidStateError,
    ProcessNotFoundError,
    RegrowError,
    SupervisorEndedError,
)


class Management(Operations):
    """The part of a ledger that deals with calls. None of them triggers a strategy, a count or an auto-shutdown."""

    def _answer(self, item: Asked) -> None:
        """Do what is asked for, or refuse it. No operation has the entry in hand."""
        request, entry = item.request, self.entries.get(item.name)
        if entry is None and item.is_hurried:  # what was to be stopped is forgotten, because it was
            self._orders.append(Reply(item.call))
            return
        try:
            if self.end is not None:
                raise SupervisorEndedError(self._at(item.name), VERBS[type(request)], "stopping")
            if isinstance(request, StartChild):
                self._add(item.call, request, entry)
                return
            if entry is None:
                raise ProcessNotFoundError(self._at(item.name), f"supervisor {self.path!r} has no such entry")
            match request:
                case StartNamed():
                    self._start_named(item.call, entry)
                case StopChild():
                    self._stop_child(item.call, entry)
                case RestartChild():
                    self._restart_child(item.call, entry)
                case DeleteChild():
                    self._delete_child(item.call, entry)
                case _:
                    assert_never(request)
        except RegrowError as error:
            self._orders.append(Reply(item.call, error))

    def _add(self, call: object, request: StartChild, entry: Entry | None) -> None:
        if entry is not None:
            state = "running" if entry.is_up else "present; start it by name, or delete it first"
            raise AlreadyRunningError(self._at(entry.name), state)
        self._check_new(request.spec)
        self.entries[request.name] = Entry(request.spec, is_dynamic=isinstance(self.spec, DynamicSpec))
        self._orders.append(Add(request.name))
        self._begin(Operation.of(Answer(call, request.name, is_new=True), starts=[request.name]), [request.name])

    def _check_new(self, spec: AnySpec) -> None:
        if found := list(child_problems(self.spec, spec)):
            raise InvalidSpecError([attrs.evolve(one, place=self._at(one.place[1:])) for one in found])
        limit = self.spec.max_children if isinstance(self.spec, DynamicSpec) else None
        if limit is not None and len(self.entries) >= limit:
            raise InvalidStateError(self._at(spec.name), "start", f"there are {limit} children (max_children)")

    def _start_named(self, call: object, entry: Entry) -> None:
        if entry.is_up:
            raise AlreadyRunningError(self._at(entry.name), _running(entry))
        if entry.state is State.RESTARTING:
            hint = "it is started again by itself; stop it to cancel that, or restart it to start it now"
            raise InvalidStateError(self._at(entry.name), "start", "restarting", hint)
        self._begin(Operation.of(Answer(call, entry.name), starts=[entry.name]), [entry.name])

    def _stop_child(self, call: object, entry: Entry) -> None:
        if entry.state is State.STUCK:
            entry.returns = entry.has_died = False
            raise still_there(self._at(entry.name), entry)
        if entry.state is State.RESTARTING:
            self._orders.append(Cancel(entry.name))
        self._begin(Operation.of(Answer(call, entry.name), stops=[entry.name]), [entry.name])

    def _restart_child(self, call: object, entry: Entry) -> None:
        if entry.state is State.STUCK:
            raise still_there(self._at(entry.name), entry)
        self._begin(Operation.of(Answer(call, entry.name), [entry.name], [entry.name]), [entry.name])

    def _delete_child(self, call: object, entry: Entry) -> None:
        if entry.is_up:
            raise InvalidStateError(self._at(entry.name), "delete", _running(entry), "stop it first")
        if entry.state is State.RESTARTING:
            raise InvalidStateError(self._at(entry.name), "delete", "restarting", "stop it first")
        self._forget(entry, asked=True)
        self._orders.append(Reply(call))

    def _hurry(self, item: Asked) -> bool:
        """Obey an order to stop at once where its child is not up yet, whatever has it in hand.

        Returns:
            Whether something was taken back just now; the answer still waits until the child is gone.
        """
        entry = self.entries.get(item.name)
        if not isinstance(item.request, StopChild) or entry is None or entry.operation is None:
            return False
        has_helped = self._interrupt(entry, entry.operation)
        item.is_hurried = item.is_hurried or has_helped
        return has_helped

    def _withdraw(self, call: object, name: str) -> None:
        """Whoever asked for a start does not want it any more: take it back, as far as it has not happened."""
        entry = self.entries.get(name)
        kept = deque(item for item in self._waiting if not (isinstance(item, Asked) and item.call is call))
        if len(kept) < len(self._waiting):
            self._waiting = kept
        elif entry is not None and entry.operation is not None:
            purpose = entry.operation.purpose
            if isinstance(purpose, Answer) and purpose.call is call:
                self._interrupt(entry, entry.operation)

    def _interrupt(self, entry: Entry, operation: Operation) -> bool:
        """Take back a start of *entry* that is under way, or that has not begun; say whether there is one."""
        if entry.name in operation.starting:
            operation.starting.discard(entry.name)
            operation.stopping.add(entry.name)
            entry.state = State.STOPPING
            self._orders.append(Stop(entry.name))
        elif not self._leave_down(operation, entry):
            return False
        if isinstance(operation.purpose, Answer):
            operation.error = InvalidStateError(self._at(entry.name), "start", "it is being stopped")
        self._advance(operation)
        return True

    def _leave_down(self, operation: Operation, entry: Entry) -> bool:
        """Take back a start that has not begun, if there is one."""
        is_cleared_for = isinstance(operation.purpose, Clear) and operation.purpose.name == entry.name
        if not operation.drop_start(entry.name) and not (is_cleared_for and entry.state is State.RESTARTING):
            return False
        if entry.state is State.RESTARTING:
            entry.state = State.DOWN
            self._orders.append(Cancel(entry.name))
        if entry.state is State.DOWN:  # it may be deleted from now on
            operation.drop_stop(entry.name)
            self._release(entry, operation)
        return True


def _running(entry: Entry) -> str:
    return "stuck" if entry.state is State.STUCK else "running"
