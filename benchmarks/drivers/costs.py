"""What one launch, one death with its restart, and one stop cost regrow itself: microseconds of CPU, and task steps.

    costs.py LEVEL COUNT PROGRAM ARGUMENT... [--profile]

This is for whoever makes it faster. `process` is this process with all of its threads, `guardians` what belongs to us
besides it and lives on (the nest; what shims use up while they live and die is not in it). Deaths come one at a time,
as they do in life. With `--profile`, cProfile tells where the main thread spends it.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
import trio.lowlevel
from level import launcher
from stalls import Ready

from regrow import ChildSpec, SupervisorSpec, open_supervisor

DEATHS = 300


class Steps(trio.abc.Instrument):
    """Counts the turns that tasks have."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """One more."""
        self.count += 1


@contextmanager
def costs(what: str, count: int, steps: Steps, profile: cProfile.Profile | None) -> Iterator[None]:
    """Print what the block costs, divided by *count*."""
    before = time.process_time(), guardians(), steps.count, time.perf_counter()
    if profile is not None:
        profile.enable()
    yield
    if profile is not None:
        profile.disable()
    after = time.process_time(), guardians(), steps.count, time.perf_counter()
    process, others, turns, wall = ((new - old) / count for new, old in zip(after, before, strict=True))
    print(f"{what:8}{process * 1e6:9.0f} us process{others * 1e6:9.0f} us guardians{turns:7.1f} steps{wall * 1e6:9.0f} us")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def guardians() -> float:
    """Seconds of CPU of our child processes, as long as they live."""
    spent = 0.0
    for thread in Path("/proc/self/task").iterdir():
        for pid in (thread / "children").read_text().split():
            spent += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return spent


async def main(level: str, count: int, command: list[str], *, is_profiled: bool) -> None:
    """Launch, lose and stop them."""
    steps, ready = Steps(), Ready()
    children = [
        ChildSpec(name=f"c{number}", command=command, output="discard", backoff=None, stop=1.0)
        for number in range(count)
    ]
    spec = SupervisorSpec(name="bench", order="together", max_restarts=10**9, children=children)
    trio.lowlevel.add_instrument(steps)

    def of(what: str, count: int) -> object:
        return costs(what, count, steps, cProfile.Profile() if is_profiled else None)

    launching = of("launch", count)
    launching.__enter__()
    async with open_supervisor(spec, launcher=launcher(level), sinks=[ready]) as supervisor:
        launching.__exit__(None, None, None)
        await trio.sleep(1)
        pids = [child.pid for child in supervisor.status().children][:DEATHS]
        with of("death", len(pids)):
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                await ready.wait_for(ready.count + 1)
        await trio.sleep(0.5)
        stopping = of("stop", count)
        stopping.__enter__()
    stopping.__exit__(None, None, None)


if __name__ == "__main__":
    profiled = "--profile" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--profile"]
    trio.run(lambda: main(words[0], int(words[1]), words[2:], is_profiled=profiled))
