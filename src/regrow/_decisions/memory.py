"""What a ledger knows, and the small things that are done to it."""

from __future__ import annotations

from collections import deque
from random import Random

from regrow._decisions.budget import Budget
from regrow._decisions.entries import Entry
from regrow._decisions.operation import Operation
from regrow._decisions.verdicts import CancelWait, End, Forget, Verdict, Wait
from regrow._decisions.waiting import Item
from regrow._specs.supervisor import AnySupervisorSpec, Order, Strategy, SupervisorSpec, join


class Memory:
    """The state of one incarnation of a supervisor. Only its ledger changes it."""

    def __init__(self, spec: AnySupervisorSpec, path: str, random: Random) -> None:
        self.spec = spec
        self.path = path
        self.entries: dict[str, Entry] = {}
        """In start order."""
        self.budget = Budget(spec.max_restarts, spec.window)
        self.has_begun = False
        """Whether its boot has begun."""
        self.is_booted = False
        self.end: End | None = None
        """How it is going to end, once that is decided."""
        self.now = 0.0
        self._random = random
        self._orders: list[Verdict] = []
        self._waiting: deque[Item] = deque()
        for child in spec.children if isinstance(spec, SupervisorSpec) else ():
            self.entries[child.name] = Entry(child, is_dormant=not child.autostart)

    @property
    def shares_restarts(self) -> bool:
        """Whether a restart is about siblings, too."""
        return self._strategy is not Strategy.ONE_FOR_ONE

    @property
    def _strategy(self) -> Strategy:
        return self.spec.strategy if isinstance(self.spec, SupervisorSpec) else Strategy.ONE_FOR_ONE

    @property
    def _is_together(self) -> bool:
        return isinstance(self.spec, SupervisorSpec) and self.spec.order is Order.TOGETHER

    def _wait(self, entry: Entry, delay: float) -> None:
        entry.token += 1
        entry.retry_at = self.now + delay
        self._orders.append(Wait(entry.name, delay, entry.token))

    def _cancel_wait(self, entry: Entry) -> None:
        if entry.retry_at is not None:
            entry.retry_at = None
            entry.token += 1
            self._orders.append(CancelWait(entry.name))

    def _release(self, entry: Entry, operation: Operation, *, unless_it_starts: bool = False) -> None:
        if entry.operation is operation and not (unless_it_starts and entry.name in operation.to_start):
            entry.operation = None

    def _forget(self, entry: Entry, *, asked: bool = False) -> None:
        self._cancel_wait(entry)
        del self.entries[entry.name]
        self._orders.append(Forget(entry.name, asked))

    def _at(self, name: str) -> str:
        return join(self.path, name)
