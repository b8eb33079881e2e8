"""A guardian that is lost is noticed; what it guarded is gone, counts as lost, and comes back behind another."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from tests.actors.helpers import until
from tests.containment.families import MEMBERS, torture_tree
from tests.containment.harness import FACTOR
from tests.containment.layers import launcher
from tests.containment.warden import children, identity, is_left, named
from tests.guardian.hostile import new_marker

from regrow import ChildSpec, ChildStatus, SupervisorSpec, TooManyRestartsError, open_supervisor
from regrow.events import ChildExited, ChildOutput, ChildStarted
from regrow.exceptions import InvalidStateError

PATIENCE = 60 * FACTOR
SLEEP = ["/bin/sleep", "1000"]


def child(name: str, command: list[str] = SLEEP, **settings) -> ChildSpec:
    return ChildSpec(**{"name": name, "command": command, "output": "discard", "backoff": None, **settings})


def tree(*children, **settings) -> SupervisorSpec:
    return SupervisorSpec(**{"name": "app", "children": children, **settings})


@asynccontextmanager
async def opened(guardian, spec, **settings):
    with trio.fail_after(PATIENCE):
        async with open_supervisor(spec, launcher=launcher(guardian), **{"sinks": [], **settings}) as supervisor:
            yield supervisor


def nests() -> list[int]:
    return named("regrow-nest", children(os.getpid()))


def kill_nest() -> int:
    """Kill the nest that there is; our own child, so the number is its own."""
    (nest,) = nests()
    os.kill(nest, signal.SIGKILL)
    return nest


async def all_are_back(supervisor, incarnation=2) -> None:
    """Return when every child is ready in that incarnation, or a later one."""

    def hold() -> bool:
        return all(status.state == "ready" and status.incarnation >= incarnation for status in processes(supervisor))

    await until(supervisor, hold)


def processes(supervisor) -> list[ChildStatus]:
    return [status for status in supervisor.status().walk() if isinstance(status, ChildStatus)]


async def test_a_killed_nest_is_one_restart_for_each_supervisor_and_all_come_back_behind_another(guardian):
    exits = []
    teams = [
        SupervisorSpec(name=team, children=[child(f"c{number}") for number in range(10)], max_restarts=1)
        for team in ("red", "blue")
    ]
    sink = [lambda event: exits.append(event) if isinstance(event, ChildExited) else None]
    async with opened(guardian, tree(*teams), sinks=sink) as supervisor:
        before = [identity(status.pid) for status in processes(supervisor)]
        lost = kill_nest()
        await all_are_back(supervisor)
        assert [event.exit.reason for event in exits] == ["lost"] * 20
        assert not any(is_left(who) for who in before)
        (nest,) = nests()
        assert nest != lost
        assert len(named("regrow-shim", children(nest))) == 20
        for status in supervisor.status().children:
            assert len(status.restarts_in_window) == 1
        assert len(supervisor.status().restarts_in_window) == 0


async def test_a_killed_shim_loses_one_child_and_its_whole_tree_is_gone_before_the_replacement_starts(guardian):
    marker = new_marker()
    family, left = {}, []

    def hear(event):
        name, _, pid = event.line.partition(" ") if isinstance(event, ChildOutput) else ("", "", "")
        if name in MEMBERS and event.incarnation == 1:
            family[name] = identity(int(pid))
        if isinstance(event, ChildExited | ChildStarted) and event.path == "victim" and len(family) == len(MEMBERS):
            left.append([who for who in family.values() if is_left(who)])

    victim = child("victim", torture_tree("deaf", marker), output="events", stop="kill")
    async with opened(guardian, tree(victim, child("bystander")), sinks=[hear]) as supervisor:
        await until(supervisor, lambda: len(family) == len(MEMBERS))
        bystander = supervisor["bystander"].status()
        os.kill(shim_of(family["main"][0]), signal.SIGKILL)
        await until(supervisor, lambda: supervisor["victim"].status().incarnation == 2)
        await supervisor["victim"].wait_ready()
        assert left == [[], []]  # when its end was told, and when the next one ran
        assert supervisor["victim"].status().last_exit.reason == "lost"
        assert len(supervisor.status().restarts_in_window) == 1
        assert supervisor["bystander"].status().pid == bystander.pid


def shim_of(main: int) -> int:
    """The guardian of the child whose main process that is."""
    (nest,) = nests()
    return next(shim for shim in children(nest) if main in children(shim))


@pytest.mark.timeout(120 * FACTOR)
async def test_nests_killed_again_and_again_in_a_restart_storm_do_not_end_a_tree_that_has_a_budget(guardian):
    spec = tree(*[child(f"c{number}") for number in range(5)], child("crash", ["/bin/false"]), max_restarts=1_000_000)
    async with opened(guardian, spec) as supervisor:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(bother, supervisor, f"c{number}")
            for _ in range(10 * FACTOR):
                await until(supervisor, partial(is_busy, supervisor, supervisor.statistics().launches))
                kill_nest()
            nursery.cancel_scope.cancel()
        for number in range(5):
            await supervisor[f"c{number}"].wait_ready()
        await until(supervisor, lambda: len(nests()) == 1)
        assert supervisor.status().state == "ready"


def is_busy(supervisor, launches) -> bool:
    """Whether there is a nest, and more than two launches more."""
    return supervisor.statistics().launches > launches + 2 and bool(nests())


async def bother(supervisor, name) -> None:
    while True:
        await supervisor[name].wait_ready()
        with suppress(InvalidStateError):  # it is dead already, with its nest
            supervisor.child(name).signal("KILL")
        await supervisor[name].wait_exit()


async def test_nests_killed_more_often_than_the_budget_allows_end_the_tree(guardian):
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(guardian, tree(child("a"), child("b"), max_restarts=2, window=3600)) as supervisor:
            for incarnation in (2, 3):
                kill_nest()
                await all_are_back(supervisor, incarnation)
            kill_nest()
            await trio.sleep_forever()
    assert caught.group_contains(TooManyRestartsError)
    assert not nests()
