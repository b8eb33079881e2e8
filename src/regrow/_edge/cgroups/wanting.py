"""Who gets a control group: whoever might get out of the reach of guardians that may not signal everybody.

A guardian ends whatever descends from its child, provably, unless that has become another user whom it may not
signal. Behind a guardian with that right (root's), or with descendants that cannot change their user, a group would
end nobody else; and it costs: see docs/explanation/cgroups.md for how much.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from contextlib import suppress
from pathlib import Path

from regrow._edge.orders.setup import Setup

_CAP_KILL = 1 << 5


def wants_leaf(setup: Setup, *, are_for_all: bool) -> bool:
    """Whether a child gets a group: it demands the surest end, becomes another user, or might bring forth one."""
    becomes_another = setup.who is not None and setup.who.user is not None
    return setup.proven or becomes_another or (are_for_all and not setup.no_new_privs)


def are_for_all(status: str = "/proc/self/status") -> bool:
    """Whether any child may bring forth what its guardian may not signal."""
    facts = _facts(status)
    if facts.get("NoNewPrivs") == "1":  # neither we nor whatever comes of us can become another user
        return False
    held = "CapEff" if os.geteuid() == 0 else "CapAmb"  # what a guardian has when it has been executed
    return not int(facts.get(held, "0"), 16) & int(facts.get("CapBnd", "0"), 16) & _CAP_KILL


def _facts(status: str) -> dict[str, str]:
    with suppress(OSError):
        lines = Path(status).read_text(encoding="utf-8", errors="replace").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}
