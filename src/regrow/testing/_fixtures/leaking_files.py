"""File descriptors that a test leaves open."""

from __future__ import annotations

import gc
import io
import os
import socket
import stat
import sys
from collections.abc import Iterable, Iterator

File = tuple[int, str]
"""A descriptor, and what it leads to: a number that was closed and opened again is another one."""

_FOLDERS = {"linux": "/proc/self/fd", "darwin": "/dev/fd"}


def look() -> frozenset[File]:
    """What is open; on Windows that is not known."""
    folder = _FOLDERS.get(sys.platform)
    if folder is None:
        return frozenset()
    numbers = [int(name) for name in os.listdir(folder)]  # its own is closed by now, so it leads nowhere
    return frozenset((number, target) for number in numbers if (target := _target(number)) and not _is_tracker(number))


def tell(files: Iterable[File]) -> Iterator[str]:
    """What they are, and which objects hold them."""
    files = sorted(files)
    if not files:
        return  # all objects of the process are looked at for the others
    holders = _holders({number for number, _ in files})
    for number, target in files:
        holder = holders.get(number, "no object of Python")
        yield f"file descriptor {number}: {target}{_peers(number)}, held by {holder}"


def _target(number: int) -> str:
    try:
        if _FOLDERS.get(sys.platform) == "/proc/self/fd":
            return os.readlink(f"/proc/self/fd/{number}")
        state = os.fstat(number)
    except OSError:
        return ""
    return f"{stat.filemode(state.st_mode)} {state.st_dev}:{state.st_ino}"


def _peers(number: int) -> str:
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return ""
        with socket.socket(fileno=os.dup(number)) as one:
            return f" at {one.getsockname()!r}"
    except OSError:
        return ""


def _holders(numbers: set[int]) -> dict[int, str]:
    """Which objects have these descriptors."""
    found: dict[int, str] = {}
    for one in gc.get_objects():
        if issubclass(type(one), io.FileIO | socket.socket):  # isinstance would ask a proxy for its __class__
            number = -1 if getattr(one, "closed", False) else one.fileno()
            if number in numbers:
                found[number] = repr(one)
    return found


def _is_tracker(number: int) -> bool:
    """Whether it is Python's own, which multiprocessing keeps as long as we live."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    return module is not None and number == getattr(module._resource_tracker, "_fd", None)
