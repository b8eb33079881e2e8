"""Programs that do not want to be stopped, and the count of what is left of them.

Each process of theirs has a marker in its command line, which survives an emptied environment, a new session, a double
fork, and every fork without an exec. The count looks at all processes of the machine, and knows nothing of guardians.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import random
import time
from collections.abc import Sequence
from contextlib import suppress

Identity = tuple[int, int]
"""A process id, and when it started."""

HOPS = (
    "k=0; h='k=$((k+1)); n=0; f() {{ n=$((n+1)); [ $n -gt 900 ] || {{ f & exit; }}; "
    '[ $k -gt 1000 ] || exec sh -c "$h"; }}; f # {m}\'; export h k; sh -c "$h" & '
)  # dash ends a function that calls itself more than 1,000 times
FLIGHT = "n=0; f='n=$((n+1)); [ $n -gt 30000 ] || setsid sh -c \"$f\" & # {m}'; export f n; "
"""Who forks and ends, without pause: nobody can end him from outside, so he stops by himself after a minute or two."""

KINDS = {
    "plain": "exec sleep {m}",
    "member": "sleep {m} & exec sleep {m}",
    "deaf": "trap '' TERM INT HUP QUIT; sleep {m} & while :; do wait; sleep {m}; done",
    "stopped": "sleep {m} & kill -STOP $!; kill -STOP $$; sleep {m}",
    "session": "setsid sleep {m} & exec sleep {m}",
    "daemon": "(setsid sh -c 'sleep {m} & sleep {m}' &); exec sleep {m}",
    "scrubbed": "(env -i setsid sleep {m} &); exec sleep {m}",
    "wide": "for i in 1 2 3 4 5 6 7 8; do setsid sleep {m} & sleep {m} & done; exec sleep {m}",
    "chain": "n=0; f() {{ n=$((n+1)); [ $n -lt 30 ] && {{ f & exit; }}; exec setsid sleep {m}; }}; f & exec sleep {m}",
    "hopper": HOPS + "exec sleep {m}",
    "nomad": FLIGHT + 'setsid sh -c "$f" & exec sleep {m}',
}
"""By name: what `sh -c` runs. The main process stays."""

LEAVERS = {
    "leaver": "sleep {m} & exit 3",
    "daemon leaver": "(env -i setsid sleep {m} &); exit 3",
    "hopping leaver": HOPS + "exit 3",
}
"""Their main process ends by itself, at once, with 3."""


def new_marker() -> str:
    """Also a number of seconds that `sleep` understands, and that nobody will wait for."""
    return f"3600.{random.SystemRandom().randrange(10**11, 10**12)}"


def command(kind: str, marker: str) -> list[str]:
    return ["/bin/sh", "-c", {**KINDS, **LEAVERS}[kind].format(m=marker) + f" # {marker}"]


def alive(marker: str, *, guardians: bool = True) -> set[Identity]:
    """Who has *marker* in his command line (a zombie has none)."""
    found: set[Identity] = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            words = command_line(int(name))
            if marker in words and (guardians or f"guardian-{marker}" not in words):
                found.add((int(name), int(facts(int(name))[19])))
    return found


def command_line(pid: int) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().replace(b"\0", b" ").decode(errors="replace")


def facts(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: state, parent, group, session, ..., at 19 the start time.

    Raises:
        OSError: there is no such process.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].decode().split()


def children_of(pid: int, among: Sequence[Identity] | set[Identity]) -> list[int]:
    found = []
    for child, _ in among:
        with suppress(OSError):
            if int(facts(child)[1]) == pid:
                found.append(child)
    return found


def shims(nest: int, among: Sequence[Identity] | set[Identity]) -> list[int]:
    """Those of a nest that have a child to guard, not the one that it has in store."""
    return [pid for pid in children_of(nest, among) if name_of(pid) == "regrow-shim"]


def name_of(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm") as file:
        return file.read().strip()
    return ""


def wait_until_gone(marker: str, patience: float = 5.0) -> float:
    """Seconds until nobody is left.

    Raises:
        AssertionError: somebody is.
    """
    start = gone_at = time.monotonic()
    looks = 0
    while looks < 3:  # one who is just executing a program has no command line for a moment
        left = alive(marker)
        looks = 0 if left else looks + 1
        gone_at = time.monotonic() if left else gone_at
        assert gone_at - start < patience, f"left: {describe(left)}"
        time.sleep(0.002)
    return gone_at - start


def describe(identities: set[Identity]) -> list[str]:
    lines = []
    for pid, _ in identities:
        with suppress(OSError):
            lines.append(f"{pid} (state, parent, group: {facts(pid)[:3]}) {command_line(pid)[:80]}")
    return lines
