"""One child process of ours: looked at, signalled, and reaped; never mistaken for another that got its number.

The kernel keeps the number of a process, and that of the group that it leads, until it is reaped, and only we reap it.
So everything that goes by number happens before `reap`. A host application that reaps everything in sight
(`waitpid(-1)`) breaks that rule; a look with `WNOWAIT`, by pidfd where there is one, notices that.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import resource
import signal
from contextlib import suppress

import psutil

from regrow._edge.grouping.pidfd import remembered_status
from regrow._edge.holding import Ending
from regrow._specs.exit import Usage
from regrow._specs.signals import signal_name

kill_group = os.killpg
"""The one call by which a group is signalled: a test that needs an unkillable process replaces it."""

_KIB = 1 if sys.platform == "darwin" else 1024  # what `ru_maxrss` counts in


class Handle:
    """A child of ours, from its spawn until it is reaped."""

    __slots__ = ("_is_reaped", "_our_peak", "pid", "pidfd")

    def __init__(self, pid: int, pidfd: int | None = None) -> None:
        self.pid = pid
        self.pidfd = pidfd  # ours to close; `None`: this system has none
        self._is_reaped = False
        self._our_peak = _peak()

    def is_dead(self) -> bool:
        """Whether it has ended. A look takes nothing away: its status can still be read."""
        if self._is_reaped:
            return True
        try:
            return self._look()
        except ChildProcessError:  # somebody else reaped it, or the application ignores SIGCHLD
            return True

    def send(self, number: int) -> None:
        """Send a signal to it alone; nothing happens if it is gone.

        Raises:
            PermissionError: it has become somebody else's.
        """
        if not self._holds_number():
            return
        with suppress(ProcessLookupError):
            if sys.platform == "linux" and self.pidfd is not None:
                signal.pidfd_send_signal(self.pidfd, number)
            else:
                os.kill(self.pid, number)

    def send_group(self, number: int) -> None:
        """Send a signal to all that stayed in its process group, at once; nothing happens if it was reaped.

        Raises:
            PermissionError: all of them have become somebody else's.
        """
        if self._holds_number():
            with suppress(ProcessLookupError):
                kill_group(self.pid, number)

    def reap(self) -> Ending:
        """Collect it: it is dead. Its number is free from here on."""
        ending = self._collect()
        self._let_go()
        return ending

    def destroy(self) -> None:
        """Kill it, group and all, and reap it. Waits until it is dead: not on the event loop."""
        assert not self._is_reaped
        with suppress(PermissionError):
            self.send_group(signal.SIGKILL)
        if self._holds_number():
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        self._let_go()

    def _let_go(self) -> None:
        self._is_reaped = True
        if self.pidfd is not None:
            os.close(self.pidfd)

    def _collect(self) -> Ending:
        if not self._holds_number():
            return self._recall()
        try:
            # It is dead, so this never waits: WNOHANG is for the day on which somebody else reaps it just now, and
            # its number already belongs to another child of this process.
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
        except ChildProcessError:
            return self._recall()
        return _ending(status, _usage(used, self._our_peak)) if pid else self._recall()

    def _recall(self) -> Ending:
        """Somebody else has reaped it, or the kernel itself: what it used is forgotten, how it ended perhaps not."""
        status = None if self.pidfd is None else remembered_status(self.pidfd)
        return Ending() if status is None else _ending(status, None)

    def _holds_number(self) -> bool:
        """Whether the number is still that of our child, alive or dead."""
        if self._is_reaped:
            return False
        try:
            self._look()
        except ChildProcessError:
            return False
        return True

    def _look(self) -> bool:
        """Whether there is a body to collect; raises ChildProcessError if it is no child of ours (any more)."""
        if sys.platform == "linux" and self.pidfd is not None:
            return os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        return _look_by_number(self.pid)


if sys.platform == "darwin":  # has no waitid in Python before 3.13

    def _look_by_number(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            raise ChildProcessError(errno.ECHILD, "no such child") from None

else:

    def _look_by_number(pid: int) -> bool:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _peak() -> int:
    """The most memory that we had ourselves, as `ru_maxrss` counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _usage(used: resource.struct_rusage, our_peak: int) -> Usage:
    """What it used, as the kernel counts it."""
    return Usage(
        user=used.ru_utime,
        system=used.ru_stime,
        # Between fork and exec a process has our memory, and Linux never forgets that it had so much.
        max_rss=used.ru_maxrss * _KIB if used.ru_maxrss > our_peak else 0,
        minor_faults=used.ru_minflt,
        major_faults=used.ru_majflt,
    )


def _ending(status: int, usage: Usage | None) -> Ending:
    """How it ended, as the kernel says it."""
    if os.WIFSIGNALED(status):
        name = signal_name(os.WTERMSIG(status))
        return Ending(signal=name, core_dumped=os.WCOREDUMP(status), usage=usage)
    return Ending(code=os.WEXITSTATUS(status), usage=usage)


def has_pidfd() -> bool:
    """Whether pidfds work here: an old kernel, or the filter of a container, may know none, or only half of it."""
    if sys.platform == "linux":
        try:
            own = os.pidfd_open(os.getpid())
        except OSError:
            return False
        try:
            signal.pidfd_send_signal(own, 0)
            os.waitid(os.P_PIDFD, own, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:  # it was understood: we are no child of ours
            return True
        except OSError:
            return False
        finally:
            os.close(own)
    return False
