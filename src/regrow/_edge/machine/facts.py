"""What there is on a machine, as plain values."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Layer:
    """One means to keep a process tree in one place."""

    name: str
    is_there: bool
    promise: str
    """What it is good for."""

    detail: str = ""
    """How it is found here; or why it is not there, and what can be done about that."""


@attrs.frozen(kw_only=True)
class Limit:
    """How many there may be of something."""

    name: str
    value: int | None
    """`None`: as many as one likes."""

    per_child: int
    """How many of it a child takes, with its output captured."""

    @property
    def children(self) -> int | None:
        """How many children that is enough for, if nobody else needs any."""
        return None if self.value is None else self.value // self.per_child


@attrs.frozen(kw_only=True)
class Machine:
    """What there is here."""

    facts: Mapping[str, str]
    containment: str
    """The layer that a child is behind that asks for nothing special."""

    layers: tuple[Layer, ...]
    limits: tuple[Limit, ...]

    @property
    def is_safe(self) -> bool:
        """Whether nothing survives the supervisor here."""
        return self.containment != "group"

    @property
    def tightest(self) -> Limit | None:
        """The limit that is reached first; `None`: there is none."""
        bounded = [limit for limit in self.limits if limit.children is not None]
        return min(bounded, key=lambda limit: limit.children or 0, default=None)
