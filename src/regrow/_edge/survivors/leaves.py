"""The control groups that an owner has left: ended in one blow, and removed."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from regrow._edge.survivors.record import Leaf

_LOOK = 0.005  # seconds between two looks


def is_there(leaf: Leaf) -> bool:
    """Whether it is there, and the very one."""
    try:
        return os.stat(leaf.path).st_ino == leaf.inode
    except OSError:
        return False


def members(leaf: Leaf) -> set[int]:
    """Who is in it, and in the groups below it."""
    found = set[int]()
    for group in _groups(leaf):
        with suppress(OSError):
            found |= {int(number) for number in Path(group, "cgroup.procs").read_text().split()}
    return found - {0}  # 0: of a pid namespace that we do not see


def end(leaf: Leaf, until: float) -> str:
    """Kill all that are in it, wait until they are gone, and remove it. Why that was not possible; empty: it was."""
    try:
        Path(leaf.path, "cgroup.kill").write_text("1")
        while _is_populated(leaf):
            if time.monotonic() > until:
                return "what is in it is still there after the kill"
            time.sleep(_LOOK)
        for group in _groups(leaf):
            os.rmdir(group)
    except OSError as error:
        return "" if not is_there(leaf) else str(error.strerror)
    return ""


def _groups(leaf: Leaf) -> Iterator[str]:
    """All groups from it downwards, the lowest first."""
    for group, _, _ in os.walk(leaf.path, topdown=False):
        yield group


def _is_populated(leaf: Leaf) -> bool:
    return "populated 1" in Path(leaf.path, "cgroup.events").read_text()
