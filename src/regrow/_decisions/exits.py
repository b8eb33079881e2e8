"""What an exit means: classified once, then asked whether the child comes back."""

from __future__ import annotations

import enum
from functools import partial
from typing import assert_never

import attrs

from regrow._specs.child import ChildSpec, Restart
from regrow._specs.exit import Exit, Reason
from regrow._specs.facts import Evidence, Exited, Lost
from regrow._specs.readiness import Completes


class Fate(enum.Enum):
    """What becomes of a child that ended by itself."""

    RESTART = enum.auto()
    DOWN = enum.auto()
    """It stays down and keeps its entry."""
    FORGOTTEN = enum.auto()
    """Its entry is deleted, its name is free again."""


def classify(exited: Exited, spec: ChildSpec) -> Reason:
    """The reason of an exit that nobody asked for. SEMANTICS section 3.

    An exit without code and signal (somebody else took the status) is never a good end: nobody knows that it was.
    """
    if exited.signal is not None:
        return Reason.NORMAL if exited.signal in spec.success_signals else Reason.CRASHED
    return Reason.NORMAL if exited.code in spec.success_codes else Reason.CRASHED


def fate(restart: Restart, reason: Reason) -> Fate:
    """Whether a child with this *restart* comes back after it ended by itself for *reason*. OTP: `do_restart`."""
    match restart:
        case Restart.PERMANENT:
            return Fate.RESTART
        case Restart.TRANSIENT:
            return Fate.RESTART if reason.is_abnormal else Fate.DOWN
        case Restart.TEMPORARY:
            return Fate.FORGOTTEN
        case _:
            assert_never(restart)


@attrs.frozen
class Cause:
    """Why a policy of ours ended a process that nobody had asked to stop."""

    reason: Reason
    why: str
    evidence: Evidence | None = None


@attrs.frozen(kw_only=True)
class Life:
    """What is known of one life of a process when it is over."""

    spec: ChildSpec
    pid: int | None
    """`None`: it was never launched."""

    terminal: Exited | Lost | None
    """`None`: it was never launched, or it is still there and nobody waits for it any more."""

    launched_at: float
    ready_at: float | None
    over_at: float
    """When the terminal fact came."""

    is_stopping: bool
    was_stuck: bool
    ready_failure: str | None
    """Why it was not going to be ready, if it ran on then."""

    tail: tuple[str, ...]
    cause: Cause | None = None
    """Why a policy has ended it, if one has."""


def judge(life: Life) -> Exit:
    """How a process ended, and what that means."""
    terminal = life.terminal
    if terminal is None:
        return Exit(Reason.STOPPED, pid=life.pid, why="" if life.pid is None else "still there after the kill")
    reason, why = _reason(life, terminal)
    ended_at = life.over_at - (terminal.lingered if isinstance(terminal, Exited) else 0.0)
    make = partial(
        Exit,
        reason,
        why=why,
        pid=life.pid,
        ran_for=max(0.0, ended_at - life.launched_at),
        healthy_for=0.0 if life.ready_at is None else max(0.0, ended_at - life.ready_at),
        tail=life.tail,
        evidence=None if life.cause is None else life.cause.evidence,
    )
    if isinstance(terminal, Lost):
        return make(loss=terminal.loss)
    return make(
        code=terminal.code,
        signal=terminal.signal,
        killed=terminal.killed,
        core_dumped=terminal.core_dumped,
        oom_killed=terminal.oom_killed,
        strays=terminal.strays,
        usage=terminal.usage,
    )


def _reason(life: Life, terminal: Exited | Lost) -> tuple[Reason, str]:
    if life.is_stopping:
        return Reason.STOPPED, terminal.why if isinstance(terminal, Lost) else ""
    if life.ready_failure is not None:
        return Reason.FAILED_TO_START, life.ready_failure
    if life.cause is not None and isinstance(terminal, Exited) and terminal.asked:  # else it was quicker, by itself
        return life.cause.reason, life.cause.why
    if isinstance(terminal, Lost):
        return Reason.LOST if life.ready_at is not None else Reason.FAILED_TO_START, terminal.why
    reason = classify(terminal, life.spec)
    if life.ready_at is not None:
        return reason, _unknown(terminal)
    if reason is not Reason.NORMAL or not isinstance(life.spec.ready, Completes):
        return Reason.FAILED_TO_START, "it ended before it was ready"
    if life.was_stuck:  # its supervisor has been told so, and goes on as after any failed start
        return Reason.FAILED_TO_START, "it ended well, but a stray of it was still there after the kill"
    return reason, _unknown(terminal)


def _unknown(terminal: Exited) -> str:
    """Somebody else took the status: then nobody knows how it ended."""
    is_known = terminal.code is not None or terminal.signal is not None
    return "" if is_known else "its exit status was taken by other code of this program"
