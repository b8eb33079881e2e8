"""The beginning of the leaves of a launcher: the place is found, and a branch made, in a thread."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import trio

from regrow._edge.alarms import Alarms
from regrow._edge.cgroups.branch import Branch, open_branch
from regrow._edge.cgroups.leaves import Leaves
from regrow._edge.cgroups.place import find_cgroup
from regrow._edge.reactor import Reactor
from regrow._edge.spawner import Spawner

if sys.platform == "linux":
    from regrow._edge.cgroups.emptying import Emptying


async def plant(spawner: Spawner, reactor: Reactor, alarms: Alarms) -> Leaves | str:
    """Have leaves, or say why there are none. What the dead have left in the same place is gone then."""
    if sys.platform != "linux":
        return f"there are no control groups on {sys.platform}"
    answers: list[Branch | str] = []
    answered = trio.Event()

    def deliver(answer: Branch | str) -> None:
        answers.append(answer)
        answered.set()

    spawner.submit(lambda: open_branch(find_cgroup()), deliver)
    await answered.wait()
    branch = answers[0]
    return branch if isinstance(branch, str) else Leaves(branch, Emptying(reactor), spawner, alarms)
