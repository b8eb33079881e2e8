"""Whether, when and with whom a child comes back that ended by itself; and when that is too much."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from random import Random

from regrow._decisions import backoff
from regrow._decisions.entries import Entry
from regrow._decisions.exits import Fate, fate
from regrow._decisions.operation import Bounce, Clear, Operation
from regrow._decisions.operations import Operations
from regrow._decisions.shutdown import is_due
from regrow._decisions.strategy import group
from regrow._decisions.verdicts import End, Schedule
from regrow._specs.child import ChildSpec, Restart
from regrow._specs.exit import Exit, Reason
from regrow._specs.status import State
from regrow._specs.supervisor import AnySupervisorSpec, Strategy

REFUSED_WAIT = 0.2
"""Seconds before a start that was refused for want of capacity is tried again, where the backoff says less."""


class Restarts(Operations):
    """The part of a ledger that decides about ends that nobody asked for."""

    def __init__(self, spec: AnySupervisorSpec, path: str, random: Random) -> None:
        super().__init__(spec, path, random)
        self._losses: deque[str] = deque(maxlen=100)
        """What was lost lately: all children that were lost with it are one restart."""
        self._ended_for_good: tuple[str, Exit] | None = None
        """A significant child, until the auto-shutdown rule has been looked at; that waits for the end of the boot."""

    def _fate(self, entry: Entry | None, exit: Exit) -> Fate:
        if entry is None:
            return Fate.FORGOTTEN
        what = fate(entry.spec.restart, exit.reason)
        return Fate.FORGOTTEN if what is Fate.DOWN and entry.is_dynamic else what

    def _decide(self, entry: Entry, exit: Exit) -> None:
        """A child ended by itself: does it come back?"""
        if entry.exited is not exit:
            return  # swallowed meanwhile by a stop
        entry.exited = None
        what = self._fate(entry, exit)
        if what is Fate.RESTART:
            entry.state = State.RESTARTING
            self._restart(entry, exit)
            return
        entry.state = State.DOWN
        if what is Fate.FORGOTTEN:
            self._forget(entry)
        self._look_at_auto_shutdown(entry, exit)

    def _restart(self, entry: Entry, exit: Exit) -> None:
        """Decide about an attempt: count it, then give up, or wait, or begin."""
        was_ready = exit.reason is not Reason.FAILED_TO_START
        if was_ready and backoff.begins_new_row(entry.spec.backoff, exit.healthy_for):
            entry.row = 0
        limit = self._passed_limit(entry, exit)
        if limit:
            self._give_up(entry, exit, limit)
            return
        entry.row += 1
        entry.restarts += 1
        wait = backoff.delay(entry.spec.backoff, entry.row, self._random)
        wait = max(wait, REFUSED_WAIT) if exit.was_refused else wait
        self._orders.append(Schedule(entry.name, wait, entry.row, self.budget.left(self.now)))
        self._begin_restart(entry, wait)

    def _begin_restart(self, entry: Entry, wait: float) -> None:
        """Begin it, or its backoff; the siblings that share it are stopped before the backoff begins."""
        if not wait:
            self._bounce(entry)
        elif self._strategy is Strategy.ONE_FOR_ONE:
            self._wait(entry, wait)
        else:
            names = group(self._strategy, self.entries, entry.name)
            self._begin(Operation.of(Clear(entry.name, wait), stops=self._bystanders(names, entry)), names)

    def _passed_limit(self, entry: Entry, exit: Exit) -> str:
        """Count a restart, unless it is nobody's fault, and say which limit that passed, if any."""
        if exit.was_refused and self._has_patience(entry):
            return ""
        is_counted = exit.loss is None or exit.loss not in self._losses
        if exit.loss is not None and is_counted:
            self._losses.append(exit.loss)
        if is_counted and not self.budget.count(self.now):
            return str(self.budget)
        if backoff.is_row_too_long(entry.spec.backoff, entry.row):
            return f"{entry.row} attempts in a row failed (give_up_after)"
        return ""

    def _has_patience(self, entry: Entry) -> bool:
        """Whether a refused start may be tried again without being counted: for as long as a start may take."""
        if entry.refused_since is None:
            entry.refused_since = self.now
        timeout = entry.spec.start_timeout if isinstance(entry.spec, ChildSpec) else 0.0
        return self.now - entry.refused_since <= timeout

    def _bounce(self, entry: Entry) -> None:
        """Stop the siblings that share the restart, then start it and them."""
        names = group(self._strategy, self.entries, entry.name)
        starts = [name for name in names if name == entry.name or self._is_revived(self.entries[name])]
        self._begin(Operation.of(Bounce(entry.name), self._bystanders(names, entry), starts), names)

    def _bystanders(self, names: list[str], entry: Entry) -> list[str]:
        """Who is stopped for the restart of *entry*, in the order of the stops."""
        others = [self.entries[name] for name in reversed(names) if name != entry.name]
        return [other.name for other in others if other.is_up or not other.is_dormant]

    def _is_revived(self, entry: Entry) -> bool:
        """Whether a group restart starts it: not if it is temporary, was never started, or is not wanted any more."""
        return entry.spec.restart is not Restart.TEMPORARY and not entry.is_dormant and not entry.is_retired

    def is_coming_back(self, name: str) -> bool:
        """Whether the entry is going to be started without anybody asking: after a backoff, or with its group."""
        entry = self.entries[name]
        if self.end is not None:
            return False
        if entry.state is State.RESTARTING or entry.returns:
            return True
        if not self.has_begun:
            return not entry.is_dormant
        if entry.operation is not None and name in entry.operation.to_start:
            return True
        due = [other.name for other in self.entries.values() if other.state is State.RESTARTING]
        return self._is_revived(entry) and any(name in group(self._strategy, self.entries, other) for other in due)

    def retire(self, names: Iterable[str], *, really: bool = True) -> None:
        """No group restart starts these any more, until a call does; or, not *really*, they are as before."""
        for name in names:
            if entry := self.entries.get(name):
                entry.is_retired = really

    def _give_up(self, entry: Entry, exit: Exit, limit: str) -> None:
        entry.state = State.DOWN
        if entry.is_dynamic:
            self._forget(entry)
        reason = Reason.GAVE_UP if self.is_booted else Reason.FAILED_TO_START
        culprits = ((entry.name, exit),)
        ages = self.budget.ages(self.now)
        used = ages[:-1] if limit == str(self.budget) else ages  # the one that is refused is not made
        self._shut_down(End(reason=reason, culprits=culprits, limit=limit, restarts=used))

    def _look_at_auto_shutdown(self, entry: Entry, exit: Exit) -> None:
        """A child ended by itself and is not restarted. SEMANTICS section 7."""
        if entry.spec.significant:
            self._ended_for_good = (entry.name, exit)
            self._settle_auto_shutdown()

    def _settle_auto_shutdown(self) -> None:
        if self._ended_for_good is None or not self.is_booted:
            return
        culprit, self._ended_for_good = self._ended_for_good, None
        if is_due(self.spec.auto_shutdown, self.entries.values()):
            self._shut_down(End(reason=Reason.NORMAL, culprits=(culprit,)))
