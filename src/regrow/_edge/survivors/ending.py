"""Ends what has outlived a supervisor, and nobody else.

Who belongs to it is seen in rounds, each a look at every process of the machine: those of the list; those that carry
the owner's token in their environment; and whoever is, or was just now, a child of one of these, or is in the group or
the session of one. Each is held by a pidfd, and only then is looked at again whether it is who it was, and whether
that other one is still there whose number made it ours. First all are stopped, round by round, until nobody new is
found: a dead parent would hide its children. Then all are killed, and waited for; then there is one more look.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator

from regrow._edge.survivors import leaves
from regrow._edge.survivors.held import Held, Survivor, hold
from regrow._edge.survivors.identity import Facts, Place, control_groups, environment, everybody, look
from regrow._edge.survivors.kinship import above_us, descendants_of_us, is_below, relatives_of
from regrow._edge.survivors.record import Contents, Entry

TOKEN = "REGROW_STATE"
"""The variable that holds the tokens of the owners that a process descends from, `:` between them."""

BOUND = 5.0
"""Seconds that all of it may take; what is there then cannot be ended."""

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
        self._entries = [entry for entry in contents.entries.values() if entry.place == place]
        owner = contents.owner
        self._owner = owner if owner is not None and owner.place == place else None
        self._with_pidfd = with_pidfd
        self._until = time.monotonic() + BOUND
        self._held: dict[tuple[int, int], Held] = {}
        self._strangers: set[tuple[int, int]] = set()
        self._is_short = False
        """There were no descriptors left to hold everybody with."""

    def run(self) -> None:
        """Do it. Blocks, for `BOUND` seconds at most.

        Raises:
            OSError: there is no descriptor to do it with.
        """
        try:
            self._end_leaves()
            self._end_processes()
        finally:
            for held in self._held.values():
                held.close()

    # -- control groups ------------------------------------------------------------------------------------------------

    def _end_leaves(self) -> None:
        for entry in self._entries:
            if entry.leaf is not None and leaves.is_there(entry.leaf):
                there = [facts for pid in leaves.members(entry.leaf) if (facts := look(pid))]
                if why := leaves.end(entry.leaf, self._until):
                    self.leaves_left[entry.leaf.path] = why
                else:
                    self.ended += [_survivor(facts, entry) for facts in there if not facts.is_dead]

    # -- processes -----------------------------------------------------------------------------------------------------

    def _end_processes(self) -> None:
        while time.monotonic() < self._until:
            found = self._gather()
            if self.left:  # we descend from one of them: nobody is touched
                for held in self._held.values():
                    held.send(signal.SIGCONT)
                return
            for held in found:
                held.send(signal.SIGSTOP)
            if self._is_short:  # the next round finds the rest
                self._kill()
            elif not found:
                self._kill()
                if all(held.why_not for held in self._held.values()):
                    break
        for held in self._held.values():
            self.left[held.pid] = held.why_not or "it is still there after the kill"

    def _kill(self) -> None:
        """Kill all that are held; let go of those that are gone."""
        for held in self._held.values():
            held.send(signal.SIGKILL)
        until = min(self._until, time.monotonic() + _PATIENCE)
        while self._drop_gone() and time.monotonic() < until:
            time.sleep(_LOOK)

    def _drop_gone(self) -> bool:
        """Whether there is still somebody who may go."""
        for identity, held in list(self._held.items()):
            if held.is_gone():
                del self._held[identity]
                held.close()
                if not held.was_dead:
                    self.ended.append(held.survivor)
        return any(not held.why_not for held in self._held.values())

    # -- who they are --------------------------------------------------------------------------------------------------

    def _gather(self) -> list[Held]:
        """Hold whoever belongs to the owner and is not held yet."""
        self._is_short = False
        table = {facts.pid: facts for facts in everybody()}
        ours = descendants_of_us(table)
        found = [held for facts, who in self._seeds(table.values(), ours) if (held := self._hold(facts, who))]
        relatives = relatives_of(table.values())
        queue = deque(self._held.values())
        while queue:
            known = queue.popleft()
            for facts in relatives[known.pid]:
                if facts.pid not in ours and (held := self._hold_relative(facts, known)):
                    found.append(held)
                    queue.append(held)
        self.left |= {pid: _ABOVE for pid in above_us(table) if (pid, table[pid].start) in self._held}
        return found

    def _seeds(self, everyone: Iterable[Facts], ours: set[int]) -> Iterator[tuple[Facts, Survivor]]:
        """Those that are on the list, or carry the token."""
        listed = {(entry.pid, entry.start): entry for entry in self._entries}
        for facts in everyone:
            if facts.pid in ours:
                continue
            if entry := listed.get((facts.pid, facts.start)):
                yield facts, _survivor(facts, entry)
            elif self._carries_token(facts):
                yield facts, _survivor(facts, environment(facts.pid))

    def _carries_token(self, facts: Facts) -> bool:
        identity = (facts.pid, facts.start)
        if self._owner is None or identity in self._strangers or identity in self._held:
            return False
        tokens = environment(facts.pid).get(TOKEN, "").split(":")
        # A program may hand its environment to services that others start (a desktop does): those are not ours.
        if self._owner.token in tokens and is_below(control_groups(facts.pid), self._owner.groups):
            return True
        self._strangers.add(identity)
        return False

    def _hold(self, facts: Facts, survivor: Survivor) -> Held | None:
        if (facts.pid, facts.start) in self._held:
            return None
        try:
            held = hold(facts, survivor, with_pidfd=self._with_pidfd)
        except OSError:
            if not self._held:
                raise
            self._is_short = True
            return None
        if held is not None:
            self._held[facts.pid, facts.start] = held
        return held

    def _hold_relative(self, facts: Facts, known: Held) -> Held | None:
        held = self._hold(facts, _survivor(facts, known.survivor))
        if held is not None:
            now = look(held.pid)
            is_one = now is not None and known.pid in {now.parent, now.group, now.session}
            # In this order: if that one is there now, its number was its own when it was seen in this one.
            if not is_one or not known.is_still_there():
                del self._held[facts.pid, facts.start]
                held.close()
                return None
        return held


def _survivor(facts: Facts, whose: Entry | Survivor | dict[str, str]) -> Survivor:
    if isinstance(whose, dict):
        number = whose.get("REGROW_INCARNATION", "")
        path, incarnation = whose.get("REGROW_PATH", "."), int(number) if number.isdecimal() else 0
    else:
        path, incarnation = whose.path, whose.incarnation
    return Survivor(path=path, incarnation=incarnation, pid=facts.pid, command=facts.command)
