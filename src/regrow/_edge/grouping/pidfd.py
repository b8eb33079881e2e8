"""What the kernel remembers of a process that somebody else has reaped, as long as we hold a pidfd of it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import fcntl
import struct

_INFO = struct.Struct("=QQ3I8Ii")  # mask, cgroup, three process ids, eight user and group ids, exit code
_EXIT = 1 << 3  # in the mask: the exit code is wanted, or known
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11  # _IOWR(0xFF, 11, struct pidfd_info)


def remembered_status(pidfd: int) -> int | None:
    """The wait status of a process that was reaped; `None` before that, and on a Linux older than 6.15."""
    try:
        info = fcntl.ioctl(pidfd, _GET_INFO, _INFO.pack(_EXIT, *(0,) * 13))
    except OSError:
        return None
    mask, *_, status = _INFO.unpack(info)
    return status if mask & _EXIT else None
