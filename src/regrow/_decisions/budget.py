"""How many restarts are too many: a sliding window over the moments of the restarts."""

from __future__ import annotations

from collections import deque

import attrs


@attrs.define
class Budget:
    """The restarts of one supervisor that count now. OTP: `add_restart`."""

    max_restarts: int
    window: float
    _moments: deque[float] = attrs.field(factory=deque, init=False)
    """Ascending; what has left the window is dropped when somebody looks."""

    def count(self, now: float) -> bool:
        """Count a restart at *now*, and say whether it is still within the limit.

        A restart exactly `window` seconds ago counts, as in OTP's whole seconds.
        """
        self._moments.append(now)
        self._forget(now)
        return len(self._moments) <= self.max_restarts

    def left(self, now: float) -> int:
        """How many more are tolerated at *now*."""
        self._forget(now)
        return max(0, self.max_restarts - len(self._moments))

    def ages(self, now: float) -> tuple[float, ...]:
        """How many seconds before *now* each restart was that counts, oldest first."""
        self._forget(now)
        return tuple(now - moment for moment in self._moments)

    def __str__(self) -> str:
        plural = "" if self.max_restarts == 1 else "s"
        return f"more than {self.max_restarts} restart{plural} in {self.window:g} s"

    def _forget(self, now: float) -> None:
        while self._moments and now - self._moments[0] > self.window:
            self._moments.popleft()
