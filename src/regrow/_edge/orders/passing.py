"""Which of our descriptors a child can be given."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import fcntl
import os

from regrow._edge.orders.refusals import RefusedError
from regrow._specs.protocol import NotLaunched, Refusal
from regrow._specs.settings import HasFileno


def passable(number: int, fd: int | HasFileno) -> int:
    """The descriptor that *fd* is, for the child's *number*.

    Raises:
        RefusedError: it is closed, or no more than a place.
    """
    try:
        ours = fd if isinstance(fd, int) else fd.fileno()
        fcntl.fcntl(ours, fcntl.F_GETFD)
        if sys.platform == "linux" and fcntl.fcntl(ours, fcntl.F_GETFL) & os.O_PATH:
            raise OSError(errno.EBADF, "it is open as a place only (O_PATH)")
    except (OSError, ValueError) as error:
        why = f"fds: {fd!r} cannot be passed on as {number}: {getattr(error, 'strerror', None) or error}"
        raise RefusedError(NotLaunched(refusal=Refusal.PROGRAM, why=why, errno=errno.EBADF)) from error
    return ours


def open_gap() -> int:
    """What leaves a number of a child free, where its other descriptors go: open, but no more than a place."""
    if sys.platform == "linux":
        return os.open("/", os.O_PATH | os.O_CLOEXEC)
    raise OSError(errno.ENOSYS, "there are no guardians here")
