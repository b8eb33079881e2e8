"""What a tree costs, step by step, as JSON: seconds for each child. At 1,000 it is to be hardly more than at 100.

growth.py LEVEL COUNT PROGRAM ARGUMENT...
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable

import trio
import trio.lowlevel
from level import launcher
from trees import tree

from regrow import SupervisorHandle, open_supervisor


async def measure(level: str, size: int, command: list[str]) -> dict[str, float]:
    """Seconds per child of each step."""
    seconds: dict[str, float] = {}
    spec = tree(size, command, "kill")
    began = time.perf_counter()
    async with open_supervisor(spec, launcher=launcher(level), sinks=[]) as supervisor:
        seconds["start"] = time.perf_counter() - began
        seconds["list"] = clock(supervisor.status)
        began = time.perf_counter()
        await lose(supervisor, size // 10)
        seconds["lose a tenth"] = (time.perf_counter() - began) * 10
        began = time.perf_counter()
    seconds["stop"] = time.perf_counter() - began
    return {step: spent / size for step, spent in seconds.items()}


def clock(call: Callable[[], object]) -> float:
    """Seconds that *call* takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


async def lose(supervisor: SupervisorHandle, count: int) -> None:
    """Kill *count* children at random, and wait until each has a successor that is ready."""
    names = random.sample([child.name for child in supervisor.status().children], count)
    handles = [supervisor.child(name) for name in names]
    before = {handle.path: handle.status().incarnation for handle in handles}
    for handle in handles:
        handle.signal("SIGKILL")
    for handle in handles:
        while handle.status().incarnation == before[handle.path]:
            await handle.wait_exit()
            await trio.lowlevel.checkpoint()
        await handle.wait_ready()


if __name__ == "__main__":
    print(json.dumps(trio.run(measure, sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
