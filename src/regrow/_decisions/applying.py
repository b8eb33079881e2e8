"""What it takes to turn a running supervisor into the one of a new spec, with the fewest starts and stops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from regrow._specs.child import ChildSpec
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, SupervisorSpec

_IN_PLACE = {
    "restart",
    "significant",
    "autostart",
    "stop",
    "success_codes",
    "success_signals",
    "backoff",
    "ready",
    "start_timeout",
    "limits",
}
"""Fields of a child that a living process does not notice: they matter at its next start, or at its end."""


@attrs.frozen(kw_only=True)
class Plan:
    """The steps, each in the order in which they are taken."""

    removed: tuple[str, ...] = ()
    """Stopped, then deleted; in reverse start order."""

    replaced: tuple[str, ...] = ()
    """Stopped before the new spec is taken over, and started again after; in new start order."""

    added: tuple[str, ...] = ()
    """Started after the new spec was taken over; in new start order."""

    changed: tuple[str, ...] = ()
    """Given their new spec without being touched."""

    nested: tuple[str, ...] = ()
    """Supervisors that stay, and apply their own new spec."""

    @property
    def stopped(self) -> tuple[str, ...]:
        """All that are stopped."""
        return self.removed + self.replaced


def plan(old: Mapping[str, AnySpec], new: AnySupervisorSpec) -> Plan:
    """What to do with the entries *old*, in their start order, so that they become those of *new*.

    A dynamic supervisor keeps its children: they come from calls, not from its spec.
    """
    if not isinstance(new, SupervisorSpec):
        return Plan()
    wanted = {child.name: child for child in new.children}
    stays = {name: old[name] for name in wanted if name in old}
    return Plan(
        removed=tuple(name for name in reversed(list(old)) if name not in wanted),
        replaced=_where(stays, lambda name: _is_replaced(old[name], wanted[name])),
        added=tuple(name for name in wanted if name not in old),
        changed=_where(stays, lambda name: old[name] != wanted[name] and _is_changed(old[name], wanted[name])),
        nested=_where(stays, lambda name: old[name] != wanted[name] and _is_nested(old[name], wanted[name])),
    )


def _where(names: Iterable[str], condition: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(name for name in names if condition(name))


def _is_replaced(old: AnySpec, new: AnySpec) -> bool:
    return old != new and not _is_changed(old, new) and not _is_nested(old, new)


def _is_changed(old: AnySpec, new: AnySpec) -> bool:
    """Whether both are processes that differ only in what a living one does not notice."""
    if not isinstance(old, ChildSpec) or not isinstance(new, ChildSpec):
        return False
    fields = [field.name for field in attrs.fields(ChildSpec) if field.name not in _IN_PLACE]
    return all(getattr(old, name) == getattr(new, name) for name in fields)


def _is_nested(old: AnySpec, new: AnySpec) -> bool:
    """Whether both are supervisors of the same kind."""
    return type(old) is type(new) and not isinstance(old, ChildSpec)
