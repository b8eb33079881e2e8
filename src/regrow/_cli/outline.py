"""A tree in a few lines, for people."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator

from regrow._specs.child import ChildSpec
from regrow._specs.supervisor import AnySpec, DynamicSpec, Order, SupervisorSpec


def outline(spec: AnySpec) -> str:
    """One line for each spec, indented by its depth: what it is called, when it comes back, what it runs."""
    rows = list(_rows(spec, 0))
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:<{first}}  {kind:<{second}}  {text}" for name, kind, text in rows]
    return "\n".join(line.rstrip() for line in lines)


def _rows(spec: AnySpec, depth: int) -> Iterator[tuple[str, str, str]]:
    name = "  " * depth + spec.name
    if isinstance(spec, ChildSpec):
        yield name, spec.restart.value, _child(spec)
        return
    yield name, _kind(spec), f"at most {_restarts(spec)}"
    if isinstance(spec, SupervisorSpec):
        for child in spec.children:
            yield from _rows(child, depth + 1)
    elif spec.template is not None:
        yield from _rows(spec.template, depth + 1)


def _kind(spec: SupervisorSpec | DynamicSpec) -> str:
    if isinstance(spec, DynamicSpec):
        return "dynamic"
    together = ", together" if spec.order is Order.TOGETHER else ""
    return f"{spec.strategy.value}{together}"


def _restarts(spec: SupervisorSpec | DynamicSpec) -> str:
    count = "1 restart" if spec.max_restarts == 1 else f"{spec.max_restarts} restarts"
    return count if math.isinf(spec.window) else f"{count} in {spec.window:g} s"


def _child(spec: ChildSpec) -> str:
    words = " ".join(shlex.join(spec.command).split())  # a program given by -c has many lines
    words = words if len(words) <= 70 else f"{words[:67]}..."
    ready = f"  (ready: {spec.ready})" if spec.ready is not None else ""
    return f"{words}{ready}"
