"""What the process tree of a child has used and moved since the last look. Blocks: run in a thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, partial
from typing import TypeAlias

import psutil
import trio

from regrow._edge.sample import descendants
from regrow._edge.sources.callback import Fail
from regrow._specs.activity import CpuProgress, IoProgress

Look: TypeAlias = Callable[[Callable[[], dict[int, float] | None]], Awaitable[dict[int, float] | None]]
"""Has something read in a thread, within bounds; `None`: that took too long, or could not be read."""

Read: TypeAlias = Callable[[], dict[int, float] | None]
"""So much of each process; `None`: that cannot be read."""

WHOLE = 0
"""Stands for the whole tree, where the kernel counts it as one."""


@cache
def _ticks() -> int:
    """How often in a second the kernel counts."""
    ticks = 100
    if sys.platform != "win32":
        ticks = os.sysconf("SC_CLK_TCK")
    return ticks


class Progressing:
    """Whether numbers of a process tree go up."""

    def __init__(self, spec: CpuProgress | IoProgress, read: Read, look: Look, fail: Fail) -> None:
        self.name = str(spec)
        self.at: float | None = None
        """When progress was seen last, on the run's clock; `None`: never."""
        self._least = spec.at_least
        self._read = read
        self._look = look
        self._fail = fail
        self._before: dict[int, float] | None = None
        self._gained = 0.0  # since the last sign

    async def look(self) -> None:
        """See what there is by now."""
        now = await self._look(self._read)
        if now is None:
            self._fail(self.name, "could not be read")
            return
        if self._before is not None:
            self._gained += sum(max(0.0, value - self._before.get(pid, 0.0)) for pid, value in now.items())
        self._before = now
        if self._gained >= self._least:
            self._gained = 0.0
            self.at = trio.current_time()

    def disregard(self) -> None:
        """What has been going on until now was our own doing: begin anew."""
        self._before = None
        self._gained = 0.0


def cpu_reader(pid: int, leaf: str | None) -> Read:
    """Reads CPU seconds: of its control group, if it has one, or of itself and all that descends from it."""
    read: Read = partial(_psutil_times, pid)
    if sys.platform == "linux":
        read = partial(_proc_times, pid) if leaf is None else partial(group_time, leaf, pid)
    return read


def io_reader(pid: int, leaf: str | None) -> Read:
    """Reads bytes that were read and written."""
    return partial(_proc_io, pid, leaf)


def group_time(leaf: str, pid: int) -> dict[int, float] | None:
    with suppress(OSError, ValueError), open(f"{leaf}/cpu.stat", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(" ")
            if name == "usage_usec":
                return {WHOLE: int(value) / 1e6}
    return _proc_times(pid)  # the group is gone, or an old kernel's


def _proc_times(pid: int) -> dict[int, float] | None:
    return _each(_tree(pid), _time_of)


def _proc_io(pid: int, leaf: str | None) -> dict[int, float] | None:
    return _each(_tree(pid) if leaf is None else {*_members(leaf), *_tree(pid)}, _bytes_of)


def _each(pids: Iterable[int], read: Callable[[int], float]) -> dict[int, float] | None:
    """What can be read of each of them; `None`: of none."""
    found: dict[int, float] = {}
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):  # gone meanwhile, or another user's
            found[pid] = read(pid)
    return found or None


def _tree(pid: int) -> Iterator[int]:
    yield pid
    yield from descendants(pid)


def _members(leaf: str) -> list[int]:
    with suppress(OSError, ValueError), open(f"{leaf}/cgroup.procs", encoding="ascii") as file:
        return [int(line) for line in file]
    return []


def _time_of(pid: int) -> float:
    """Its CPU seconds, and those of children that it has waited for."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) / _ticks()


def _bytes_of(pid: int) -> float:
    with open(f"/proc/{pid}/io", "rb") as file:
        words = file.read().split()
    return int(words[1]) + int(words[3])  # rchar and wchar


def _psutil_times(pid: int) -> dict[int, float] | None:
    found: dict[int, float] = {}
    for member in _tree(pid):
        with suppress(psutil.Error):
            times = psutil.Process(member).cpu_times()
            found[member] = times.user + times.system
    return found or None
