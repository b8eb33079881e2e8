"""What a process is doing, and what it and its descendants use. Blocks: run in a thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import attrs
import psutil

from regrow._specs.protocol import Evidence, Sample

_MOST = 10_000
"""How many descendants are looked at: a fork bomb must not keep a thread busy for ever."""

_STATES = {
    psutil.STATUS_RUNNING: "running",
    psutil.STATUS_SLEEPING: "sleeping",
    psutil.STATUS_IDLE: "sleeping",
    psutil.STATUS_STOPPED: "stopped",
    psutil.STATUS_TRACING_STOP: "stopped",
    psutil.STATUS_DISK_SLEEP: "disk sleep",
    psutil.STATUS_ZOMBIE: "zombie",
    psutil.STATUS_DEAD: "zombie",
}


@attrs.define
class Sum:
    """What a process and its descendants use, added up."""

    rss: int = 0
    cpu: float = 0.0
    threads: int = 0
    count: int = 0

    def add(self, process: psutil.Process) -> None:
        """One more process."""
        with process.oneshot():
            times = process.cpu_times()
            memory = process.memory_info()
            self.threads += process.num_threads()
        self.rss += memory.rss
        self.cpu += times.user + times.system
        self.count += 1

    def sample(self, files: int | None) -> Sample:
        """All of them as one."""
        return Sample(rss=self.rss, cpu=self.cpu, descendants=self.count - 1, threads=self.threads, open_files=files)


def take_sample(pid: int) -> Sample | None:
    """One reading of *pid* and all that descends from it, or `None` if it is gone."""
    found = Sum()
    try:
        process = psutil.Process(pid)
        found.add(process)
        files = open_files(process)
    except psutil.NoSuchProcess:
        return None
    for descendant in descendants(pid):
        with suppress(psutil.Error):  # gone meanwhile
            found.add(psutil.Process(descendant))
    return found.sample(files)


def gather_evidence(pid: int) -> Evidence | None:
    """What *pid* is doing, or `None` if it is gone."""
    try:
        state = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return None
    return Evidence(state=_STATES.get(state, str(state)), waits_in=_waits_in(pid), sample=take_sample(pid))


def descendants(pid: int) -> Iterator[int]:
    """All that descend from *pid* and have not been adopted by somebody else."""
    if sys.platform == "linux" and os.path.exists(f"/proc/{pid}/task/{pid}/children"):
        return _walk(pid)
    with suppress(psutil.Error):
        return iter([child.pid for child in psutil.Process(pid).children(recursive=True)])
    return iter(())


def _walk(pid: int) -> Iterator[int]:
    """Down the kernel's own lists of children: no scan of the machine."""
    todo = [pid]
    for _ in range(_MOST):
        if not todo:
            return
        parent = todo.pop()
        if parent != pid:
            yield parent
        todo += _children(parent)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):  # gone meanwhile
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
    return found


def open_files(process: psutil.Process) -> int | None:
    """How many descriptors a process has open; `None`: not to be had."""
    if sys.platform != "win32":
        with suppress(psutil.AccessDenied):
            return process.num_fds()
    return None


def _waits_in(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/wchan", encoding="ascii") as channel:
        name = channel.read().strip()
        return "" if name == "0" else name
    return ""
