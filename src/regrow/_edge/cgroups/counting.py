"""What the kernel has counted in a control group, and so of a whole process tree."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

from collections.abc import Callable
from contextlib import suppress

import attrs

from regrow._specs.exit import Usage

Read = Callable[[str], bytes]
"""The contents of a file of the group.

Raises:
    OSError: there is no such file.
"""


@attrs.frozen(kw_only=True)
class Counted:
    """What was counted; `None`: not here."""

    user: float | None = None
    system: float | None = None
    memory_peak: int | None = None
    tasks_peak: int | None = None
    oom_kills: int = 0

    def improve(self, usage: Usage) -> Usage:
        """*usage* as the kernel has counted it for the whole tree, where it has."""
        return attrs.evolve(
            usage,
            user=usage.user if self.user is None else self.user,
            system=usage.system if self.system is None else self.system,
            memory_peak=self.memory_peak,
            tasks_peak=self.tasks_peak,
        )


NOTHING = Counted()


def count(read: Read, controllers: frozenset[str]) -> Counted:
    """Read what there is. A file that the kernel is too old for is not there."""
    times = _pairs(read, "cpu.stat")
    has_memory = "memory" in controllers
    return Counted(
        user=_seconds(times, b"user_usec"),
        system=_seconds(times, b"system_usec"),
        memory_peak=_number(read, "memory.peak") if has_memory else None,
        tasks_peak=_number(read, "pids.peak") if "pids" in controllers else None,
        oom_kills=_pairs(read, "memory.events").get(b"oom_kill", 0) if has_memory else 0,
    )


def _pairs(read: Read, file: str) -> dict[bytes, int]:
    with suppress(OSError, ValueError):
        words = read(file).split()
        return dict(zip(words[::2], map(int, words[1::2]), strict=True))
    return {}


def _number(read: Read, file: str) -> int | None:
    with suppress(OSError, ValueError):
        return int(read(file))
    return None


def _seconds(times: dict[bytes, int], name: bytes) -> float | None:
    return times[name] / 1e6 if name in times else None
