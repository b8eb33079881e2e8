"""A supervisor's memory, and every decision that it takes. SEMANTICS sections 2 to 9.

Theory of operation. A ledger is told what happened, one thing at a time, and answers with verdicts. It never waits,
and knows neither clock nor process: time comes in as `now`, chance as a `Random`. OTP's supervisor is deaf while it
starts or stops a child, so its decisions are atomic. Ours is not, so what OTP does in one go is an `Operation` here:
a series of stops, then of starts, with members. What arrives meanwhile and concerns a member waits, in the order of
arrival, and is decided when the operation is over, exactly as if it had arrived then. What concerns no member is
decided at once. Three things do not wait: the end of a child that an operation is about to stop anyway (it is
swallowed), an order to stop a child that is not up yet, and the order to stop the supervisor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import assert_never

import attrs

from regrow._decisions.calls import Call
from regrow._decisions.entries import Entry, Remains
from regrow._decisions.exits import Fate
from regrow._decisions.management import Management
from regrow._decisions.operation import Boot, Bounce, Operation
from regrow._decisions.restarts import Restarts
from regrow._decisions.strategy import group
from regrow._decisions.verdicts import Add, End, Verdict
from regrow._decisions.waiting import Asked, Due, Ended, Failed, Item, Returned
from regrow._specs.child import ChildSpec
from regrow._specs.exit import Exit, Reason
from regrow._specs.status import ChildCount, State
from regrow._specs.supervisor import AnySupervisorSpec, Strategy, SupervisorSpec


class Ledger(Management, Restarts):
    """What one incarnation of a supervisor knows of its children, and what it decides."""

    def boot(self, now: float) -> list[Verdict]:
        """Start the children that start with the supervisor."""
        self.now = now
        self.has_begun = True
        names = [name for name, entry in self.entries.items() if not entry.is_dormant]
        operation = Operation.of(Boot(), starts=names, together=self._is_together)
        self._begin(operation, names)
        return self._decided()

    def on_ready(self, name: str, now: float) -> list[Verdict]:
        """The child can do its work."""
        self.now = now
        entry = self.entries[name]
        if entry.state is State.STARTING:
            entry.state = State.READY
            self._came_up(entry)
        return self._decided()

    def on_completed(self, name: str, exit: Exit, now: float) -> list[Verdict]:
        """The child, whose readiness is its completion, has ended well."""
        self.now = now
        entry = self.entries[name]
        entry.last_exit = exit
        if entry.state is State.STARTING:
            entry.state = State.DOWN
            self._came_up(entry)
            if entry.is_forgotten_when_stopped and self.end is None:
                self._forget(entry)
            self._look_at_auto_shutdown(entry, exit)
        else:
            self._stopped(entry, exit)
        return self._decided()

    def on_gone(self, name: str, exit: Exit, now: float) -> list[Verdict]:
        """The incarnation of the child has ended, or never came to be."""
        self.now = now
        entry = self.entries[name]
        entry.last_exit = exit
        if entry.has_died:
            entry.state, entry.has_died = State.READY, False
        if entry.state is State.STOPPING:
            self._stopped(entry, exit)
        elif entry.state is State.STARTING:
            self._start_failed(entry, exit)
        elif entry.state is State.STUCK:
            self._unstuck(entry, exit)
        else:
            entry.exited = exit
            self._waiting.append(Ended(name, exit))
        return self._decided()

    def on_stuck(self, name: str, remains: Remains, now: float) -> list[Verdict]:
        """The child, or a stray of it, is still there. What waited for its end goes on; nothing replaces it."""
        self.now = now
        entry = self.entries[name]
        entry.stuck = remains
        entry.has_died = entry.state is State.READY  # nobody stops it: it ended by itself, and a stray does not
        entry.state = State.STUCK
        if entry.operation is not None and entry.operation.awaits(name):
            self._stuck(entry.operation, entry)
        return self._decided()

    def on_due(self, name: str, token: int, now: float) -> list[Verdict]:
        """The wait with this token is over."""
        self.now = now
        self._waiting.append(Due(name, token))
        return self._decided()

    def ask(self, call: object, request: Call, now: float) -> list[Verdict]:
        """Somebody asks for something; the answer comes as `Reply(call)`, now or later."""
        self.now = now
        self._waiting.append(Asked(call, request))
        return self._decided()

    def withdraw(self, call: object, name: str, now: float) -> list[Verdict]:
        """Whoever asked with *call* for the start of the child was cancelled."""
        self.now = now
        self._withdraw(call, name)
        return self._decided()

    def shut_down(self, now: float) -> list[Verdict]:
        """The supervisor is told to stop."""
        self.now = now
        self._shut_down(End(reason=Reason.STOPPED))
        return self._decided()

    def adopt(self, spec: AnySupervisorSpec) -> list[Verdict]:
        """Take over *spec*: its settings, the specs of entries that stay, its order; new entries are down."""
        self.spec = spec
        self.budget.max_restarts, self.budget.window = spec.max_restarts, spec.window
        if not isinstance(spec, SupervisorSpec):
            return []
        old, self.entries = self.entries, {}
        known = set(old)
        for child in spec.children:
            entry = old.pop(child.name, None) or Entry(child, is_dormant=not child.autostart)
            entry.spec = child
            self.entries[child.name] = entry
        new = [Add(child.name) for child in spec.children if child.name not in known]
        self.entries |= old  # what could not be deleted comes last
        return [*new]

    def respec(self, name: str, spec: AnySupervisorSpec) -> None:
        """Keep *spec* for the next incarnation of the supervisor *name*; nothing is started or stopped by that."""
        if name in self.entries:
            self.entries[name].spec = spec
        if isinstance(self.spec, SupervisorSpec):
            children = (spec if child.name == name else child for child in self.spec.children)
            self.spec = attrs.evolve(self.spec, children=children)

    def count(self) -> ChildCount:
        """How many children there are. OTP: `count_children`."""
        entries = self.entries.values()
        processes = sum(isinstance(entry.spec, ChildSpec) for entry in entries)
        return ChildCount(
            entries=len(entries),
            active=sum(entry.is_live for entry in entries),
            supervisors=len(entries) - processes,
            processes=processes,
        )

    # -- what waits -------------------------------------------------------------------------------------------------

    def _decided(self) -> list[Verdict]:
        """Deal with all that can be dealt with now; hand out the verdicts."""
        while self._waiting and self._serve():
            pass
        self._settle_auto_shutdown()
        orders, self._orders = self._orders, []
        return sorted(orders, key=lambda order: isinstance(order, End))  # `End` is the last one

    def _serve(self) -> bool:
        """Go once through what waits, in the order of arrival; say whether something could be dealt with."""
        held: set[str] = set()  # the scopes of what has to wait: nothing later may overtake it there
        kept: deque[Item] = deque()
        served = False
        queue, self._waiting = self._waiting, deque()
        for item in queue:
            scope = self._scope(item)
            if held.isdisjoint(scope) and self._is_free(scope):
                served = True
                self._perform(item)
                continue
            if isinstance(item, Asked) and held.isdisjoint(scope) and self._hurry(item):
                served = True
            held.update(scope)
            kept.append(item)
        kept.extend(self._waiting)  # what came up while serving is younger
        self._waiting = kept
        return served

    def _scope(self, item: Item) -> Iterable[str]:
        """Whom *item* concerns."""
        if isinstance(item, Asked | Returned) or self._strategy is Strategy.ONE_FOR_ONE:
            return (item.name,)
        if isinstance(item, Ended) and self._fate(self.entries.get(item.name), item.exit) is not Fate.RESTART:
            return (item.name,)
        return group(self._strategy, self.entries, item.name)

    def _is_free(self, scope: Iterable[str]) -> bool:
        if self.end is not None:
            return True
        entries = self.entries
        return all(name not in entries or entries[name].operation is None for name in scope)

    def _perform(self, item: Item) -> None:
        if isinstance(item, Asked):
            self._answer(item)
            return
        entry = self.entries.get(item.name)
        if entry is None or self.end is not None:
            return
        match item:
            case Ended():
                self._decide(entry, item.exit)
            case Failed():
                if entry.state is State.RESTARTING and entry.retry_at is None:
                    self._restart(entry, item.exit)
            case Due():
                if entry.state is State.RESTARTING and entry.token == item.token:
                    entry.retry_at = None
                    self._bounce(entry)
            case Returned():
                if entry.state is State.DOWN:
                    self._begin(Operation.of(Bounce(entry.name), starts=[entry.name]), [entry.name])
            case _:
                assert_never(item)
