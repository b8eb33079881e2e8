"""One control group, by a descriptor of its directory: read, written, killed, removed. All of this may block."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW

_STILL_THERE = "something in it is still there after the kill"
_AGAIN = 0.5  # seconds after which a group that is not empty is killed once more: somebody may have come in
_PAUSE = 0.002  # seconds until a group is tried again that is empty, and busy all the same: the kernel tidies up


def read(directory: int, file: str) -> bytes:
    """What *file* of a group says."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)


def write(directory: int, file: str, words: bytes) -> None:
    """Tell *file* of a group."""
    fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.write(fd, words)
    finally:
        os.close(fd)


def kill(directory: int) -> None:
    """SIGKILL for everybody in it and below it, at once: no fork outruns it, and no change of user escapes it."""
    write(directory, "cgroup.kill", b"1")


def is_populated(events: bytes) -> bool:
    """Whether there is a process in a group or below it, as its `cgroup.events` says it."""
    return b"populated 1" in events


def end(directory: int, until: float) -> None:
    """Kill all that is in it, and wait until it is gone.

    Raises:
        OSError: it is still there at *until*, on the monotonic clock; or the group is not ours to kill.
    """
    events = os.open("cgroup.events", os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while is_populated(os.pread(events, 4096, 0)):
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError(errno.ETIMEDOUT, _STILL_THERE)
            kill(directory)
            poll.poll(min(left, _AGAIN) * 1000)
    finally:
        os.close(events)


def remove(parent: int, name: str, until: float) -> None:
    """Remove a group, with all that runs in it and all groups below it. Nothing happens if it is not there.

    Raises:
        OSError: it cannot be removed, or not before *until*.
    """
    if _remove_empty(parent, name):
        return
    with suppress(FileNotFoundError), _opened(parent, name) as directory:
        end(directory, until)
        _remove_below(directory, until)
        _remove_at_last(parent, name, until)


def _remove_empty(parent: int, name: str) -> bool:
    """Whether that was all that it took."""
    try:
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in {errno.EBUSY, errno.ENOTEMPTY}:
            raise
        return False
    return True


def _remove_at_last(parent: int, name: str, until: float) -> None:
    while not _remove_empty(parent, name):
        if time.monotonic() > until:
            raise TimeoutError(errno.ETIMEDOUT, "it is empty, and busy all the same")
        time.sleep(_PAUSE)


def _remove_below(directory: int, until: float) -> None:
    """Remove all groups below one.

    Whoever may make groups there may make them deep: so this takes neither recursion nor a descriptor for each level.
    """
    here, way = os.dup(directory), list[str]()
    try:
        while True:
            if full := _remove_all_empty(here):
                way.append(full)
                here = _go(here, full)
            elif way:
                here = _go(here, "..")
                _remove_at_last(here, way.pop(), until)
            else:
                return
    finally:
        os.close(here)


def _go(here: int, to: str) -> int:
    """A neighbour's descriptor for that of *here*, which is closed."""
    there = os.open(to, DIRECTORY, dir_fd=here)
    os.close(here)
    return there


def _remove_all_empty(directory: int) -> str | None:
    """Remove the groups right below, until one is not empty: that one."""
    with os.scandir(directory) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return next((name for name in names if not _remove_empty(directory, name)), None)


@contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    directory = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        yield directory
    finally:
        os.close(directory)
