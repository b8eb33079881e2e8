"""What one launch, one death with its restart, and one stop cost regrow itself: microseconds of CPU, and task steps.

    costs.py LEVEL COUNT [--profile] PROGRAM ARGUMENT...

This is for whoever makes it faster. `process` is this process with all of its threads; `guardians` what belongs to it
and lives on: the nest, and what it has reaped of its shims. Deaths come one at a time, as they do in life. With
`--profile`, cProfile tells where the main thread spends its CPU (waiting does not count).
"""

from __future__ import annotations

import cProfile
import os
import pstats
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import trio
import trio.lowlevel
from level import launcher
from stalls import Ready
from trees import tree

from regrow import open_supervisor

DEATHS = 300
SETTLE = 1.0


class Meter(trio.abc.Instrument):
    """What is used up, phase by phase."""

    def __init__(self, *, is_profiled: bool) -> None:
        self._steps = 0
        self._profile = cProfile.Profile(time.thread_time_ns, 1e-9) if is_profiled else None
        self._before = self._look()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """One more."""
        self._steps += 1

    def begin(self) -> None:
        """A phase begins."""
        self._before = self._look()
        if self._profile is not None:
            self._profile.enable()

    def end(self, what: str, count: int) -> None:
        """It has ended: print what it cost, divided by *count*."""
        if self._profile is not None:
            self._profile.disable()
        spent = [(new - old) / count for new, old in zip(self._look(), self._before, strict=True)]
        process, guardians, _, wall = (f"{value * 1e6:8.0f} us" for value in spent)
        print(f"{what:8}{process} process{guardians} guardians{spent[2]:7.1f} steps{wall} in all")
        if self._profile is not None:
            pstats.Stats(self._profile).strip_dirs().sort_stats("tottime").print_stats(40)
            self._profile.clear()

    def _look(self) -> tuple[float, float, int, float]:
        return time.process_time(), _of_guardians(), self._steps, time.perf_counter()


def _of_guardians() -> float:
    """Seconds of CPU of our child processes, and of the dead that they have reaped."""
    spent = 0.0
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):
            for pid in (thread / "children").read_text().split():
                spent += time.clock_gettime((~int(pid) << 3) | 2)  # the clock of that process
                reaped = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[13:15]
                spent += sum(map(int, reaped)) / os.sysconf("SC_CLK_TCK")
    return spent


async def main(level: str, count: int, command: list[str], *, is_profiled: bool) -> None:
    """Launch, lose and stop them."""
    meter, ready, spec = Meter(is_profiled=is_profiled), Ready(), tree(count, command)
    trio.lowlevel.add_instrument(meter)
    meter.begin()
    async with open_supervisor(spec, launcher=launcher(level), sinks=[ready]) as supervisor:
        meter.end("launch", count)
        await trio.sleep(SETTLE)
        pids = [child.pid for child in supervisor.status().children][:DEATHS]
        meter.begin()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            await ready.wait_for(ready.count + 1)
        meter.end("death", len(pids))
        await trio.sleep(SETTLE)
        meter.begin()
    meter.end("stop", count)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--profile"]
    trio.run(lambda: main(words[0], int(words[1]), words[2:], is_profiled="--profile" in sys.argv))
