"""One supervisor for each state directory: a lock that its owner's end opens, however that comes."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import fcntl
import os
import time
from contextlib import suppress

from regrow._edge.survivors.folder import Folder
from regrow._edge.survivors.identity import Place, here, look
from regrow._edge.survivors.record import Owner, line_of_owner, read_owner
from regrow.exceptions import StateDirInUseError

LOCK = "lock"

_HANDOVER = 0.25
"""Seconds for a process that its owner, dead by now, has just forked: it lets go of the lock as soon as it runs."""

_held: set[int] = set()
"""The descriptors of all locks of this process."""


def _let_go() -> None:
    """In a process that was just forked off: the lock is its parent's, and must end with that."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)


class Lock:
    """The lock of a directory, from when it is made until it is closed."""

    def __init__(self, folder: Folder, owner: Owner) -> None:
        """Take it, and write down who has.

        Raises:
            StateDirInUseError: somebody else has it.
            IoError: it cannot be had at all.
        """
        with folder.saying(LOCK):
            self._fd = folder.open(LOCK, os.O_RDWR | os.O_CREAT)
        _held.add(self._fd)
        try:
            self._take(folder, owner)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it."""
        if self._fd in _held:
            _held.remove(self._fd)
            os.close(self._fd)

    def _take(self, folder: Folder, owner: Owner) -> None:
        until = time.monotonic() + _HANDOVER
        while True:
            with folder.saying(LOCK):
                if self._is_had():
                    os.ftruncate(self._fd, 0)
                    os.pwrite(self._fd, line_of_owner(owner), 0)
                    return
                holder = read_owner(os.pread(self._fd, 65536, 0))
            words, pid, since = _told(holder)
            if pid is not None or time.monotonic() >= until:
                raise StateDirInUseError(folder.path, words, pid, since)
            time.sleep(_HANDOVER / 25)

    def _is_had(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _told(holder: Owner | None) -> tuple[str, int | None, str]:
    """Who has a lock, in words; which process that is, if it can be said; since when."""
    if holder is None:  # it has the lock, and has not written that down yet; or could not
        return "by a process that has not said which it is", None, ""
    if holder.place != _place():
        return f"by process {holder.pid} of another pid namespace or machine", None, holder.since
    facts = look(holder.pid)
    if facts is None or facts.start != holder.start or facts.is_dead:
        return f"by a process that process {holder.pid}, which is dead, has forked", None, holder.since
    if holder.pid == os.getpid():
        return f"by this very process ({holder.pid})", holder.pid, holder.since
    return f"by process {holder.pid} ({facts.command})", holder.pid, holder.since


def _place() -> Place | None:
    with suppress(OSError):
        return here()
    return None
