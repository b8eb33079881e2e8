"""Limits of real processes."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import until
from tests.edge.recorder import python
from tests.edge.recorder import until as come

from regrow import ChildSpec, Health, Reason, SupervisorSpec, open_supervisor
from regrow import events as ev
from regrow.limits import RestartAbove, WarnAbove

BOUND = 30
HOLDS = ["block = b'x' * 80_000_000", "signal.pause()"]
THREADS = ["import threading", "[threading.Thread(target=signal.pause).start() for _ in range(8)]", "signal.pause()"]
FILES = ["files = [open('/dev/null') for _ in range(80)]", "signal.pause()"]


def tree(*lines, **settings) -> SupervisorSpec:
    child = ChildSpec(name="a", command=python(*lines), backoff=None, output="discard", **settings)
    return SupervisorSpec(name="app", children=[child], max_restarts=9, window=60)


async def restarted(supervisor):
    """How the first incarnation ended, once the second runs."""
    await until(supervisor, lambda: supervisor.status()["a"].incarnation == 2)
    return supervisor.status()["a"].last_exit


@pytest.mark.parametrize(
    ("lines", "limit", "why"),
    [
        (HOLDS, RestartAbove(memory="60M"), "memory above 60 MiB: "),
        (["while True: pass"], RestartAbove(cpu=0.01, for_=0.5), "cpu above 0.01 of a core for 0.5 s: "),
        (THREADS, RestartAbove(threads=5), "threads above 5: "),
        (FILES, RestartAbove(descriptors=50), "descriptors above 50: "),
        (["signal.pause()"], RestartAbove(age=0.3), "age above 0.3 s: "),
    ],
)
async def test_what_is_above_a_limit_is_ended_and_comes_back(lines, limit, why):
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(*lines, limits=limit), sinks=[]) as supervisor:
            exit = await restarted(supervisor)
    assert (exit.reason, exit.signal) == (Reason.OVER_LIMIT, "SIGTERM")
    assert exit.why.startswith(why)


async def test_memory_that_is_shared_counts_once():
    """Two processes have 80 MB resident each, and it is the same: that is not 160 MB."""
    forks = ["block = b'x' * 80_000_000", "os.fork()", "signal.pause()"]
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(*forks, limits=RestartAbove(memory="140M")), sinks=[]) as supervisor:
            a = supervisor.child("a")
            await come(lambda: getattr(a.status().sample, "pss", None) is not None)
            sample = a.status().sample
            assert sample is not None
            assert sample.rss > 150_000_000
            assert 80_000_000 < (sample.pss or 0) < 120_000_000
            assert a.status().incarnation == 1


async def first(events, kind):
    """The first one of this kind."""
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} came")


async def test_a_warning_leaves_it_alone():
    with trio.fail_after(BOUND):
        spec = tree(*HOLDS, limits=[WarnAbove(memory="60M"), RestartAbove(memory="10G")])
        async with open_supervisor(spec, sinks=[]) as supervisor:
            seen = await first(supervisor.events(1), ev.HealthChanged)
            assert supervisor.health() is Health.DEGRADED
            assert seen == ev.HealthChanged("a", Health.DEGRADED)
            assert seen.why.startswith("memory above 60 MiB: ")
            assert supervisor.status()["a"].incarnation == 1
