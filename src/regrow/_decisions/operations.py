"""How operations go: stops, then starts, one after the other or together, and what comes of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import attrs

from regrow._decisions.entries import Entry
from regrow._decisions.failures import start_failed, still_there
from regrow._decisions.memory import Memory
from regrow._decisions.operation import Answer, Boot, Bounce, Clear, Operation, Shutdown
from regrow._decisions.verdicts import Booted, End, Ending, Reply, Start, Stop
from regrow._decisions.waiting import Failed, Returned
from regrow._specs.exit import Exit, Reason
from regrow._specs.status import State
from regrow._specs.supervisor import DynamicSpec, Strategy
from regrow.exceptions import SupervisorEndedError, TerminateFailedError


class Operations(Memory):
    """The part of a ledger that carries operations through."""

    def _begin(self, operation: Operation, members: Iterable[str]) -> None:
        operation.members = [self.entries[name] for name in members]
        for entry in operation.members:
            entry.operation = operation
        self._advance(operation)

    def _advance(self, operation: Operation) -> None:
        """Order what can be ordered now."""
        while (name := operation.next_stop()) is not None:
            self._stop(operation, self.entries[name])
        while (name := operation.next_start()) is not None:
            self._start(operation, self.entries[name])
        if operation.is_over:
            self._finish(operation)

    def _stop(self, operation: Operation, entry: Entry) -> None:
        if entry.is_live and entry.state is not State.STUCK:
            operation.stopping.add(entry.name)
            if entry.state is not State.STOPPING:
                entry.state = State.STOPPING
                self._orders.append(Stop(entry.name))
            return
        entry.exited, entry.has_died = None, False  # swallowed: its end is what was wanted
        self._cancel_wait(entry)
        if entry.state is not State.STUCK:
            entry.state = State.DOWN
        self._is_down(operation, entry)

    def _start(self, operation: Operation, entry: Entry) -> None:
        if entry.state is State.STUCK:
            entry.returns = True  # no two incarnations of one child at once
            self._release(entry, operation)
            return
        entry.state = State.STARTING
        entry.is_dormant = entry.is_retired = False
        operation.starting.add(entry.name)
        self._orders.append(Start(entry.name))

    def _finish(self, operation: Operation) -> None:
        held = {entry.name: entry for entry in operation.members if entry.operation is operation}
        for entry in held.values():
            entry.operation = None
        operation.members = []
        match operation.purpose:
            case Boot():
                self.is_booted = True
                self._orders.append(Booted())
            case Clear(name, wait):
                if name in held:  # else its restart was cancelled meanwhile
                    self._wait(held[name], wait)
            case Bounce():
                for name, exit in operation.failures:
                    self._waiting.append(Failed(name, exit))
            case Answer(call):
                self._orders.append(Reply(call, operation.error))
            case Shutdown(end):
                self._orders.append(attrs.evolve(end, culprits=(*end.culprits, *operation.failures)))
            case _:
                assert_never(operation.purpose)

    def _came_up(self, entry: Entry) -> None:
        """A start succeeded."""
        operation = entry.operation
        assert operation is not None  # a start belongs to an operation until it is over
        entry.refused_since = None
        operation.starting.discard(entry.name)
        if isinstance(operation.purpose, Boot) and self._strategy is Strategy.ONE_FOR_ONE:
            self._release(entry, operation)  # its exit is handled at once, also while others still start
        self._advance(operation)

    def _start_failed(self, entry: Entry, exit: Exit) -> None:
        operation = entry.operation
        assert operation is not None  # a start belongs to an operation until it is over
        operation.starting.discard(entry.name)
        entry.state = State.DOWN
        match operation.purpose:
            case Boot():
                self._shut_down(End(reason=Reason.FAILED_TO_START, culprits=((entry.name, exit),)))
                return
            case Answer(is_new=is_new):
                operation.error = start_failed(self._at(entry.name), exit, entry.spec)
                if is_new or entry.is_dynamic:
                    self._forget(entry)
            case _:
                entry.state = State.RESTARTING
                self._abandon(operation)
                operation.failures.append((entry.name, exit))
        self._advance(operation)

    def _abandon(self, operation: Operation) -> None:
        """A start of a restart failed: those after it stay down, also the one whose crash began it."""
        for name in operation.to_start:
            if self.entries[name].state is State.RESTARTING:
                self.entries[name].state = State.DOWN
        operation.to_start.clear()

    def _stopped(self, entry: Entry, exit: Exit) -> None:
        """What was being stopped is gone."""
        operation = entry.operation
        assert operation is not None  # a stop belongs to an operation until it is over
        operation.stopping.discard(entry.name)
        entry.state = State.DOWN
        if exit.reason is Reason.FAILED_TO_START:  # the order to stop came too late
            if isinstance(operation.purpose, Shutdown):
                operation.failures.append((entry.name, exit))
            elif isinstance(operation.purpose, Bounce):
                self._abandon(operation)
        if exit.left and isinstance(operation.purpose, Answer):
            operation.error = TerminateFailedError(", ".join(exit.left), None, 0.0)
            operation.drop_start(entry.name)
        self._is_down(operation, entry)
        self._advance(operation)

    def _is_down(self, operation: Operation, entry: Entry) -> None:
        """A stop is over: what remains of the entry?"""
        if entry.state is State.DOWN and self._is_forgotten(operation, entry):
            self._forget(entry)
        self._release(entry, operation, unless_it_starts=True)

    def _is_forgotten(self, operation: Operation, entry: Entry) -> bool:
        if isinstance(operation.purpose, Shutdown):
            return False  # the whole ledger is about to go
        if isinstance(operation.purpose, Answer) and operation.purpose.is_new:
            return True
        return entry.is_forgotten_when_stopped and entry.name not in operation.to_start

    def _stuck(self, operation: Operation, entry: Entry) -> None:
        """What was being stopped, or failed to start, is still there: go on without it."""
        error = still_there(self._at(entry.name), entry)
        is_failed_start = entry.name in operation.starting
        operation.stopping.discard(entry.name)
        operation.starting.discard(entry.name)
        match operation.purpose:
            case Boot() if is_failed_start:
                exit = Exit(Reason.FAILED_TO_START, why=str(error), pid=error.pid)
                self._shut_down(End(reason=Reason.FAILED_TO_START, culprits=((entry.name, exit),)))
                return
            case Bounce() if is_failed_start:
                entry.returns = True
                self._abandon(operation)
            case Answer():
                operation.error = error
                operation.drop_start(entry.name)
            case _:
                pass
        self._release(entry, operation, unless_it_starts=True)
        self._advance(operation)

    def _unstuck(self, entry: Entry, exit: Exit) -> None:
        """What was stuck is gone at last."""
        entry.state = State.DOWN
        if entry.returns and exit.reason is Reason.FAILED_TO_START:
            entry.returns = False
            entry.state = State.RESTARTING
            self._waiting.append(Failed(entry.name, exit))
        elif entry.returns:
            entry.returns = False
            self._waiting.append(Returned(entry.name))
        elif entry.is_forgotten_when_stopped and entry.operation is None:
            self._forget(entry)

    def _shut_down(self, end: End) -> None:
        """Stop everything, in reverse start order; the first cause counts."""
        if self.end is not None:
            return
        self.end = end
        self._orders.append(Ending(end))
        self._dismiss_callers()
        names = list(self.entries)
        together = self._is_together or isinstance(self.spec, DynamicSpec)
        self._begin(Operation.of(Shutdown(end), stops=reversed(names), together=together), names)

    def _dismiss_callers(self) -> None:
        """Answer those who wait for something that is not going to happen."""
        operations = {id(e.operation): e.operation for e in self.entries.values() if e.operation is not None}
        for operation in operations.values():
            if isinstance(operation.purpose, Answer):
                error = SupervisorEndedError(self._at(operation.purpose.name), "go on", "stopping")
                self._orders.append(Reply(operation.purpose.call, error))
