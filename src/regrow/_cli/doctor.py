"""`regrow doctor`: what this machine gives, what it promises, and what is missing."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

import attrs

from regrow._edge.machine.facts import Layer, Limit, Machine
from regrow._edge.machine.looking import look_at_machine

_WIDEST = 120


def doctor(*, as_json: bool = False) -> int:
    """Look, and print what is found; the exit code says whether nothing survives the supervisor here."""
    machine = look_at_machine()
    print(json.dumps(told(machine), indent=2) if as_json else "\n".join(lines(machine)))
    return 0 if machine.is_safe else 1


def told(machine: Machine) -> dict[str, object]:
    """All of it, for programs."""
    tightest = machine.tightest
    return {
        "safe": machine.is_safe,
        "containment": machine.containment,
        "facts": dict(machine.facts),
        "layers": [_renamed(attrs.asdict(layer)) for layer in machine.layers],
        "limits": [{**attrs.asdict(limit), "children": limit.children} for limit in machine.limits],
        "children": None if tightest is None else tightest.children,
    }


def lines(machine: Machine) -> Iterator[str]:
    """All of it, for people."""
    width = max(len(name) for name in machine.facts)
    yield from (f"{name:<{width}}  {fact}" for name, fact in machine.facts.items())
    yield ""
    yield "What keeps a process tree in one place:"
    width = max(len(layer.name) for layer in machine.layers)
    for layer in machine.layers:
        yield from _of_layer(layer, width)
    if machine.limits:
        yield ""
        yield "How many children there can be at once, if nobody else needs any of it:"
        yield from _of_limits(machine.limits)
    yield ""
    yield from _verdict(machine)


def _of_layer(layer: Layer, width: int) -> Iterator[str]:
    yield f"  {'yes' if layer.is_there else 'NO ':<3}  {layer.name:<{width}}  {layer.promise}"
    indent = " " * (width + 9)
    yield from textwrap.wrap(layer.detail, _WIDEST, initial_indent=indent, subsequent_indent=indent)


def _of_limits(limits: tuple[Limit, ...]) -> Iterator[str]:
    width = max(len(limit.name) for limit in limits)
    for limit in limits:
        value = "no limit" if limit.value is None else f"{limit.value:,}"
        enough = "" if limit.children is None else f"  enough for {limit.children:,} children"
        yield f"  {limit.name:<{width}}  {value:>10}{enough}"


def _verdict(machine: Machine) -> Iterator[str]:
    yield f"By default a child is kept in one place by: {machine.containment}."
    if machine.is_safe:
        yield "Nothing survives the supervisor here."
    else:
        yield "WHAT LEAVES ITS PROCESS GROUP, AND ALL OF IT IF THE SUPERVISOR IS KILLED, SURVIVES HERE."
        yield "With a state directory (--state-dir), the next start ends what has survived."


def _renamed(layer: dict[str, object]) -> dict[str, object]:
    return {("there" if name == "is_there" else name): value for name, value in layer.items()}
