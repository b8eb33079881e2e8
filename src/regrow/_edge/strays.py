"""What is left of a process group when its leader is dead: found, ended, counted.

Nobody else tells us: the kernel knows who is in a group, but lists them for nobody. What a cheap question can rule out
(`has_company`) is the common case; only after that, a thread looks at the number of the group of every process of the
machine, once for all groups that are in question.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import attrs
import psutil
import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.handle import Handle

BOUND = 1.0
"""Seconds after which what is still there is left alone: it is not ours to kill, or it hangs in the kernel."""

_FIRST, _LAST = 0.001, 0.05  # seconds between two looks: at what has just been killed, and at what takes its time
_LOWEST = 19  # the worst priority there is
_GONE = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


def has_company(leader: int) -> bool:
    """Whether anybody but *leader*, which is dead and not reaped, may be in its process group.

    The kernel answers with the best priority of a whole group. The dead leader is given the worst there is, so a better
    one is somebody else's. It says no only of those that were made the worst themselves, by a leader that was not.
    """
    if sys.platform == "linux":
        try:
            if os.getpriority(os.PRIO_PROCESS, leader) != _LOWEST:
                os.setpriority(os.PRIO_PROCESS, leader, _LOWEST)
                return os.getpriority(os.PRIO_PGRP, leader) != _LOWEST
        except ProcessLookupError:  # somebody else reaped it: the number of its group is not to be trusted any more
            return False
        except PermissionError:  # another user's by now: who knows
            pass
    return True


def members(groups: Iterable[int]) -> dict[int, set[int]]:
    """Who is alive in each of *groups*, without its leader. Looks at the whole machine: not on the event loop."""
    found: dict[int, set[int]] = {group: set() for group in groups}
    for index, pid in enumerate(psutil.pids()):
        if index % 256 == 0:
            time.sleep(0)  # let the event loop have the interpreter
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            group = os.getpgid(pid)
            if group in found and group != pid and psutil.Process(pid).status() not in _GONE:
                found[group].add(pid)
    return found


@attrs.define(eq=False)
class _Case:
    """One group whose leader is dead."""

    leader: Handle
    done: Callable[[int], None]
    until: float
    seen: set[int] = attrs.field(factory=set[int])

    def kill(self) -> None:
        """Kill who is left, as far as that is allowed."""
        with suppress(PermissionError):
            self.leader.send_group(signal.SIGKILL)


class Strays:
    """Ends what is left of groups, all in one task."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)  # its own: the ends of processes must not wait for anybody's threads
        self._cases: dict[int, _Case] = {}
        self._pause = _FIRST
        self._news = trio.Event()

    def end(self, leader: Handle, done: Callable[[int], None]) -> None:
        """Kill who is left in the group of *leader*, which is dead and not reaped.

        Args:
            leader: the dead process; it must stay unreaped until *done*, because that keeps the number of its group.
            done: called when nobody is left, or after `BOUND` seconds, with how many there were.
        """
        self._cases[leader.pid] = _Case(leader, done, trio.current_time() + BOUND)
        self._pause = _FIRST
        self._news.set()

    @enable_ki_protection
    async def run(self) -> None:
        """Work, until cancelled; then it may be run again."""
        while True:
            if not self._cases:
                self._news = trio.Event()
                await self._news.wait()
            try:
                found = await trio.to_thread.run_sync(members, tuple(self._cases), limiter=self._limiter)
            except (OSError, RuntimeError):  # no descriptor or no thread to look with: kill, and count nobody
                found = {group: set[int]() for group in self._cases}
                for case in self._cases.values():
                    case.kill()
            for group, alive in found.items():
                self._judge(self._cases[group], alive)
            if self._cases:
                await trio.sleep(self._pause)
                self._pause = min(2 * self._pause, _LAST)

    def _judge(self, case: _Case, alive: set[int]) -> None:
        case.seen |= alive
        if alive and trio.current_time() < case.until:
            case.kill()
        else:
            del self._cases[case.leader.pid]
            case.done(len(case.seen - alive))
