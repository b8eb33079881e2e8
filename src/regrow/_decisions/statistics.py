"""Numbers from events: how often what has happened, to each path and below it."""

from __future__ import annotations

from collections import Counter

import attrs

from regrow._specs import event as events
from regrow._specs.exit import Reason
from regrow._specs.status import Statistics

_PLAIN: dict[type[events.Event], str] = {
    events.ChildStarted: "launches",
    events.ChildReady: "ready",
    events.ChildStartFailed: "starts_failed",
    events.RestartScheduled: "restarts",
    events.ChildStuck: "stuck",
    events.SupervisorGaveUp: "gave_up",
}


@attrs.define
class Counters:
    """The numbers of a whole tree. What is forgotten goes on counting for its supervisor."""

    _counts: dict[str, Counter[str]] = attrs.field(factory=dict, init=False)

    def add(self, event: events.Event) -> None:
        """Count *event*."""
        match event:
            case events.ChildExited(exit=exit):
                self._add_exit(event.path, exit.reason, killed=exit.killed)
            case events.ChildDeleted() | events.ChildForgotten():
                self._fold(event.path)
            case _:
                if name := _PLAIN.get(type(event)):
                    self._of(event.path)[name] += 1

    def below(self, path: str, running: int) -> Statistics:
        """The numbers of *path* and all below it."""
        total: Counter[str] = Counter()
        for where, counts in self._counts.items():
            if path in {".", where} or where.startswith(f"{path}/"):
                total.update(counts)
        return Statistics(running=running, **total)

    def _add_exit(self, path: str, reason: Reason, *, killed: bool) -> None:
        counts = self._of(path)
        counts["exits"] += 1
        counts["crashes"] += reason.is_abnormal
        counts["stops"] += reason is Reason.STOPPED
        counts["kills"] += killed

    def _fold(self, path: str) -> None:
        parent = path.rpartition("/")[0] or "."
        for where in [w for w in self._counts if w == path or w.startswith(f"{path}/")]:
            self._of(parent).update(self._counts.pop(where))

    def _of(self, path: str) -> Counter[str]:
        return self._counts.setdefault(path, Counter())
