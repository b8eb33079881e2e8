"""Pauses of real processes."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psutil
import pytest
import trio
from tests.actors.helpers import until
from tests.edge.recorder import python, sh
from tests.edge.recorder import until as come

from regrow import ChildSpec, StartFailedError, State, SupervisorSpec, open_supervisor
from regrow.events import ChildResumed
from regrow.exceptions import InvalidStateError
from regrow.readiness import TcpPort
from regrow.testing import children

BOUND = 30
BUSY = "while True: pass"
FORKS = python("os.fork()", BUSY)


def child(name: str, command: list[str], **settings) -> ChildSpec:
    return ChildSpec(name=name, command=command, backoff=None, output="discard", **settings)


def tree(*specs, **settings) -> SupervisorSpec:
    return SupervisorSpec(name="app", children=specs, max_restarts=9, **settings)


def family(pid: int) -> list[psutil.Process]:
    main = psutil.Process(pid)
    return [main, *main.children(recursive=True)]


def used(processes: list[psutil.Process]) -> float:
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes)


async def until_still(processes: list[psutil.Process]) -> None:
    """An order to all of a tree has a way to go."""
    await come(lambda: all(process.status() == psutil.STATUS_STOPPED for process in processes))


async def until_busy(processes: list[psutil.Process]) -> None:
    before = used(processes)
    await come(lambda: used(processes) > before)


async def test_a_paused_tree_uses_no_time_until_it_is_resumed():
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(child("a", FORKS)), sinks=[]) as supervisor:
            a = supervisor.child("a")
            await come(lambda: len(family(a.status().pid)) == 2)
            both = family(a.status().pid)
            a.pause()
            await until_still(both)
            before = used(both)
            await trio.sleep(0.2)  # in which nothing is to happen
            assert used(both) == before
            assert a.status().state is State.PAUSED
            assert (await a.evidence()).state == "stopped"
            a.resume()
            await until_busy(both)


async def test_a_paused_subtree_is_held_and_the_rest_works():
    inner = SupervisorSpec(name="inner", children=[child("x", python(BUSY)), child("y", python(BUSY))])
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(child("a", python(BUSY)), inner), sinks=[]) as supervisor:
            status = supervisor.status()
            held = [psutil.Process(status[path].pid) for path in ("inner/x", "inner/y")]
            supervisor.supervisor("inner").pause()
            await until_still(held)
            await until_busy([psutil.Process(status["a"].pid)])
            os.kill(held[0].pid, signal.SIGKILL)
            await until(supervisor, lambda: supervisor.status()["inner/x"].incarnation == 2)
            assert supervisor.status()["inner/x"].waiting_for == "inner to be resumed"
            supervisor.supervisor("inner").resume()
            await supervisor["inner/x"].wait_ready()
            await until_busy(held[1:])


async def test_what_is_paused_is_stopped_as_if_it_were_not():
    """By SIGTERM, which it hears at once, and not by the kill at the end of its grace."""
    spec = tree(child("a", children.stops_slowly(0), stop=60), child("b", sh("exec sleep 1000"), stop=60))
    with trio.fail_after(BOUND):
        async with open_supervisor(spec, sinks=[]) as supervisor:
            a, b = supervisor.child("a"), supervisor.child("b")
            await come(lambda: a.output() == ("armed",))
            a.pause()
            b.pause()
            await until_still([psutil.Process(one.status().pid) for one in (a, b)])
            await a.stop()
            assert (a.status().last_exit.code, a.status().last_exit.killed) == (0, False)
        assert b.status().last_exit.signal == "SIGTERM"


async def test_what_dies_while_it_is_paused_comes_back_unpaused():
    events = []
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(child("a", python(BUSY))), sinks=[events.append]) as supervisor:
            a = supervisor.child("a")
            a.pause()
            os.kill(a.status().pid, signal.SIGKILL)
            await until(supervisor, lambda: a.status().incarnation == 2)
            await a.wait_ready()
            assert a.status().state is State.READY
            await until_busy([psutil.Process(a.status().pid)])
    assert not any(isinstance(event, ChildResumed) for event in events)


async def test_the_time_to_become_ready_stands_still():
    slow = child("a", python("signal.pause()"), ready=TcpPort(1), start_timeout=0.5, autostart=False)
    with trio.fail_after(BOUND):
        async with open_supervisor(tree(slow), sinks=[]) as supervisor:
            a = supervisor.child("a")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fail_to_start, a)
                await come(lambda: can_pause(a))
                await trio.sleep(1)  # twice the time that it has
                assert a.status().state is State.PAUSED
                a.resume()
            assert "not ready within 0.5 s" in a.status().last_exit.why


def can_pause(handle) -> bool:
    """Pause it, if it runs by now."""
    with suppress(InvalidStateError):
        handle.pause()
        return True
    return False


async def fail_to_start(handle):
    with pytest.raises(StartFailedError):
        await handle.start()
