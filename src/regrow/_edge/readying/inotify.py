"""What happens in a directory, as the kernel tells it: inotify(7), which Python does not know."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import ctypes
import os
from functools import cache
from typing import Any

_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_TO, _CREATE, _DELETE_SELF, _MOVE_SELF = 2, 4, 8, 0x80, 0x100, 0x400, 0x800
_ALL = _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF


@cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def open_() -> int:
    """A descriptor that becomes readable when something happens where it watches; -1: there is none to be had."""
    return int(_libc().inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))


def watch_nearest(fd: int, place: str) -> bool:
    """Watch the directory of *place*, or the nearest above it that there is. May block; false: none can be watched."""
    folder = os.path.abspath(place)
    while True:
        above = os.path.dirname(folder)
        if _libc().inotify_add_watch(fd, os.fsencode(above), _ALL) >= 0:
            return True
        if above == folder:
            return False
        folder = above
