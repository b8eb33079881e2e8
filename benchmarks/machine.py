"""What the kernel says about processes: who they are, what they use. And the end of those that are left over."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_GONE = (FileNotFoundError, ProcessLookupError)
_PROC = Path("/proc")


def prepare() -> None:
    """Have as many descriptors as allowed, become the parent of whatever contestants leave behind, and end in order."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def go_before_others() -> None:
    """Have us, and whoever we start, run whenever we want to: for a machine that others use, too. Needs privileges."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))


def pids() -> Iterator[int]:
    """All processes."""
    return (int(name) for name in os.listdir(_PROC) if name.isdigit())


def running(program: Path) -> list[int]:
    """Those that execute *program*, zombies excepted."""
    return [pid for pid in pids() if _executes(pid, str(program))]


def _executes(pid: int, program: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/exe") == program
    except (*_GONE, PermissionError):
        return False


def descendants(pid: int) -> list[int]:
    """*pid*, its children, theirs, and so on."""
    children: dict[int, list[int]] = {}
    for other in pids():
        with suppress(*_GONE):
            children.setdefault(_parent(other), []).append(other)
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cpu_time(processes: Iterable[int]) -> float:
    """Seconds that these have computed, all threads counted, those that have ended too, to the nanosecond."""
    spent = 0.0
    for pid in processes:
        with suppress(OSError):  # it has ended
            spent += time.clock_gettime(_cpu_clock(pid))
    return spent


def _cpu_clock(pid: int) -> int:
    """The number of the clock of another process, as `clock_getcpuclockid` gives it."""
    return (~pid << 3) | 2


def memory(pid: int, kind: str = "Pss") -> int:
    """Bytes of memory. `Pss`: what is shared counts for each its part; `Pss_Anon`: only what belongs to no file."""
    with suppress(*_GONE):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) * 1024
    return 0


def end_leftovers(within: float = 30.0) -> int:
    """Kill and reap all that is below us, until nothing is; how many there were."""
    ended = 0
    until = time.monotonic() + within
    while time.monotonic() < until and (left := _children()):
        ended += len(left)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return ended


def _children() -> list[int]:
    """A child of a child that we kill becomes ours; a number cannot be given away before we reap it."""
    threads = Path("/proc/self/task").iterdir()
    return [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]


class Strangers:
    """How much of the machine others use while we measure: then the figures say little, and that is to be known."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = _busy()
        self._ours = _ours()

    def share(self) -> float:
        """From 0 to 1, since this was made."""
        theirs = (_busy() - self._busy) - (_ours() - self._ours)
        return max(0.0, theirs / (time.monotonic() - self._began) / (os.cpu_count() or 1))


def _busy() -> float:
    """Seconds in which a CPU had something to do, all CPUs together. Time that a hypervisor took counts as others'."""
    user, nice, system, _, _, interrupt, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + interrupt + soft + steal) / os.sysconf("SC_CLK_TCK")


def _ours() -> float:
    """Seconds of CPU that we have used, and whoever we have reaped, and whoever they had."""
    return sum(os.times()[:4])
