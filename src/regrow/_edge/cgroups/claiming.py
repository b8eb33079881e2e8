"""Groups that belong to one process as long as it lives: made, locked, given back; and those whose owner is dead.

The lock (`flock`) is on the directory itself, and the kernel takes it away with the last descriptor of its owner. So
whether the owner lives is no question of numbers, which may mean another process, or nothing in this pid namespace.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import fcntl
import os
import re
import secrets
from contextlib import suppress

import attrs

from regrow._edge.cgroups import group

_NAME = re.compile(r"regrow-\d+-[0-9a-f]{8}")
_TRIES = 5


@attrs.frozen
class Claimed:
    """A group that is ours: nobody takes it for left over while `directory` is open."""

    name: str
    directory: int


@attrs.frozen
class Swept:
    """What was found of the dead."""

    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    """Paths of what could not be removed, and why."""


def claim(place: str) -> Claimed:
    """Make a group in *place*.

    Raises:
        OSError: none can be made.
    """
    for _ in range(_TRIES):
        name = f"regrow-{os.getpid()}-{secrets.token_hex(4)}"
        os.mkdir(os.path.join(place, name), 0o755)
        # Before it is locked, somebody who starts just now may take it for left over, and remove it.
        if claimed := _lock(place, name):
            return claimed
        with suppress(OSError):
            os.rmdir(os.path.join(place, name))
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def disclaim(place: str, claimed: Claimed, until: float) -> None:
    """Remove it, with all that is in it. Blocks, but not for long after *until*, on the monotonic clock.

    Raises:
        OSError: it is still there.
    """
    try:
        parent = os.open(place, group.DIRECTORY)
        try:
            group.remove(parent, claimed.name, until)
        finally:
            os.close(parent)
    finally:
        os.close(claimed.directory)


def sweep(place: str, until: float) -> Swept:
    """Kill and remove what dead processes have left in *place*. Blocks, but not for long after *until*."""
    removed, left = list[str](), list[str]()
    with suppress(OSError):
        for name in filter(_NAME.fullmatch, os.listdir(place)):
            if claimed := _lock(place, name):
                path = os.path.join(place, name)
                try:
                    disclaim(place, claimed, until)
                    removed.append(path)
                except OSError as error:
                    left.append(f"{path}: {error.strerror}")
    return Swept(tuple(removed), tuple(left))


def _lock(place: str, name: str) -> Claimed | None:
    """Have it, unless it is somebody's, or gone."""
    path = os.path.join(place, name)
    try:
        directory = os.open(path, group.DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(directory).st_ino:
            return Claimed(name, directory)
    except OSError:
        pass
    os.close(directory)
    return None
