"""Cancelling at any moment leaves no process: at the k-th step of the event loop, for every k."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from tests.actors.helpers import child, supervisor
from trio.testing import MockClock

from regrow import Backoff, open_supervisor
from regrow.readiness import TcpPort
from regrow.testing import FakeLauncher, Script


class CancelAt(trio.abc.Instrument):
    """Cancels *scope* before the *step*-th step of any task."""

    def __init__(self, step: int, scope: trio.CancelScope) -> None:
        self.left = step
        self.scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


async def life(launcher: FakeLauncher) -> None:
    """Boot, a crash, a backoff, a group restart, a slow stop, a call, a giving up inside."""
    backoff = Backoff(initial=2.0, immediate=0)
    inner = supervisor(child("x", ready=TcpPort(1)), "y", name="inner", strategy="one_for_all", max_restarts=1)
    launcher.plan("inner/x", Script(ready_after=1.0), Script(ready_after=1.0), Script(ready_after=1.0))
    launcher.plan("a", Script(stop_takes=2.0))
    async with open_supervisor(supervisor("a", child("b", backoff=backoff), inner), launcher=launcher) as handle:
        launcher.newest("b").exit(1)
        await trio.sleep(1)
        launcher.newest("inner/y").exit(1)
        await trio.sleep(3)
        launcher.newest("inner/y").exit(1)
        await handle.start_child(child("late"))
        await handle["late"].restart()
        await trio.sleep(3)


async def test_cancelling_at_every_step_of_a_fake_life_leaves_nothing():
    steps = 0
    while await _is_cancelled_at(steps + 1, life):
        steps += 1
    assert steps > 100  # the life has many moments


async def _is_cancelled_at(step: int, live: Callable[[FakeLauncher], Awaitable[None]]) -> bool:
    """Run a whole life in a loop of its own, cancelled at *step*; say whether it came to that."""
    return await trio.to_thread.run_sync(_run_cancelled, step, live)


def _run_cancelled(step: int, live: Callable[[FakeLauncher], Awaitable[None]]) -> bool:
    launcher = FakeLauncher()

    async def main() -> bool:
        with trio.CancelScope() as scope:
            instrument = CancelAt(step, scope)
            trio.lowlevel.add_instrument(instrument)
            await live(launcher)
        trio.lowlevel.remove_instrument(instrument)
        assert launcher.running == [], f"left behind when cancelled at step {step}"
        return instrument.left <= 0

    return trio.run(main, clock=MockClock(autojump_threshold=0))
