"""How a child is, and a tree: the worst of what is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from regrow._specs.exit import Exit
from regrow._specs.status import AnyStatus, ChildStatus, Health, State

_RANKS = (Health.HEALTHY, Health.UNKNOWN, Health.DEGRADED, Health.UNHEALTHY)
_QUIET = {State.DOWN, State.STOPPING}


@attrs.frozen(kw_only=True)
class Condition:
    """What is known of a child."""

    state: State
    is_judged: bool
    """Whether anything says more of it than that it runs: its probe, a hang policy, a limit."""

    trouble: str = ""
    """Why it is being ended by a policy, if it is."""

    concerns: Sequence[str] = ()
    """What policies have warned of, in words, and what is near."""

    last_exit: Exit | None = None


def health(condition: Condition) -> tuple[Health, str]:
    """How it is, and in words what is wrong, or why nobody knows."""
    if condition.trouble:
        return Health.UNHEALTHY, condition.trouble
    match condition.state:
        case State.STUCK:
            return Health.UNHEALTHY, "it is still there after the kill"
        case State.RESTARTING:
            return Health.UNHEALTHY, _down(condition.last_exit)
        case State.DOWN:
            return _of_down(condition.last_exit)
        case State.READY:
            return _of_ready(condition)
        case state:
            return Health.UNKNOWN, f"it is {state}"


def worst(healths: Iterable[Health]) -> Health:
    """The worst of them; of none, nobody knows. What nobody knows is worse than what is known to be healthy."""
    return max(healths, key=_RANKS.index, default=Health.UNKNOWN)


def of_tree(children: Iterable[AnyStatus]) -> Health:
    """The worst below a supervisor. Who is down because it was asked to be, or is done, does not count."""
    return worst(child.health for child in children if _counts(child))


def _counts(status: AnyStatus) -> bool:
    if status.health is not Health.UNKNOWN:
        return True
    if isinstance(status, ChildStatus):
        return status.state not in _QUIET
    return any(map(_counts, status.children))


def _of_down(exit: Exit | None) -> tuple[Health, str]:
    if exit is not None and exit.reason.is_abnormal:
        return Health.UNHEALTHY, _down(exit)
    return Health.UNKNOWN, "it is down"


def _down(exit: Exit | None) -> str:
    return "it is down" if exit is None else f"it is down: {exit.describe()}"


def _of_ready(condition: Condition) -> tuple[Health, str]:
    if condition.concerns:
        return Health.DEGRADED, "; ".join(condition.concerns)
    if condition.is_judged:
        return Health.HEALTHY, ""
    return Health.UNKNOWN, "nothing judges it"
