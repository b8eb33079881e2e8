"""Control groups of a test's own, where this machine lets us make some, and programs that run in them."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from regrow._edge.cgroups.place import Place, find_cgroup

PATIENCE = 10.0
NOBODY = 65534

PREAMBLE = f"""
import os, sys
from regrow._edge.cgroups.place import find_cgroup
def drop(user={NOBODY}):
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
"""
"""Lines for a program that needs them: who becomes somebody else has imported before."""


def own_place() -> Place | str:
    """Where groups can be made here, or why not."""
    return find_cgroup(environ={})


class Ground:
    """A group in which a test does as it likes."""

    def __init__(self, above: str) -> None:
        self.path = Path(above, f"regrow-test-{secrets.token_hex(4)}")
        self.path.mkdir()

    @property
    def place(self) -> Place:
        """It, as a place."""
        return Place(str(self.path), is_own=False)

    def make(self, name: str) -> Path:
        """A group in it."""
        path = self.path / name
        path.mkdir()
        return path

    def run(self, *lines: str, within: str = "", prefix: Sequence[str] = (), **options) -> str:
        """What a program of some lines prints that runs in it, or in the group *within* it."""
        command = [sys.executable, "-c", "\n".join([PREAMBLE, *lines])]
        done = subprocess.run(
            [*enter(self.path / within), *prefix, *command], capture_output=True, text=True, timeout=60, **options
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def give_to(self, user: int, name: str = "") -> None:
        """Delegate it, as systemd does."""
        for file in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
            os.chown(self.path / name / file, user, user)

    def inside(self) -> list[str]:
        """The names of all groups in it."""
        return sorted(path.name for path in self.path.iterdir() if path.is_dir())

    def remove(self) -> None:
        """With all that is in it."""
        (self.path / "cgroup.kill").write_text("1")
        remove_tree(self.path)


def remove_tree(path: Path) -> None:
    """Remove a group whose processes are being killed, with all below it."""
    deadline = time.monotonic() + PATIENCE
    for directory, _, _, fd in os.fwalk(path, topdown=False):
        del fd
        while os.path.exists(directory):
            with suppress(OSError):
                os.rmdir(directory)
                break
            assert time.monotonic() < deadline, directory
            time.sleep(0.005)


def enter(path: Path) -> list[str]:
    """The beginning of a command that runs in the group *path*."""
    return ["/bin/sh", "-c", 'echo 0 > "$0" && exec "$@"', str(path / "cgroup.procs")]


def sleep_in(path: Path) -> subprocess.Popen[bytes]:
    """A process in the group *path*."""
    process = subprocess.Popen([*enter(path), "/bin/sleep", "1000"])
    while process.pid not in members(path):
        assert process.poll() is None
        time.sleep(0.001)
    return process


def members(path: Path) -> list[int]:
    """Who is in a group."""
    return [int(pid) for pid in (path / "cgroup.procs").read_text().split()]


def groups_of(pid: int) -> str:
    """The group of version 2 that a process is in."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))


class Unkillable:
    """Holds a process so that not even SIGKILL ends it: by the freezer of version 1, where a machine has that."""

    ROOT = Path("/sys/fs/cgroup/freezer")

    def __init__(self, pid: int) -> None:
        self.path = self.ROOT / f"regrow-test-{secrets.token_hex(4)}"
        self.path.mkdir()
        (self.path / "cgroup.procs").write_text(str(pid))
        (self.path / "freezer.state").write_text("FROZEN")
        deadline = time.monotonic() + PATIENCE
        while (self.path / "freezer.state").read_text() != "FROZEN\n":
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def let_go(self) -> None:
        """From now on it can be ended."""
        (self.path / "freezer.state").write_text("THAWED")

    def remove(self) -> None:
        """Whoever was in it is to be gone."""
        self.let_go()
        for pid in map(int, (self.path / "cgroup.procs").read_text().split()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        remove_tree(self.path)

    @classmethod
    def can_be(cls) -> bool:
        """Whether this machine has it."""
        return os.access(cls.ROOT / "cgroup.procs", os.W_OK) and os.geteuid() == 0
