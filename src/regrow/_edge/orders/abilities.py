"""What this machine cannot do of a spec, in words, before anything is started."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from regrow._edge.guarding.namespaces import why_no_namespace
from regrow._edge.orders.setup import has_limit, is_plain
from regrow._specs.activity import IoProgress, leaves
from regrow._specs.child import ChildSpec
from regrow._specs.containment import Containment
from regrow._specs.hang import HangPolicy

_CAP_SETUID = 7
_NO_GUARDIAN = "there are no guardians here"


def missing(spec: ChildSpec, *, is_guarded: bool) -> Iterator[str]:
    """What cannot be done of *spec*.

    Args:
        spec: what is wanted.
        is_guarded: whether guardians can be had.
    """
    yield from _missing_containment(spec, is_guarded=is_guarded)
    yield from _missing_sources(spec)
    if is_plain(spec):
        return
    for name in spec.rlimits:
        if not has_limit(name):
            yield f"rlimits: {sys.platform} has no limit {name!r}"
    for name in ("io_priority", "affinity", "no_new_privs"):
        if sys.platform != "linux" and getattr(spec, name):
            yield f"{name}: there is nothing of the kind on {sys.platform}"
    yield from _missing_cpus(spec)
    yield from _missing_rights(spec)


def _missing_containment(spec: ChildSpec, *, is_guarded: bool) -> Iterator[str]:
    if spec.containment is Containment.AUTO:
        return
    if not is_guarded:
        yield f"containment={spec.containment.value!r}: {_NO_GUARDIAN}, only process groups; see `regrow doctor`"
    elif spec.containment is Containment.NAMESPACE and (why := why_no_namespace()):
        yield f"containment='namespace': {why}; see `regrow doctor`"


def _missing_sources(spec: ChildSpec) -> list[str]:
    found: list[str] = []
    activity = spec.hang.activity if isinstance(spec.hang, HangPolicy) else None
    sources = () if activity is None else leaves(activity)
    if sys.platform != "linux" and any(isinstance(leaf, IoProgress) for leaf in sources):
        found.append(f"hang: {sys.platform} does not say what a process reads and writes, as IoProgress() takes it")
    return found


def _missing_cpus(spec: ChildSpec) -> Iterator[str]:
    allowed = _our_cpus()
    if spec.affinity is not None and allowed and not spec.affinity & allowed:
        yield f"affinity: none of {sorted(spec.affinity)} is a CPU that we may use; those are {sorted(allowed)}"


def _our_cpus() -> set[int]:
    """Empty: this system does not tell."""
    cpus = set[int]()
    if sys.platform == "linux":
        cpus = os.sched_getaffinity(0)
    return cpus


def _missing_rights(spec: ChildSpec) -> Iterator[str]:
    if may_become_others():
        return
    if spec.user is not None and spec.user not in _ourselves():
        yield f"user: to run as {spec.user!r} takes root, and we are user {os.geteuid()}"
    if spec.group is not None and spec.group not in _our_group():
        yield f"group: to run as {spec.group!r} takes root, and we are user {os.geteuid()}"
    if spec.extra_groups is not None:
        yield f"extra_groups: to change them takes root, and we are user {os.geteuid()}"


def may_become_others() -> bool:
    """Whether we may change our user: as root, or with the capability for it."""
    if os.geteuid() == 0:
        return True
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & 1 << _CAP_SETUID)
    return False


@cache
def _our_group() -> set[str | int]:
    number = os.getegid()
    try:
        return {number, grp.getgrgid(number).gr_name}
    except KeyError:
        return {number}


@cache  # our own entry does not change, and its lookup may take a moment
def _ourselves() -> set[str | int]:
    number = os.geteuid()
    try:
        return {number, pwd.getpwuid(number).pw_name}
    except KeyError:
        return {number}
