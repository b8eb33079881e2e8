"""For how long the event loop is deaf, in an application of some size, as JSON: seconds by phase.

    stalls.py LEVEL MEBIBYTES COUNT PROGRAM ARGUMENT...   while COUNT children of regrow start, die at once, and stop
    stalls.py bare MEBIBYTES                              with nothing but the ticker, until standard input ends

A ticker sleeps for a millisecond, again and again; a gap is by how much one of these sleeps was too long. It counts
whatever holds the loop up, the machine's own hiccups too. For each phase there is as well the longest single step of
any task, and the longest by CPU time, which is what our own code is to blame for.

What was imported is taken out of the sight of the garbage collector, as whoever cares about pauses does: going through
all modules of a program takes some 10 ms, happens sooner or later in any program, and has nothing to do with children.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import signal
import sys
import time

import trio
import trio.lowlevel
from level import launcher
from trees import tree

from regrow import open_supervisor
from regrow.events import ChildReady, Event

TICK = 0.001
QUIET = 0.3
PAGE = 4096


class Watch(trio.abc.Instrument):
    """The longest gap, step and CPU time since the last look."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self._began, self._cpu_began = 0.0, 0.0
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.gap = self.step = self.cpu = 0.0
        self.task = ""

    async def end(self, phase: str) -> None:
        """This was *phase*; then some time to become quiet."""
        await trio.sleep(3 * TICK)  # what has held the loop up until now, the ticker sees in its next turn
        self.phases[phase] = {"gap": self.gap, "step": self.step, "step cpu": self.cpu}
        print(f"{phase}: {self.cpu * 1000:.1f} ms of CPU in one step of {self.task}", file=sys.stderr)
        await trio.sleep(QUIET)
        self.clear()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """A task has its turn."""
        self._cpu_began = time.thread_time()
        self._began = time.perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Its turn is over."""
        if not self._began:  # this instrument was put in during that very step
            return
        self.step = max(self.step, time.perf_counter() - self._began)
        cpu = time.thread_time() - self._cpu_began
        if cpu > self.cpu:
            self.cpu, self.task = cpu, task.name

    async def tick(self) -> None:
        """Sleep a little, for ever."""
        last = time.perf_counter()
        while True:
            await trio.sleep(TICK)
            now = time.perf_counter()
            self.gap = max(self.gap, now - last - TICK)
            last = now


class Ready:
    """A sink that counts who is ready."""

    def __init__(self) -> None:
        self.count = 0
        self._wanted = 0
        self._event = trio.Event()

    def __call__(self, event: Event) -> None:
        """One more, perhaps."""
        self.count += isinstance(event, ChildReady)
        if self.count >= self._wanted:
            self._event.set()

    async def wait_for(self, count: int) -> None:
        """Return when there have been so many."""
        self._wanted, self._event = count, trio.Event()
        if self.count < count:
            await self._event.wait()


def application(mebibytes: int) -> mmap.mmap:
    """Memory that is really used, in small pages."""
    size = max(1, mebibytes) * 1024 * 1024
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, size, PAGE):
        memory[at] = 1
    return memory


async def ours(watch: Watch, level: str, count: int, command: list[str]) -> None:
    """The phases."""
    spec, ready = tree(count, command), Ready()
    await watch.end("quiet")
    async with open_supervisor(spec, launcher=launcher(level), sinks=[ready]) as supervisor:
        await watch.end("start")
        pids = [child.pid for child in supervisor.status().children]
        watch.clear()
        await trio.to_thread.run_sync(kill_all, pids)
        await ready.wait_for(2 * count)
        await watch.end("die")
    await watch.end("stop")


def kill_all(pids: list[int]) -> None:
    """Not on the event loop: that takes time that is not regrow's."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def bare(watch: Watch) -> None:
    """Until standard input ends."""
    await trio.lowlevel.wait_readable(0)
    await watch.end("beside")


async def main() -> None:
    """Tick, and do the phases beside that."""
    level, mebibytes = sys.argv[1], int(sys.argv[2])
    memory = application(mebibytes)
    watch = Watch()
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    trio.lowlevel.add_instrument(watch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.tick)
        await (bare(watch) if level == "bare" else ours(watch, level, int(sys.argv[3]), sys.argv[4:]))
        nursery.cancel_scope.cancel()
    print(json.dumps(watch.phases))
    memory.close()


if __name__ == "__main__":
    trio.run(main)
