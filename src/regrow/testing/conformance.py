"""The suite that every `Launcher` must pass, for people who write one: `await check_launcher(MyLauncher)`.

Each check is one promise of `regrow._specs.protocol`, named for it, and uses the programs of `regrow.testing.children`;
a fake must understand their commands. No check sleeps to wait for something: it waits for facts, and only what must
*not* happen is given a short time to happen in.

What is not checked, because no program can be made to do it everywhere: `Stuck`, `Lost`, and signs of life that nobody
has asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from regrow._specs.protocol import Launcher
from regrow.testing._checks import (
    activity,
    descendants,
    leaving,
    readiness,
    revoking,
    running,
    settings,
    sockets,
    starting,
    stopping,
)
from regrow.testing._checks.trial import Check, Conditions, Trial, open_trial, run_check

__all__ = ["LAUNCHER_CHECKS", "Check", "Conditions", "Trial", "check_launcher", "open_trial", "run_check"]

LAUNCHER_CHECKS: tuple[Check, ...] = (
    *starting.CHECKS,
    *readiness.CHECKS,
    *revoking.CHECKS,
    *running.CHECKS,
    *activity.CHECKS,
    *stopping.CHECKS,
    *descendants.CHECKS,
    *settings.CHECKS,
    *sockets.CHECKS,
    *leaving.CHECKS,
)
"""All checks; to have each as a test of its own, parametrize one with them and call `run_check`."""


async def check_launcher(make: Callable[[], Launcher], conditions: Conditions | None = None) -> None:
    """Run every check, each with a launcher of its own.

    Args:
        make: makes a launcher.
        conditions: how long to wait, and how to see whether a process is there.

    Raises:
        AssertionError: one promise is not kept; the message says which, and what was reported.
    """
    for check in LAUNCHER_CHECKS:
        await run_check(check, make, conditions or Conditions())
