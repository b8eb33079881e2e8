"""The limits of a POSIX system that decide how many children there can be."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from regrow._edge.cgroups.whereabouts import directory_of, read_mounts, read_own
from regrow._edge.machine.facts import Limit

_DESCRIPTORS = 2  # its standard output and standard error; one more with stdin="pipe"
_PROCESSES = 2  # itself, and the one that guards it


def limits(*, is_guarded: bool) -> Iterator[Limit]:
    """All that there are."""
    processes = _PROCESSES if is_guarded else 1
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    descriptors = _DESCRIPTORS if is_guarded else _DESCRIPTORS + 1  # a pidfd
    yield Limit(name="open files (RLIMIT_NOFILE)", value=_finite(files), per_child=descriptors)
    if os.geteuid() != 0:  # root may have as many as it likes
        own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
        yield Limit(name="processes of this user (RLIMIT_NPROC)", value=_finite(own), per_child=processes)
    if sys.platform == "linux":
        numbers = _number("/proc/sys/kernel/pid_max")
        yield Limit(name="process numbers (pid_max)", value=numbers, per_child=processes)
        threads = _number("/proc/sys/kernel/threads-max")
        yield Limit(name="threads of the machine (threads-max)", value=threads, per_child=processes)
        yield Limit(name="control group (pids.max)", value=_pids_max(), per_child=processes)


def _finite(value: int) -> int | None:
    return None if value == resource.RLIM_INFINITY else value


def _number(path: str) -> int | None:
    """What a file says; `None` if it says `max`, or nothing."""
    with suppress(OSError, ValueError):
        return int(Path(path).read_text(encoding="ascii"))
    return None


def _pids_max() -> int | None:
    """The lowest of our own group and of those above it, as far as they are shown."""
    groups = [group for own in _own_groups() for group in (own, *own.parents) if (group / "cgroup.procs").exists()]
    return min((number for group in groups if (number := _number(str(group / "pids.max"))) is not None), default=None)


def _own_groups() -> Iterator[Path]:
    with suppress(OSError):
        own = read_own(Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape"))
        mounts = read_mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))
        for mount in mounts:
            if own is not None and (directory := directory_of(own, mount)) is not None:
                yield Path(directory)
