"""The time that a child has for getting ready: it can be extended, and it holds while the child is paused."""

from __future__ import annotations

import trio


class Patience:
    """A deadline, kept by `scope`."""

    def __init__(self, deadline: float) -> None:
        self.scope = trio.CancelScope(deadline=deadline)
        """Cancelled when the time is over."""
        self.was_extended = False
        """Whether it has become longer than it was meant to be."""
        self._left: float | None = None  # seconds, while it holds

    def hold(self) -> None:
        """The clock stands still from now on."""
        if self._left is None:
            self._left = self.scope.deadline - trio.current_time()
            self.scope.deadline = float("inf")

    def go_on(self) -> None:
        """It goes on."""
        if self._left is not None:
            self.scope.deadline = trio.current_time() + self._left
            self._left = None

    def extend(self, seconds: float) -> None:
        """At least so many seconds are left from now on."""
        now = trio.current_time()
        left = self.scope.deadline - now if self._left is None else self._left
        if seconds <= left:
            return
        self.was_extended = True
        if self._left is None:
            self.scope.deadline = now + seconds
        else:
            self._left = seconds
