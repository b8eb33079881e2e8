"""The contestants of our own making: the C loop, trio alone, and regrow with each kind of guardian."""

from __future__ import annotations

import sys

from benchmarks.contestant import Driven, Kind, python
from benchmarks.workshop import DRIVERS, Workshop

sys.path.insert(0, str(DRIVERS))  # its files import one another when they are run as programs

import level

FLOOR = "C loop"
COMPILED, PYTHON, GROUP = "regrow", "regrow, Python guardian", "regrow, group only"
LEVELS = {COMPILED: "compiled", PYTHON: "python", GROUP: "none"}


def floors(shop: Workshop) -> list[Driven]:
    """What nobody can be much quicker than, and the same with another system call."""
    return [
        Driven(FLOOR, Kind.FLOOR, [str(shop.floor), "vfork"]),
        Driven("C loop, posix_spawn", Kind.FLOOR, [str(shop.floor), "spawn"]),
    ]


def ours() -> list[Driven]:
    """trio and regrow. A guardian in Python is a process of some megabytes, so there are fewer of them."""
    is_missing = "" if level.can_be_chosen() else "this regrow has no guardians yet"
    return [
        Driven("trio alone", Kind.OURS, python("bare_trio")),
        Driven(COMPILED, Kind.OURS, python("regrow_tree", "compiled"), is_missing=is_missing),
        Driven(PYTHON, Kind.OURS, python("regrow_tree", "python"), most=1000, is_missing=is_missing),
        Driven(GROUP, Kind.OURS, python("regrow_tree", "none")),
    ]
