"""Start torture trees and stop them, many times, and look who is left when a stop has returned.

    python -m tests.containment.stopping LAYER MOOD RUNS

Prints one line of JSON. Who is left is counted in three ways: by the identities of all who ran just before the stop; by
the marker in the command line of whoever was born later; and, when the tree is closed, by the kernel, which then has no
child of ours any more.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import json
import time

import attrs
import trio
import trio.lowlevel
from tests.containment.families import MEMBERS, torture_tree
from tests.containment.layers import containment, launcher, level
from tests.containment.warden import become_subreaper, collect, describe, end_everybody, is_left
from tests.guardian.hostile import Identity, alive, new_marker

from regrow import ChildSpec, SupervisorHandle, SupervisorSpec, open_supervisor
from regrow.events import ChildOutput, Event

GRACE = 0.2
LANES = 4  # trees at a time


@attrs.define
class Lane:
    """One child, again and again."""

    name: str
    marker: str = attrs.field(factory=new_marker)
    family: set[str] = attrs.field(factory=set[str])
    is_complete: trio.Event = attrs.field(factory=trio.Event)

    def hear(self, line: str) -> None:
        """One of them says who it is; or the shell tells how one has ended."""
        name, _, _ = line.partition(" ")
        if name in MEMBERS:
            self.family.add(name)
        if len(self.family) == len(MEMBERS):
            self.is_complete.set()

    async def assemble(self, supervisor: SupervisorHandle) -> set[Identity]:
        """Start the child; return who there is when its four are all there."""
        self.family = set()
        self.is_complete = trio.Event()
        await supervisor[self.name].start()
        with trio.fail_after(30):
            await self.is_complete.wait()
            while len(everybody := alive(self.marker)) < len(MEMBERS):  # noqa: ASYNC110  nobody has a name in his exec
                await trio.lowlevel.checkpoint()
        return everybody


@attrs.define
class Result:
    """What came of it."""

    times: list[float] = attrs.field(factory=list[float])
    left: list[object] = attrs.field(factory=list[object])
    late: list[float] = attrs.field(factory=list[float])

    def note(self, everybody: set[Identity], marker: str, seconds: float) -> None:
        """A stop has returned, this very moment."""
        left = {who for who in everybody if is_left(who)} | alive(marker)
        if left:
            self.left.append({"who": sorted(left), "now": describe({pid for pid, _ in left})})
        if seconds > GRACE + 1:
            self.late.append(round(seconds, 3))
        self.times.append(seconds)

    def summary(self) -> dict[str, object]:
        """In short."""
        times = sorted(self.times)
        quantiles = [round(times[int(share * (len(times) - 1))] * 1000, 1) for share in (0.5, 0.99, 1)]
        return {
            "runs": len(times),
            "left": self.left,
            "late": self.late,
            "ms (median, 99 %, max)": quantiles,
        }


async def torture(layer: str, mood: str, runs: int) -> Result:
    lanes = {name: Lane(name) for name in map(str, range(min(LANES, runs)))}
    result = Result()
    todo = iter(range(runs))

    def hear(event: Event) -> None:
        if isinstance(event, ChildOutput):
            lanes[event.path].hear(event.line)

    async def drive(supervisor: SupervisorHandle, lane: Lane) -> None:
        for _ in todo:
            everybody = await lane.assemble(supervisor)
            assert supervisor[lane.name].status().containment == level(layer)
            began = time.monotonic()
            await supervisor[lane.name].stop()
            result.note(everybody, lane.marker, time.monotonic() - began)

    children = [
        ChildSpec(
            name=lane.name,
            command=torture_tree(mood, lane.marker),
            containment=containment(layer),
            output="events",
            stop=GRACE,
            autostart=False,
        )
        for lane in lanes.values()
    ]
    spec = SupervisorSpec(name="app", children=children)
    async with (
        open_supervisor(spec, launcher=launcher(layer), sinks=[hear]) as supervisor,
        trio.open_nursery() as nursery,
    ):
        for lane in lanes.values():
            nursery.start_soon(drive, supervisor, lane)
    return result


def main(layer: str, mood: str, runs: int) -> None:
    become_subreaper()
    result = trio.run(torture, layer, mood, runs)
    try:
        collect(patience=1)
    except AssertionError as left:
        result.left.append(str(left))
        end_everybody()
    print(json.dumps({"layer": layer, "mood": mood, **result.summary()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
