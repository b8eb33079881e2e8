"""What a tree of 100 and of 1,000 children costs, step by step, in one interleaved run.

The bar is a ratio: the cost per child of each step at 1,000 is at most 1.5 times that at 100. Absolute times say more
about the machine than about us. `nox -s bench` runs this; no test does.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

import trio
import trio.lowlevel

from regrow import ChildSpec, SupervisorHandle, SupervisorSpec, open_supervisor

BAR = 1.5
ROUNDS = 5
SIZES = (100, 1000)
STEPS = ("start", "list", "lose a tenth", "stop")


def tree(size: int) -> SupervisorSpec:
    """*size* sleepers, started and stopped together."""
    children = [
        ChildSpec(name=f"c{number}", command=["/bin/sleep", "1000000"], output="discard", backoff=None, stop="kill")
        for number in range(size)
    ]
    return SupervisorSpec(name="bench", order="together", max_restarts=size, children=children)


async def measure(size: int) -> dict[str, float]:
    """Seconds per child of each step."""
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    async with open_supervisor(tree(size), sinks=[]) as supervisor:
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


def main() -> int:
    """Run the rounds, print the table, and say by the exit code whether the bar is met."""
    rounds: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    for number in range(ROUNDS):
        for size in random.sample(SIZES, len(SIZES)):
            rounds[size].append(trio.run(measure, size))
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
    return report(rounds)


def report(rounds: dict[int, list[dict[str, float]]]) -> int:
    """Print the medians and their ratios."""
    small, large = SIZES
    print(f"{'us per child':<16}{small:>10}{large:>10}{'ratio':>10}")
    worst = 0.0
    for step in STEPS:
        at = {size: statistics.median(one[step] for one in rounds[size]) * 1e6 for size in SIZES}
        ratio = at[large] / at[small]
        worst = max(worst, ratio)
        print(f"{step:<16}{at[small]:>10.1f}{at[large]:>10.1f}{ratio:>10.2f}")
    print(f"bar: at most {BAR}: {'met' if worst <= BAR else 'MISSED'}")
    return 0 if worst <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
