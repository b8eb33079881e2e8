"""When a silence matters, and what is done about it then."""

from __future__ import annotations

import enum
from typing import Any, TypeVar, assert_never

import attrs

from regrow._specs.child import ChildSpec
from regrow._specs.facts import Evidence
from regrow._specs.hang import HangPolicy
from regrow._specs.stop import KILL, Step, Stop
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec

LATE = 0.25
"""Seconds by which a sleep may be late on a machine that is only busy."""


class Do(enum.Enum):
    """What is done when a child has been idle for so long."""

    WARN = enum.auto()
    TERMINATE = enum.auto()
    KILL = enum.auto()
    """Without asking: there is no terminate in the policy."""


@attrs.frozen
class Due:
    """One step of a policy."""

    after: float
    """Seconds of silence."""

    do: Do


@attrs.frozen(kw_only=True)
class Silence:
    """What is known of a child's silence. Moments are of the run's clock."""

    since: float
    """When it was last heard of, or began to be watched, whichever is later; time in which it was paused left out."""

    done: int = 0
    """How many steps of the plan have been taken in this silence."""

    not_before: float = float("-inf")
    """When something may be done at the earliest."""


def plan(policy: HangPolicy) -> tuple[Due, ...]:
    """The steps of *policy*, in order. With both a terminate and a kill, the kill is part of the stop: see `bound`."""
    steps = [(policy.warn_after, Do.WARN)]
    if not policy.auto_kill:
        steps.append((policy.kill_after, Do.WARN))
    elif policy.terminate_after is not None:
        steps.append((policy.terminate_after, Do.TERMINATE))
    else:
        steps.append((policy.kill_after, Do.KILL))
    return tuple(Due(after, do) for after, do in steps if after is not None)


def due_at(steps: tuple[Due, ...], silence: Silence) -> float:
    """When the next step is due; `inf`: all have been taken."""
    if silence.done >= len(steps):
        return float("inf")
    return max(silence.since + steps[silence.done].after, silence.not_before)


def step_of(steps: tuple[Due, ...], silence: Silence, now: float) -> Do | None:
    """What is to be done now; `None`: nothing yet."""
    return steps[silence.done].do if due_at(steps, silence) <= now else None


def ladder(do: Do, policy: HangPolicy, stop: Stop, idle: float) -> Stop:
    """How a child is ended that has been *idle* for so long, and whose own way is *stop*."""
    match do:
        case Do.TERMINATE:
            return stop if policy.kill_after is None else bound(stop, max(0.0, policy.kill_after - idle))
        case Do.KILL:
            return Stop(steps=KILL.steps, kill_wait=stop.kill_wait)
        case Do.WARN:
            raise ValueError("a warning ends nothing")
        case _:
            assert_never(do)


def bound(stop: Stop, most: float) -> Stop:
    """*stop*, but its kill comes after *most* seconds at the latest. Its first step is taken in any case."""
    steps: list[Step] = []
    left = most
    for step in stop.steps:
        if steps and left <= 0:
            break
        wait = min(stop.wait_of(step), left)
        steps.append(_with_wait(step, wait))
        left -= wait
    return attrs.evolve(stop, steps=tuple(steps))


def _with_wait(step: Any, wait: float) -> Step:
    changed: Step = attrs.evolve(step, wait=wait)
    return changed


def kills_after(stop: Stop) -> float:
    """Seconds from the beginning of *stop* to its kill; may be `inf`."""
    return stop.longest - stop.kill_wait


def why(idle: float, source: str) -> str:
    """Why a child was ended, in words."""
    return f"no sign of life for {idle:.4g} s" + (f"; the last one was {source}" if source else "")


def merged(before: Evidence | None, now: Evidence | None) -> Evidence | None:
    """What a child is doing *now*, and of *before* what was gathered with more time."""
    if before is None or now is None:
        return now or before
    return attrs.evolve(now, open_files=before.open_files, stack=before.stack)


def is_late(by: float, shortest: float) -> bool:
    """Whether a sleep that lasted *by* seconds too long says more about us than about children."""
    return by > max(LATE, shortest / 10)


_S = TypeVar("_S", bound=AnySpec)


def with_default(spec: _S, above: AnySupervisorSpec) -> _S:
    """*spec* with the hang policy that its supervisor *above* has for children without one."""
    if isinstance(spec, ChildSpec) and spec.hang is None and above.hang is not None:
        return attrs.evolve(spec, hang=above.hang)
    return spec
