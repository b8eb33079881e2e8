"""Small trees for tests: specs in one line, without backoff unless it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from regrow._specs.child import ChildSpec
from regrow._specs.supervisor import AnySpec, DynamicSpec, SupervisorSpec

GROUPS = ("one_for_all", "rest_for_one")


def child(name: str, restart: str = "permanent", **fields: Any) -> ChildSpec:
    """A process."""
    return ChildSpec(**{"name": name, "command": ["program", name], "restart": restart, "backoff": None, **fields})


def children(names: str, restart: str = "permanent", **fields: Any) -> list[ChildSpec]:
    """Processes, one for each of *names*."""
    return [child(name, restart, **fields) for name in names.split()]


def tree(*specs: AnySpec | str | Iterable[AnySpec], strategy: str = "one_for_one", **fields: Any) -> SupervisorSpec:
    """A supervisor; a string stands for permanent children with these names. It tolerates 10 restarts."""
    found: list[AnySpec] = []
    for spec in specs:
        match spec:
            case str():
                found += children(spec)
            case Iterable():
                found += spec
            case _:
                found.append(spec)
    defaults = {"name": "top", "strategy": strategy, "max_restarts": 10, "backoff": None}
    return SupervisorSpec(**{**defaults, "children": found, **fields})


def dynamic(restart: str = "permanent", **fields: Any) -> DynamicSpec:
    """A dynamic supervisor whose template has this restart type."""
    significant = fields.pop("significant_template", False)
    template = child("worker", restart, significant=significant)
    return DynamicSpec(**{"name": "pool", "template": template, "max_restarts": 10, "backoff": None, **fields})
