"""Ends what has outlived a supervisor, and nobody else.

Who belongs to it is seen in rounds, each a look at every process of the machine: those of the list; those that carry
the owner's token in their environment; and whoever is, or was just now, a child of one of these, or is in the group or
the session of one. Each is held by a pidfd, and only then is looked at again whether it is who it was, and whether
that other one is still there whose number made it ours. Each is stopped as soon as it is found, round by round, until
nobody new is: a dead parent would hide its children. Then all are killed, and waited for; then there is one more look.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import signal
import time
from collections import deque
from collections.abc import Mapping

import attrs

from regrow._edge.survivors import leaves
from regrow._edge.survivors.held import Held, Survivor, hold
from regrow._edge.survivors.identity import Facts, Place, control_groups, environment, everybody, look
from regrow._edge.survivors.kinship import above_us, is_below, is_ours, relatives_of
from regrow._edge.survivors.record import Contents, Entry

VARIABLE = "REGROW_STATE"
"""The variable that holds the tokens of the owners that a process descends from, `:` between them."""

BOUND = 5.0
"""Seconds after its kill when what is still there cannot be ended."""

_ALL = 60.0  # seconds that all of it may take: some machines have many processes, and little time

_LOOK = 0.005  # seconds between two looks at those that were killed
_PATIENCE = 0.2  # seconds after which those that were killed are looked for once more

_ABOVE = "this very process descends from it; start it from elsewhere"


class Hunt:
    """What is left of one owner: found, and ended."""

    def __init__(self, contents: Contents, place: Place, *, with_pidfd: bool) -> None:
        self.ended: list[Survivor] = []
        self.left: dict[int, str] = {}
        """Those that cannot be ended, and why."""
        self.leaves_left: dict[str, str] = {}
        """The control groups that cannot be."""
        entries = [entry for entry in contents.entries.values() if entry.place == place]
        owner = contents.owner
        self._listed = {(entry.pid, entry.start): entry for entry in entries}
        self._leaves = [(entry, entry.leaf) for entry in entries if entry.leaf is not None]
        self._owner = owner if owner is not None and owner.place == place else None
        self._with_pidfd = with_pidfd
        self._until = time.monotonic() + _ALL
        self._held: dict[tuple[int, int], Held] = {}
        self._strangers: set[tuple[int, int]] = set()
        self._above = {facts.pid: facts for facts in above_us()}
        self._is_short = False
        """There were no descriptors left to hold everybody with."""

    def run(self) -> None:
        """Do it. Blocks.

        Raises:
            OSError: there is no descriptor to do it with.
        """
        self.left = {facts.pid: _ABOVE for facts in self._above.values() if self._belongs(facts)}
        if self.left:  # nobody is touched
            return
        try:
            self._end_leaves()
            self._end_processes()
        finally:
            for held in self._held.values():
                held.close()

    # -- control groups ------------------------------------------------------------------------------------------------

    def _end_leaves(self) -> None:
        for entry, leaf in self._leaves:
            if leaves.is_there(leaf):
                there = [facts for pid in leaves.members(leaf) if (facts := look(pid))]
                if why := leaves.end(leaf, time.monotonic() + BOUND):
                    self.leaves_left[leaf.path] = why
                else:
                    self.ended += [_survivor(facts, entry) for facts in there if not facts.is_dead]

    # -- processes -----------------------------------------------------------------------------------------------------

    def _end_processes(self) -> None:
        while time.monotonic() < self._until:
            has_found = self._gather()
            if self._is_short:  # the next round finds the rest
                self._kill()
            elif not has_found:
                if not self._has_some_to_kill():
                    break
                self._kill()
        for held in self._held.values():
            self.left[held.pid] = held.why_not or "it is still there after the kill"

    def _kill(self) -> None:
        """Kill all that are held; let go of those that are gone."""
        for held in self._held.values():
            held.kill()
        until = min(self._until, time.monotonic() + _PATIENCE)
        self._drop_gone()
        while self._has_some_to_kill() and time.monotonic() < until:
            time.sleep(_LOOK)
            self._drop_gone()

        self._strangers.clear()  # who has just begun to run another program may carry the token now

    def _has_some_to_kill(self) -> bool:
        return any(not held.why_not and held.was_killed_after < BOUND for held in self._held.values())

    def _drop_gone(self) -> None:
        for identity, held in list(self._held.items()):
            if held.is_gone():
                del self._held[identity]
                held.close()
                if not held.was_dead:
                    self.ended.append(held.survivor)

    # -- who they are --------------------------------------------------------------------------------------------------

    def _gather(self) -> bool:
        """Hold, and stop, whoever belongs to the owner and is not held yet; whether there was somebody."""
        before = len(self._held)
        self._is_short = False
        everyone: list[Facts] = []
        for facts in everybody():
            everyone.append(facts)
            if (whose := self._whose(facts)) is not None:
                self._hold(facts, whose)
        relatives = relatives_of(everyone)
        queue = deque(self._held.values())
        while queue:
            known = queue.popleft()
            queue += [held for facts in relatives[known.pid] if (held := self._hold(facts, known.survivor, known))]
        return len(self._held) > before

    def _belongs(self, facts: Facts) -> bool:
        """Whether *facts* are of one who belongs to the owner, or of a member of the group or session of such a one."""
        leaders = [look(number) for number in {facts.group, facts.session} - {0}]
        return any(one is not None and self._whose(one) is not None for one in (facts, *leaders))

    def _whose(self, facts: Facts) -> Survivor | None:
        """Whom it belongs to, if it is on the list or carries the token."""
        identity = (facts.pid, facts.start)
        if entry := self._listed.get(identity):
            return _survivor(facts, entry)
        if self._owner is None or identity in self._strangers or identity in self._held:
            return None
        said = environment(facts.pid)
        # A program may hand its environment to services that others start (a desktop does): those are not ours.
        is_marked = self._owner.token in said.get(VARIABLE, "").split(":")
        if is_marked and is_below(control_groups(facts.pid), self._owner.groups) and not is_ours(facts):
            return _survivor(facts, said)
        if said:  # else it has none, or is just being executed
            self._strangers.add(identity)
        return None

    def _hold(self, facts: Facts, whose: Survivor, known: Held | None = None) -> Held | None:
        """Hold it, and stop it; `None` if it is held already, or is not who it was, or is no relative of *known*."""
        if (facts.pid, facts.start) in self._held:
            return None
        if facts.pid in self._above:
            self.left[facts.pid] = _ABOVE
            return None
        try:
            held = hold(facts, attrs.evolve(whose, pid=facts.pid, command=facts.command), with_pidfd=self._with_pidfd)
        except OSError:
            if not self._held:
                raise
            self._is_short = True
            return None
        if held is None or (known is not None and not _are_relatives(held, known)):
            return None
        self._held[facts.pid, facts.start] = held
        held.send(signal.SIGSTOP)
        return held


def _are_relatives(held: Held, known: Held) -> bool:
    now = look(held.pid)
    is_one = now is not None and known.pid in {now.parent, now.group, now.session}
    # In this order: if that one is there now, its number was its own when it was seen in this one.
    if is_one and known.is_still_there():
        return True
    held.close()
    return False


def _survivor(facts: Facts, whose: Entry | Mapping[str, str]) -> Survivor:
    if isinstance(whose, Entry):
        path, incarnation = whose.path, whose.incarnation
    else:
        number = whose.get("REGROW_INCARNATION", "")
        path, incarnation = whose.get("REGROW_PATH", "."), int(number) if number.isdecimal() else 0
    return Survivor(path=path, incarnation=incarnation, pid=facts.pid, command=facts.command)
