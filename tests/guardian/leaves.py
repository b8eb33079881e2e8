"""A cgroup for a test, where this machine lets us make one."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import time
from contextlib import suppress
from pathlib import Path


def own_cgroup() -> Path | None:
    """Where we are in the cgroup v2 hierarchy, if there is one."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            inside = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
            return Path(mount.split()[4], inside.removeprefix("0::/"))
    return None


def make_leaf(name: str) -> Path | None:
    """A new one below ours; `None` where that is not for us to do."""
    above = own_cgroup()
    if above is None:
        return None
    try:
        (above / name).mkdir()
    except OSError:
        return None
    return above / name


def members(leaf: Path) -> list[int]:
    return [int(pid) for pid in (leaf / "cgroup.procs").read_text().split()]


def remove_leaf(leaf: Path) -> None:
    """And whoever is in it."""
    with suppress(OSError):
        (leaf / "cgroup.kill").write_text("1")
    end = time.monotonic() + 5
    while leaf.exists():
        try:
            leaf.rmdir()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.01)


def open_directory(leaf: Path) -> int:
    return os.open(leaf, os.O_RDONLY | os.O_DIRECTORY)
