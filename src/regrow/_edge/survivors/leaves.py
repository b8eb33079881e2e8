"""The control groups that an owner has left: ended in one blow, and removed."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from contextlib import suppress
from pathlib import Path

from regrow._edge.cgroups import group
from regrow._edge.survivors.record import Leaf


def is_there(leaf: Leaf) -> bool:
    """Whether it is there, and the very one."""
    try:
        return os.stat(leaf.path).st_ino == leaf.inode
    except OSError:
        return False


def members(leaf: Leaf) -> set[int]:
    """Who is in it, and in the groups below it."""
    found = set[int]()
    for below, _, _ in os.walk(leaf.path):
        with suppress(OSError):
            found |= {int(number) for number in Path(below, "cgroup.procs").read_text(encoding="ascii").split()}
    return found - {0}  # 0: of a pid namespace that we do not see


def end(leaf: Leaf, until: float) -> str:
    """Kill all that are in it, and remove it. Why that was not possible; empty: it was."""
    place, name = os.path.split(leaf.path)
    try:
        parent = os.open(place, group.DIRECTORY)
        try:
            group.remove(parent, name, until)
        finally:
            os.close(parent)
    except OSError as error:
        return str(error.strerror)
    return ""
