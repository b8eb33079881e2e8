"""A signal for all that descends from a process of ours, as far as it can be found: politeness, not containment."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import signal
from contextlib import suppress

import psutil

from regrow._edge.sample import descendants


def signal_descendants(pid: int, number: int) -> None:
    """Send a signal to those descendants of *pid*, which is not reaped, that have left its process group.

    A descendant may die, and its number be given away, at any time. So each is held first, and then asked for its
    parent once more: nobody is signalled who is not the child of one that is ours.
    """
    ours = {pid: _start_of(pid)}
    for descendant in descendants(pid):
        _signal(descendant, number, ours, group=pid)


def _signal(pid: int, number: int, ours: dict[int, float], *, group: int) -> None:
    with suppress(OSError, psutil.Error):
        pidfd = _hold(pid)
        try:
            parent = psutil.Process(pid).ppid()
            if ours.get(parent, -1.0) != _start_of(parent):
                return
            ours[pid] = _start_of(pid)
            if os.getpgid(pid) == group:  # reached with its group, at once
                return
            if sys.platform == "linux":
                signal.pidfd_send_signal(pidfd, number)
            else:
                os.kill(pid, number)
        finally:
            if pidfd >= 0:
                os.close(pidfd)


def _hold(pid: int) -> int:
    """A descriptor of it; -1: this system has none."""
    pidfd = -1
    if sys.platform == "linux":
        pidfd = os.pidfd_open(pid)
    return pidfd


def _start_of(pid: int) -> float:
    """When it was started; 0 if it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0
