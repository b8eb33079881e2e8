"""A series of stops, then of starts, during which its members are nobody else's business."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

import attrs

from regrow._decisions.entries import Entry
from regrow._decisions.verdicts import End
from regrow._specs.exit import Exit


@attrs.frozen
class Boot:
    """The first start of all children."""


@attrs.frozen
class Clear:
    """The siblings are stopped; then the backoff of *name* begins."""

    name: str
    delay: float


@attrs.frozen
class Bounce:
    """An attempt to restart *name*, with the siblings that share it."""

    name: str


@attrs.frozen
class Answer:
    """A management call on *name*. If *is_new*, a failed start discards the entry."""

    call: object
    name: str
    is_new: bool = False


@attrs.frozen
class Shutdown:
    """Everything is stopped, and then the supervisor ends."""

    end: End


Purpose: TypeAlias = Boot | Clear | Bounce | Answer | Shutdown


@attrs.define(eq=False)
class Operation:
    """What is left of a series of stops and starts, and what is on its way."""

    purpose: Purpose
    to_stop: deque[str]
    """In the order of the stops."""

    to_start: deque[str]
    """In the order of the starts, which begin when all stops are over."""

    together: bool = False
    """All stops at once, then all starts at once; else one after the other."""

    stopping: set[str] = attrs.field(factory=set)
    starting: set[str] = attrs.field(factory=set)
    members: list[Entry] = attrs.field(factory=list)
    """Whom it has in hand, until they are released."""

    error: Exception | None = None
    """What the answer to a call will be."""

    failures: list[tuple[str, Exit]] = attrs.field(factory=list)
    """The starts that failed."""

    @classmethod
    def of(
        cls,
        purpose: Purpose,
        stops: Iterable[str] = (),
        starts: Iterable[str] = (),
        *,
        together: bool = False,
    ) -> Operation:
        """A series that has not begun."""
        return cls(purpose, deque(stops), deque(starts), together)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, and nothing is on its way."""
        return not (self.to_stop or self.to_start or self.stopping or self.starting)

    def awaits(self, name: str) -> bool:
        """Whether the start or the stop of *name* is on its way."""
        return name in self.starting or name in self.stopping

    def next_stop(self) -> str | None:
        """Take the next name to stop, if its turn has come."""
        if self.to_stop and (self.together or not self.stopping):
            return self.to_stop.popleft()
        return None

    def next_start(self) -> str | None:
        """Take the next name to start, if its turn has come."""
        if self.to_stop or self.stopping or not self.to_start:
            return None
        if self.starting and not self.together:
            return None
        return self.to_start.popleft()

    def drop_start(self, name: str) -> bool:
        """Leave *name* down, if its start has not begun; say whether that was so."""
        if name not in self.to_start:
            return False
        self.to_start.remove(name)
        return True

    def drop_stop(self, name: str) -> None:
        """Leave *name* alone, which is down already."""
        if name in self.to_stop:
            self.to_stop.remove(name)
