"""Restart children as fast as it goes, and look what that leaves behind: descriptors, threads, tasks, memory, zombies.

    python -m tests.containment.soaking LAYER RESTARTS SECONDS

Ends after so many restarts, or so many seconds. Prints one line of JSON: what there was when a fifth of that was over,
and what there was in the end; and each zombie that somebody who had time for it did not reap.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import gc
import json
import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe

import attrs
import psutil
import trio
from tests.containment.killing import is_alive
from tests.containment.layers import launcher
from tests.containment.warden import children, descendants, named
from tests.guardian.hostile import Identity, facts

from regrow import ChildSpec, SupervisorHandle, SupervisorSpec, open_supervisor
from regrow._edge.grouping.handle import has_pidfd

LOOPS = 8
WARM_UP = 5  # a fifth of the restarts
OVERDUE = 0.05 if has_pidfd() else 0.3  # seconds for which somebody sleeps beside a body
BUSY = 0.5  # seconds that somebody works, and does not come to it


# -- who watches -------------------------------------------------------------------------------------------------------


@attrs.define
class Body:
    """A zombie, and whoever is to reap it: not in time on a busy machine, but as soon as he runs at all."""

    who: Identity
    reaper: int
    seen_at: float
    worked: float  # that the reaper had worked by then, in seconds
    turns: int = 0  # that it had by then
    asleep_since: float = 0.0

    def is_left_lying(self, now: float) -> bool:
        """Whether the reaper has slept all the time, or has worked, and not reaped it."""
        is_asleep, worked, turns = activity(self.reaper)
        if not is_asleep or turns != self.turns:
            self.turns, self.asleep_since = turns, now
        return now - self.asleep_since > OVERDUE or worked - self.worked > BUSY


def watch(supervisor: int, news: Connection) -> None:
    """Look for zombies until told to stop; then tell of those that were left lying, and how long any was seen."""
    bodies: dict[Identity, Body] = {}
    left: set[str] = set()
    longest = 0.0
    while not news.poll(0.005):
        now = time.monotonic()
        found = [Body(who, reaper, now, activity(reaper)[1]) for who, reaper in find_zombies(supervisor)]
        bodies = {body.who: bodies.get(body.who, body) for body in found}
        longest = max([longest, *(now - body.seen_at for body in bodies.values())])
        left |= {f"{body.who}, child of {body.reaper}" for body in bodies.values() if body.is_left_lying(now)}
    news.send((sorted(left)[:20], longest))


def find_zombies(supervisor: int) -> list[tuple[Identity, int]]:
    """Who is dead and not reaped, and whose child he is."""
    found: list[tuple[Identity, int]] = []
    for pid in descendants(supervisor):
        with suppress(OSError):
            state, parent, *rest = facts(pid)
            if state == "Z":
                found.append(((pid, int(rest[17])), int(parent)))
    return found


def activity(pid: int) -> tuple[bool, float, int]:
    """Whether all its threads are asleep, the seconds that they have worked, and how often one had a processor."""
    states, worked, turns = set[str](), 0, 0
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                nanoseconds, _, times = map(int, file.read().split())
            states.add(state_of(f"{pid}/task/{thread}"))
            worked += nanoseconds
            turns += times
    return states == {"S"}, worked / 1e9, turns


def state_of(process: str) -> str:
    with open(f"/proc/{process}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0].decode()


# -- who is watched ----------------------------------------------------------------------------------------------------


def alive(pids: list[int]) -> list[int]:
    """Those of *pids* that are not dead: who died at the same time as others is reaped a moment later."""
    return [pid for pid in pids if is_alive(pid)]


@attrs.frozen
class Belongings:
    """What a supervisor and its nest have, at one moment. Memory in KiB."""

    fds: int
    threads: int
    tasks: int
    memory: int
    nest_fds: int
    nest_memory: int
    nest_children: int

    @classmethod
    def now(cls) -> Belongings:
        """The processes of the tree must all be asleep."""
        gc.collect()
        ours = psutil.Process()
        nests = [psutil.Process(pid) for pid in named("regrow-nest", children(os.getpid()))]
        return cls(
            fds=ours.num_fds(),
            threads=threading.active_count(),
            tasks=trio.lowlevel.current_statistics().tasks_living,
            memory=ours.memory_full_info().uss >> 10,
            nest_fds=sum(nest.num_fds() for nest in nests),
            nest_memory=sum(nest.memory_full_info().uss for nest in nests) >> 10,
            nest_children=sum(len(alive(children(nest.pid))) for nest in nests),
        )


async def soak(layer: str, restarts: int, seconds: float) -> dict[str, object]:
    loops = [f"loop{number}" for number in range(LOOPS)]
    specs = [
        ChildSpec(name=name, command=["/bin/true"], autostart=False, backoff=None, output="discard") for name in loops
    ]
    specs.append(ChildSpec(name="stays", command=["/bin/sleep", "36000"]))
    spec = SupervisorSpec(name="app", children=specs, max_restarts=1_000_000, window=0.1)
    began = time.monotonic()
    async with open_supervisor(spec, launcher=launcher(layer), sinks=[], journal_size=100) as supervisor:
        await run(supervisor, loops, restarts // WARM_UP, seconds / WARM_UP)
        before = Belongings.now()
        await run(supervisor, loops, restarts, seconds)
        after = Belongings.now()
        done = supervisor.statistics().restarts
    return {
        "restarts": done,
        "seconds": round(time.monotonic() - began, 1),
        "before": attrs.asdict(before),
        "after": attrs.asdict(after),
    }


async def run(supervisor: SupervisorHandle, loops: list[str], restarts: int, seconds: float) -> None:
    """Until there have been so many restarts in all, or for so many seconds; then there is peace."""
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for name in loops:
                nursery.start_soon(supervisor[name].start)
        async for _ in supervisor.events():
            if supervisor.statistics().restarts >= restarts:
                break
    for name in loops:
        await supervisor[name].stop()


def main(layer: str, restarts: int, seconds: float) -> None:
    ours, theirs = Pipe()
    watcher = os.fork()
    if watcher == 0:
        ours.close()
        try:
            watch(os.getppid(), theirs)
        finally:
            os._exit(0)
    theirs.close()
    result = trio.run(soak, layer, restarts, seconds)
    ours.send("stop")
    left, longest = ours.recv()
    os.waitpid(watcher, 0)
    zombies = {"zombies left lying": left, "longest zombie (ms)": round(longest * 1000, 1)}
    print(json.dumps({"layer": layer, **result, **zombies}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
