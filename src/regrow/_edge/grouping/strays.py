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

from regrow._edge.grouping.handle import Handle

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


def _still_has_company(leader: int) -> bool:
    """The same once more, later."""
    if sys.platform == "linux":
        with suppress(OSError):
            return os.getpriority(os.PRIO_PGRP, leader) != _LOWEST
    return True


@attrs.define(eq=False)
class _Case:
    """One group whose leader is dead."""

    leader: Handle
    done: Callable[[int], None]
    begins: float
    """Until then, whoever is left may go on."""

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
        self._hint = trio.Event()

    def end(self, leader: Handle, done: Callable[[int], None], *, after: float = 0.0) -> None:
        """Kill who is left in the group of *leader*, which is dead and not reaped, *after* so many seconds.

        Args:
            leader: the dead process; it must stay unreaped until *done*, because that keeps the number of its group.
            done: called when nobody is left, or `BOUND` seconds after the first kill, with how many were killed.
            after: until then, they may go on.
        """
        self._cases[leader.pid] = _Case(leader, done, trio.current_time() + after)
        self._pause = _FIRST
        self._news.set()

    @enable_ki_protection
    async def run(self) -> None:
        """Work, until cancelled; then it may be run again."""
        while True:
            if not self._cases:
                self._news = trio.Event()
                await self._news.wait()
            self._wait_for_those_who_may_go_on()
            if due := self._due():
                await self._end_them(due)
            if self._cases:
                with trio.move_on_after(self._pause):
                    await self._hint.wait()
                self._hint = trio.Event()
                self._pause = min(2 * self._pause, _LAST)

    def hasten(self, leader: Handle) -> None:
        """Nobody of that group may go on any longer."""
        if case := self._cases.get(leader.pid):
            case.begins = min(case.begins, trio.current_time())
            self._pause = _FIRST
            self._hint.set()

    def _wait_for_those_who_may_go_on(self) -> None:
        now = trio.current_time()
        for pid, case in tuple(self._cases.items()):
            if case.begins > now and not _still_has_company(pid):
                del self._cases[pid]
                case.done(0)

    def _due(self) -> tuple[int, ...]:
        now = trio.current_time()
        return tuple(pid for pid, case in self._cases.items() if case.begins <= now)

    async def _end_them(self, groups: tuple[int, ...]) -> None:
        try:
            found = await trio.to_thread.run_sync(members, groups, limiter=self._limiter)
        except (OSError, RuntimeError):  # no descriptor or no thread to look with: kill, and count nobody
            found = {group: set[int]() for group in groups}
            for group in groups:
                self._cases[group].kill()
        for group, alive in found.items():
            self._judge(self._cases[group], alive)

    def _judge(self, case: _Case, alive: set[int]) -> None:
        case.seen |= alive
        if alive and trio.current_time() < case.begins + BOUND:
            case.kill()
        else:
            del self._cases[case.leader.pid]
            case.done(len(case.seen - alive))
