"""The beginning of the leaves of a launcher: the place is found, and a branch made, in a thread."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import trio

from regrow._edge.alarms import Alarms
from regrow._edge.cgroups.branch import Branch, open_branch
from regrow._edge.cgroups.leaves import Leaves
from regrow._edge.cgroups.place import Place, find_cgroup
from regrow._edge.cgroups.wanting import are_for_all
from regrow._edge.grouping.spawner import Spawner
from regrow._edge.reactor import Reactor
from regrow._edge.tuning import Tuning

if sys.platform == "linux":
    from regrow._edge.cgroups.emptying import Emptying

    async def plant(tuning: Tuning, spawner: Spawner, reactor: Reactor, alarms: Alarms) -> Leaves | str:
        """Have leaves, or say why there are none. What the dead have left in the same place is gone then."""
        if tuning.cgroup == "none":
            return "they are not wanted"
        branch = await _Planting(spawner).wait()
        if isinstance(branch, str):
            return branch
        return Leaves(branch, Emptying(reactor), spawner, alarms, is_for_all=_are_for_all(tuning))

else:

    async def plant(tuning: Tuning, spawner: Spawner, reactor: Reactor, alarms: Alarms) -> Leaves | str:
        """Say why there are none."""
        await trio.lowlevel.checkpoint()
        return f"there are none on {sys.platform}"


def are_usual(tuning: Tuning) -> bool:
    """Whether a child that asks for nothing special is going to have one, for all that is known without trying."""
    return _are_for_all(tuning) and isinstance(find_cgroup(is_tried=False), Place)


def _are_for_all(tuning: Tuning) -> bool:
    return tuning.cgroup == "always" or (tuning.cgroup == "auto" and are_for_all())


class _Planting:
    """Work that a thread does, and that somebody waits for, or does not any more."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._answer: Branch | str = ""
        self._answered = trio.Event()
        self._is_wanted = True

    async def wait(self) -> Branch | str:
        self._spawner.submit(lambda: open_branch(find_cgroup()), self._deliver)
        try:
            await self._answered.wait()
        finally:
            self._is_wanted = False
        return self._answer

    def _deliver(self, answer: Branch | str) -> None:
        self._answer = answer
        self._answered.set()
        if not self._is_wanted and isinstance(answer, Branch):
            self._spawner.submit(answer.discard, lambda _: None)
