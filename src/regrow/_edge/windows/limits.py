"""What of a spec Windows can do, and what it cannot, in words; and the limits of its job."""

from __future__ import annotations

from collections.abc import Iterator

from regrow._edge.windows import numbers
from regrow._edge.windows.api import Limits
from regrow._specs.activity import Heartbeat, IoProgress
from regrow._specs.activity import leaves as activity_leaves
from regrow._specs.child import ChildSpec
from regrow._specs.combined import leaves
from regrow._specs.containment import Containment
from regrow._specs.hang import HangPolicy
from regrow._specs.readiness import Notified, UnixSocket
from regrow._specs.rlimits import Pair
from regrow._specs.stop import Signal, To

POLITE = ("SIGTERM", "SIGINT", "SIGBREAK")
"""Signals that can be sent, all of them as Ctrl-Break."""

_CPUS = 64  # in one processor group, which is all that one number of bits can name
_PRIORITIES = (
    (10, numbers.IDLE_PRIORITY_CLASS),
    (1, numbers.BELOW_NORMAL_PRIORITY_CLASS),
    (0, numbers.NORMAL_PRIORITY_CLASS),
    (-9, numbers.ABOVE_NORMAL_PRIORITY_CLASS),
    (-20, numbers.HIGH_PRIORITY_CLASS),
)
"""The least patience of each class."""

_MEMORY = ("AS", "DATA")
_LIMITS = {*_MEMORY, "CPU", "NPROC"}
_NOTHING_OF_THE_KIND = ("umask", "io_priority", "user", "group", "extra_groups", "no_new_privs", "terminal")


def missing(spec: ChildSpec) -> Iterator[str]:
    """What cannot be done of *spec*."""
    for name in _NOTHING_OF_THE_KIND:
        if getattr(spec, name) not in {None, False}:
            yield f"{name}: there is nothing of the kind on Windows"
    for leaf in leaves(spec.ready):
        if isinstance(leaf, Notified | UnixSocket):
            yield f"ready: there are no unix sockets on Windows, and {type(leaf).__name__}() takes one"
    yield from _missing_sources(spec)
    if spec.sockets:
        yield "sockets: a listening socket cannot be passed on by a number on Windows"
    if spec.fds:
        yield "fds: descriptors are not inherited by their numbers on Windows"
    if spec.containment is Containment.NAMESPACE:
        yield "containment='namespace': there are no pid namespaces on Windows; jobs do what they are for"
    if spec.affinity and max(spec.affinity) >= _CPUS:
        yield f"affinity: Windows takes CPUs 0 to {_CPUS - 1} here, not {max(spec.affinity)}"
    for name, pair in spec.rlimits.items():
        yield from _missing_limit(name, pair)
    yield from _missing_steps(spec)


def limits_of(spec: ChildSpec) -> Limits:
    """The limits of its job. What is not there was refused by `missing`."""
    most = {name: pair[0] for name, pair in spec.rlimits.items()}
    memory = [limit for name in _MEMORY if (limit := most.get(name)) is not None]
    seconds = most.get("CPU")
    return Limits(
        memory=min(memory, default=None),
        user_time=None if seconds is None else float(seconds),
        processes=most.get("NPROC"),
        affinity=None if spec.affinity is None else sum(1 << cpu for cpu in spec.affinity),
        priority_class=None if spec.nice is None else _priority_class(spec.nice),
    )


def _missing_limit(name: str, pair: Pair) -> Iterator[str]:
    if name not in _LIMITS:
        yield f"rlimits: Windows has no limit {name!r}, only {', '.join(sorted(_LIMITS))}"
    elif pair[0] != pair[1]:
        yield f"rlimits: {name}: a job has one limit, not a soft one and a hard one; write one number"
    elif pair[0] == 0:
        yield f"rlimits: {name}: a job has no limit of 0"


def _missing_sources(spec: ChildSpec) -> Iterator[str]:
    activity = spec.hang.activity if isinstance(spec.hang, HangPolicy) else None
    for leaf in () if activity is None else activity_leaves(activity):
        if isinstance(leaf, Heartbeat):
            yield "hang: heartbeats take a unix socket or a descriptor, and Windows passes on neither"
        if isinstance(leaf, IoProgress):
            yield "hang: IoProgress() is not built for Windows"


def _missing_steps(spec: ChildSpec) -> Iterator[str]:
    names = [step.signal for step in spec.stop.steps if isinstance(step, Signal)]
    for name in names:
        if name not in POLITE:
            yield f"stop: {name} cannot be sent on Windows, only {', '.join(POLITE)}, all of them as Ctrl-Break"
    if names and spec.stop.to is not To.GROUP:
        yield f"stop: Ctrl-Break reaches the console process group, and nothing less or more; write to='{To.GROUP}'"


def _priority_class(nice: int) -> int:
    return next(number for least, number in _PRIORITIES if nice >= least)
