"""Where we are among the control groups of version 2: what /proc says, as plain values."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import re

import attrs

_ESCAPED = re.compile(r"\\([0-7]{3})")
_DELETED = " (deleted)"


@attrs.frozen
class Mount:
    """Where groups can be seen as directories."""

    root: str
    """The group that is at its top."""

    point: str
    """The directory that this is."""


def read_mounts(mountinfo: str) -> list[Mount]:
    """All mounts of control groups of version 2; of several at one point, the one that covers the others."""
    mounts = dict[str, Mount]()
    for line in mountinfo.splitlines():
        where, _, what = line.partition(" - ")
        if what.split(" ", 1)[0] == "cgroup2":
            root, point = (_plain(word) for word in where.split(" ")[3:5])
            mounts[point] = Mount(root, point)
    return list(mounts.values())


def read_own(cgroup: str) -> str | None:
    """The group that we are in, as the mounts that we see name it; `None`: version 2 is not there."""
    for line in cgroup.splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    return None


def why_hidden(group: str) -> str:
    """Why the group that we are in cannot be found, whatever is mounted; empty: it can."""
    if group.endswith(_DELETED):
        return f"the control group that we are in ({group.removesuffix(_DELETED)}) has been removed"
    if ".." in group.split("/"):
        return f"the control group that we are in ({group}) is outside of what this container shows"
    return ""


def directory_of(group: str, mount: Mount) -> str | None:
    """The directory of *group* below *mount*; `None`: it is not shown there."""
    root = mount.root.rstrip("/")
    if group != mount.root and not group.startswith(f"{root}/"):
        return None
    return os.path.join(mount.point, group[len(root) :].strip("/")).rstrip("/")


def _plain(word: str) -> str:
    """The kernel writes blanks and backslashes in a path as octal numbers."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), word)
