"""From what a test asks for, which may be a command, to the spec of a tree.

What is made from a command has the settings of a test: nothing is restarted, so the end of a child that nobody asked
for is an error, with its story; ten seconds for a start, five for a stop; what it prints is kept, not shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, TypeAlias

from regrow._specs.child import ChildSpec
from regrow._specs.readiness import TcpPort
from regrow._specs.supervisor import AnySupervisorSpec, DynamicSpec, SupervisorSpec
from regrow.testing._fixtures.places import Places

Given: TypeAlias = AnySupervisorSpec | ChildSpec | str | Sequence[str]
What: TypeAlias = Given | Callable[[Places], Given]
"""A spec, a command, or a function of the places that makes one of them."""

START_TIMEOUT, GRACE = 10.0, 5.0


def tree_of(what: What, places: Places, options: dict[str, Any]) -> AnySupervisorSpec:
    """The tree to run, with its placeholders filled in.

    Raises:
        TypeError: there are *options*, and they are for commands only.
    """
    given = what(places) if callable(what) else what
    if isinstance(given, str | Sequence):
        return _of_command(given, places, dict(options))
    if options:
        raise TypeError(f"{', '.join(options)}: only for commands; a spec has it all")
    if isinstance(given, SupervisorSpec | DynamicSpec):
        return places.fill(given)
    return _around(given, places, 0)


def _of_command(command: str | Sequence[str], places: Places, options: dict[str, Any]) -> SupervisorSpec:
    words = shlex.split(command) if isinstance(command, str) else list(command)
    name = options.pop("name", None) or _name_of(words)
    max_restarts = options.pop("max_restarts", 3 if "restart" in options else 0)
    if options.get("ready") == "port":
        options["ready"] = TcpPort(places.port(name))
    fields: dict[str, Any] = {
        "restart": "transient",
        "start_timeout": START_TIMEOUT,
        "stop": GRACE,
        "output": "discard",
    }
    fields |= {"name": name, "command": words, **options}
    return _around(ChildSpec(**fields), places, max_restarts)


def _around(child: ChildSpec, places: Places, max_restarts: int) -> SupervisorSpec:
    return SupervisorSpec(name="test", max_restarts=max_restarts, children=[places.fill_child(child)])


def _name_of(words: Sequence[str]) -> str:
    stem = PurePath(words[0]).name if words else ""
    return "".join(letter for letter in stem if letter.isascii() and (letter.isalnum() or letter in "._-")) or "child"
