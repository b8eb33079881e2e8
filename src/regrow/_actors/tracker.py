"""Something to touch, for a callback to ask: when was it touched last?"""

from __future__ import annotations

import time


class ActivityTracker:
    """Remembers when something happened last, on the monotonic clock. Any thread may touch it and ask it.

    It is a callback itself: `Callback(tracker)`; or give it away as `Callback(tracker.get_last_activity)`.
    """

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._requests = 0

    def touch(self) -> None:
        """It is active now."""
        self._last = time.monotonic()

    def update_request(self) -> None:
        """It has served a request: that is counted, and it is active now."""
        self._requests += 1
        self.touch()

    @property
    def requests(self) -> int:
        """How many requests it has served."""
        return self._requests

    def get_last_activity(self) -> float:
        """When it was active last, as `time.monotonic()` has it; at first, when it was made."""
        return self._last

    def __call__(self) -> float:
        """The same."""
        return self._last
