"""Who is left of a program? The kernel itself says it: all of its orphans come to a process that has asked for them.

A process that calls `become_subreaper` is the parent of whatever outlives the processes between. So when it has no
child any more (ECHILD), nobody is left of anything that it ever started: with another name, an emptied environment, a
session of its own, forked twice or without end. No list of processes is read for that, and none can be outrun.

    python -m tests.containment.warden COMMAND ...

runs a command, and fails if anybody has outlived it.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import ctypes
import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress

from tests.guardian.hostile import Identity, command_line, facts

PATIENCE = 10.0
"""Seconds until a process that is not gone is never going to be; many times what it takes on a busy machine."""

_SUBREAPER = 36


def become_subreaper() -> None:
    """From now on, orphans of ours are our children, and nobody but us collects them."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    assert ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0) == 0


def children(pid: int) -> list[int]:
    """Whom *pid* has as children, dead ones included."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


def descendants(pid: int) -> Iterator[int]:
    """All of them: parents first. Whoever is born or becomes an orphan meanwhile may be missed."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def named(name: str, pids: Collection[int]) -> list[int]:
    """Those of *pids* that have this *name*."""
    return [pid for pid in pids if _name(pid) == name]


def identity(pid: int) -> Identity:
    """A process id, and when it started.

    Raises:
        OSError: there is no such process.
    """
    return pid, int(facts(pid)[19])


def is_left(who: Identity) -> bool:
    """Whether that process is still there, dead or alive."""
    try:
        return identity(who[0]) == who
    except OSError:
        return False


def collect(patience: float = PATIENCE) -> float:
    """Reap until no child is left; return the seconds that it took.

    Raises:
        AssertionError: somebody is left.
    """
    began = time.monotonic()
    while _reap():
        assert time.monotonic() < began + patience, f"left: {describe([*descendants(os.getpid())])}"
        time.sleep(0.001)
    return time.monotonic() - began


def _reap() -> bool:
    """Reap who is dead; whether anybody is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_everybody() -> None:
    """End whatever is left: our children, whose numbers are theirs until we reap them, and then theirs."""
    while _reap():
        for pid in children(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)


def describe(pids: Collection[int]) -> list[str]:
    """Who they are, for people."""
    lines = []
    for pid in sorted(pids):
        with suppress(OSError):
            lines.append(f"{pid} {_name(pid)} (state, parent, group: {facts(pid)[:3]}) {command_line(pid)[:100]}")
    return lines


def _name(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm") as file:
        return file.read().strip()
    return ""


def watch_over(command: list[str]) -> int:
    """Run *command*; its exit code, or 1 if anybody has outlived it."""
    become_subreaper()
    main = os.posix_spawnp(command[0], command, os.environ)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _: os.kill(main, got))
    pid = status = 0
    while pid != main:
        pid, status = os.waitpid(-1, 0)
    try:
        collect()
    except AssertionError as left:
        print(f"warden: after {command[:4]}: {left}", file=sys.stderr)
        end_everybody()
        return 1
    return abs(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    sys.exit(watch_over(sys.argv[1:]))
