"""Which process a number means: a number is soon another's, a number with a start time is not, while a machine runs.

The start time is the kernel's own count and steps with no clock: ticks since boot on Linux. (Elsewhere it is what the
system keeps of the birth of a process, in microseconds.) It is compared as a whole number, and never computed.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections.abc import Iterator
from contextlib import suppress

import attrs
import psutil


@attrs.frozen(kw_only=True)
class Place:
    """Where numbers of processes mean the same: one boot of one machine, one pid namespace of it."""

    boot: str
    namespace: str


@attrs.frozen(kw_only=True)
class Facts:
    """What a look at a process shows."""

    pid: int
    start: int
    parent: int
    group: int
    session: int
    command: str
    """Its short name."""

    is_dead: bool
    """Whether it is but a body, which waits to be reaped."""

    def is_same(self, other: Facts | None) -> bool:
        """Whether *other* is a look at the same process."""
        return other is not None and (self.pid, self.start) == (other.pid, other.start)


_THREADS, _START = 17, 19  # where /proc/PID/stat says it, counted from the state on


if sys.platform == "linux":

    def here() -> Place:
        """Where we are.

        Raises:
            OSError: /proc does not show our own pid namespace.
        """
        if os.readlink("/proc/self") != str(os.getpid()):
            raise OSError(
                f"/proc does not show the processes of this pid namespace: {os.readlink('/proc/self')} for us"
            )
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return Place(boot=file.read().strip(), namespace=os.readlink("/proc/self/ns/pid"))

    def look(pid: int) -> Facts | None:
        """What there is of the process *pid* now, a zombie too; `None`: nothing."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                head, _, tail = file.read().rpartition(b")")
        except OSError:
            return None
        fields = tail.split()
        if len(fields) <= _START:  # it went away under our eyes
            return None
        command = head.partition(b"(")[2].decode(errors="replace")
        parent, group, session = map(int, fields[1:4])
        return Facts(
            pid=pid,
            start=int(fields[_START]),
            parent=parent,
            group=group,
            session=session,
            command=command,
            # The first thread may end, and the others go on.
            is_dead=fields[0] in {b"Z", b"X"} and int(fields[_THREADS]) <= 1,
        )

    def environment(pid: int) -> dict[str, str]:
        """The environment that it was started with, as far as it has left that alone and we may see it."""
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                words = file.read().decode(errors="surrogateescape").split("\0")
        except OSError:
            return {}
        return dict(word.split("=", 1) for word in words if "=" in word)

    def control_groups(pid: int | str = "self") -> str:
        """Where it is among the control groups, as the kernel says it; empty: not to be seen."""
        with suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
        return ""

else:

    def here() -> Place:
        """Where we are. The birth of a process is told in absolute time here, so no two boots are mixed up."""
        return Place(boot="", namespace="")

    def look(pid: int) -> Facts | None:
        """What there is of the process *pid* now, a zombie too; `None`: nothing."""
        try:
            process = psutil.Process(pid)
            start = round(process.create_time() * 1_000_000)
            parent, group, session = process.ppid(), os.getpgid(pid), os.getsid(pid)
            return Facts(
                pid=pid,
                start=start,
                parent=parent,
                group=group,
                session=session,
                command=process.name(),
                is_dead=process.status() == psutil.STATUS_ZOMBIE,
            )
        except (psutil.Error, OSError):
            return None

    def environment(pid: int) -> dict[str, str]:
        """The environment that it was started with, as far as it has left that alone and we may see it."""
        try:
            return psutil.Process(pid).environ()
        except (psutil.Error, OSError):
            return {}

    def control_groups(pid: int | str = "self") -> str:
        """There are none."""
        return ""


def everybody() -> Iterator[Facts]:
    """A look at each process of the machine, one after another; those that live the shortest first."""
    newest = _newest()
    for pid in sorted(psutil.pids(), key=lambda pid: (pid > newest, -pid)):
        if facts := look(pid):
            yield facts


def _newest() -> int:
    """The number that was given last: numbers are given in order, and from the beginning when they have run out."""
    with suppress(OSError, ValueError), open("/proc/loadavg", encoding="ascii") as file:
        return int(file.read().split()[-1])
    return 0
