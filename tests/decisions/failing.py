"""A tree in which the start of a child has failed, in a restart."""

from __future__ import annotations

from typing import Any

import attrs
from tests.decisions.slow import Slow, booted, is_starting
from tests.decisions.trees import child

from regrow._specs.backoff import Backoff

RETRY_WAITS = Backoff(initial=1, factor=2, jitter=0)  # the first restart is immediate


def failing(strategy: str, crashed: str = "c", **fields: Any) -> Slow:
    """a b c d; *crashed* has ended, and the start of c has failed. c waits a second before it is tried again."""
    waits = RETRY_WAITS if crashed == "c" else attrs.evolve(RETRY_WAITS, immediate=0)
    world = booted("a b", child("c", backoff=waits), "d", strategy=strategy, **fields)
    world.ended(crashed)
    world.let_stop()
    start_up_to_c(world)
    world.take()
    world.failed("c")
    return world


def start_up_to_c(world: Slow) -> None:
    """Let those before c become ready that a restart of c begins with."""
    for name in "ab":
        process = world.process(name)
        if process is not None and is_starting(process):
            world.ready(name)
