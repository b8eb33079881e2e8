"""Who is related to whom, in a look at all processes of the machine."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

from regrow._edge.survivors.identity import Facts, look


def relatives_of(everyone: Iterable[Facts]) -> defaultdict[int, list[Facts]]:
    """Whose child, or a member of whose group or session, everybody is."""
    found = defaultdict[int, list[Facts]](list)
    for facts in everyone:
        for number in {facts.parent, facts.group, facts.session} - {0, facts.pid}:
            found[number].append(facts)
    return found


def above_us() -> Iterator[Facts]:
    """Our own parent, its parent, and so on."""
    facts = look(os.getppid())
    while facts is not None:
        yield facts
        facts = look(facts.parent) if facts.parent else None


def is_ours(facts: Facts | None) -> bool:
    """Whether it is we, or descends from us: whatever it carries, it is of now."""
    while facts is not None and facts.pid != os.getpid():
        facts = look(facts.parent) if facts.parent else None
    return facts is not None


def is_below(place: str, top: str) -> bool:
    """Whether *place* is *top* or below it, among the control groups: line by line."""
    tops, places = _paths(top), _paths(place)
    return all(f"{places.get(name, '')}/".startswith(f"{path.rstrip('/')}/") for name, path in tops.items())


def _paths(groups: str) -> dict[str, str]:
    """The path in each hierarchy: `NUMBER:NAMES:PATH`, of which only the path may have colons in it."""
    parts = [line.split(":", 2) for line in groups.splitlines()]
    return {number: path for number, _, path in parts}
