"""What all events have in common."""

from __future__ import annotations

from typing import Self

import attrs


@attrs.frozen
class Event:
    """Something that happened to the child or supervisor at `path`."""

    path: str
    """Where in the tree; `.` is the root."""

    seq: int = attrs.field(default=0, eq=False, kw_only=True)
    """Its number: 1 for the first event of the tree, without gaps."""

    at: float = attrs.field(default=0.0, eq=False, kw_only=True, repr=False)
    """When, on the run's own clock, in seconds."""

    time: float = attrs.field(default=0.0, eq=False, kw_only=True, repr=False)
    """When, in seconds since 1970, for people to read; clocks step, so never compare two of them."""

    def stamped(self, seq: int, at: float, time: float) -> Self:
        """It with its number and its moments: itself, if it has none, because nobody has seen it before."""
        stamped = attrs.evolve(self) if self.seq else self
        for name, value in (("seq", seq), ("at", at), ("time", time)):
            object.__setattr__(stamped, name, value)  # a copy of each event would be the dearest part of announcing it
        return stamped
