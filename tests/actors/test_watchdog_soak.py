"""Children of every kind, on a machine that has too much to do: who hangs is ended in its time, and nobody else is."""

from __future__ import annotations

import os
import sys
import time
from random import Random

import attrs
import pytest
import trio
from tests.actors.helpers import until
from tests.edge.recorder import python

from regrow import ChildSpec, DynamicSpec, HangPolicy, SupervisorHandle, SupervisorSpec, open_supervisor
from regrow import events as ev
from regrow.activity import AllOf, AnyOf, Callback, CpuProgress, Heartbeat, IoProgress, Output, Probe, Source
from regrow.readiness import Calls
from regrow.testing import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="some of the sources are Linux's")

LONGEST = 4.0
"""Seconds that a child may be silent: long enough for one that has to wait for a core."""

PLANTED = 20
SLACK = 2.0
"""Seconds that it may take on a busy machine until a silence is over that is."""

PRINTS = ["sh", "-c", "while sleep 0.2; do echo x; done"]
WORKS = python("import time", "while True: sum(range(200_000)); time.sleep(0.05)")
WRITES = python("import time", "while True: open('/dev/null', 'w').write('x'); time.sleep(0.1)")
BOTH = python("import time", "while True: sum(range(200_000)); open('/dev/null', 'w').write('x'); time.sleep(0.05)")
BUSY = python("while True: pass")

WELL: dict[str, tuple[list[str], Source | None]] = {
    "beats": (children.beats(0.2), Heartbeat()),
    "pulses": (children.beats(0.2, via="pipe"), Heartbeat("pipe")),
    "seldom": (children.beats(LONGEST / 3), Heartbeat()),
    "prints": (PRINTS, Output()),
    "works": (WORKS, CpuProgress()),
    "writes": (WRITES, IoProgress()),
    "answers": (children.sleeps(), Probe(Calls(lambda: True))),
    "called": (children.sleeps(), Callback(time.time)),
    "any": (WORKS, AnyOf(Heartbeat(), CpuProgress())),
    "all": (BOTH, AllOf(CpuProgress(), IoProgress())),
    "touched": (children.sleeps(), None),
}
ILL: list[Source] = [Heartbeat(), AnyOf(Heartbeat(), Output()), AnyOf(Heartbeat(), IoProgress(10_000))]


def hang(activity: Source | None) -> HangPolicy:
    return HangPolicy(warn_after=LONGEST, terminate_after=LONGEST, kill_after=LONGEST + 1, activity=activity)


def healthy() -> list[ChildSpec]:
    load = [ChildSpec(name=f"busy{n}", command=BUSY, stop="kill") for n in range(os.cpu_count() or 1)]
    watched = [
        ChildSpec(name=name, command=command, hang=hang(source), output="discard")
        for name, (command, source) in WELL.items()
    ]
    return load + watched


@attrs.define
class Soak:
    """One tree under load."""

    supervisor: SupervisorHandle
    events: list[ev.Event]
    random: Random = attrs.field(factory=lambda: Random(7))

    async def touch(self) -> None:
        """What its application does for one of them."""
        while True:
            await trio.sleep(0.3)
            self.supervisor["well/touched"].touch()

    async def plant(self) -> None:
        """Start some that are going to hang, and wait until all are gone."""
        lasts = {f"ill{n}": self.random.uniform(0.5, 4) for n in range(PLANTED)}
        self.events.clear()
        for number, (name, seconds) in enumerate(lasts.items()):
            stubborn = number % 4 == 0
            command = children.beats(0.1, seconds) if not stubborn else ["sh", "-c", 'trap "" TERM; "$@"', "sh"]
            command = command + children.beats(0.1, seconds) if stubborn else command
            spec = ChildSpec(
                name=name, command=command, hang=hang(ILL[number % 3]), restart="temporary", output="discard", stop=0.5
            )
            await self.supervisor["ill"].start_child(spec)
        await until(self.supervisor, lambda: len(self.ended()) == PLANTED)
        self.judge(lasts)

    def ended(self) -> dict[str, ev.ChildExited]:
        return {event.path: event for event in self.events if isinstance(event, ev.ChildExited)}

    def judge(self, lasts: dict[str, float]) -> None:
        """Each was ended for its silence, and when that was long enough; nobody else has been suspected even."""
        late = [event.by for event in self.events if isinstance(event, ev.WatchdogLate)]
        slack = SLACK + sum(late) + LONGEST * len(late)
        ready = {event.path: event.at for event in self.events if isinstance(event, ev.ChildReady)}
        for name, seconds in lasts.items():
            exited = self.ended()[f"ill/{name}"]
            assert exited.exit.reason == "hung", (name, exited)
            took = exited.at - ready[f"ill/{name}"] - seconds
            # Its last beat comes up to 0.1 s before it hangs; what must be looked at may be noticed a quarter late.
            assert LONGEST - 0.2 <= took <= LONGEST * 1.25 + slack, (name, took, late)
        suspected = {event.path for event in self.events if isinstance(event, ev.HangSuspected | ev.ChildHung)}
        assert suspected == {f"ill/{name}" for name in lasts}


async def soak(seconds: float) -> int:
    """How many were planted in so many seconds, or in one round of them."""
    events: list[ev.Event] = []
    spec = SupervisorSpec(
        name="app",
        max_restarts=0,
        children=[
            SupervisorSpec(name="well", order="together", max_restarts=0, children=healthy()),
            DynamicSpec(name="ill", max_restarts=0),
        ],
    )
    planted = 0
    async with open_supervisor(spec, sinks=[events.append]) as supervisor, trio.open_nursery() as nursery:
        one = Soak(supervisor, events)
        nursery.start_soon(one.touch)
        until_at = trio.current_time() + seconds
        while not planted or trio.current_time() < until_at:
            await one.plant()
            planted += PLANTED
        assert all(child.restarts == 0 for child in supervisor.status()["well"].children)
        nursery.cancel_scope.cancel()
    return planted


async def test_twenty_hangs_are_caught_under_load_and_nobody_else_is_ended():
    assert await soak(0) == PLANTED


@pytest.mark.soak
@pytest.mark.timeout(3900)
async def test_hangs_are_caught_for_an_hour_and_nobody_else_is_ended():
    assert await soak(3500) > 50 * PLANTED
