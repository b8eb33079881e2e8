"""A sink that adds up one run, to the end: then everything is stopped, and that is told too."""

from __future__ import annotations

from collections import Counter, defaultdict

from regrow._specs.event import ChildExited, ChildReady, ChildStarted, Event, SupervisorGaveUp


class Count:
    """How often each child was started again, and for how long it was ready; who gave up."""

    def __init__(self) -> None:
        self.restarts: Counter[str] = Counter()
        self.ready_for: defaultdict[str, float] = defaultdict(float)
        self.gave_up: set[str] = set()
        self._ready_since: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Add an event."""
        match event:
            case ChildStarted():
                self.restarts[event.path] += event.incarnation > 1
            case ChildReady():
                self._ready_since[event.path] = event.at
            case ChildExited():  # what is stopped dies at once here
                self._end(event.path, event.at)
            case SupervisorGaveUp():
                self.gave_up.add(event.path)
            case _:
                pass

    def _end(self, path: str, now: float) -> None:
        since = self._ready_since.pop(path, None)
        if since is not None:
            self.ready_for[path] += now - since
