"""Sources that know at once, because they are told: heartbeats, and what a child prints."""

from __future__ import annotations

from collections.abc import Callable

import trio

from regrow._edge.notify import Notifications
from regrow._specs.activity import Output
from regrow._specs.protocol import Stream


class Beats:
    """Heartbeats by the notify protocol."""

    def __init__(self, heard: Notifications) -> None:
        self.name = "heartbeat"
        self._heard = heard

    @property
    def at(self) -> float | None:
        """When it beat last, on the run's clock; `None`: never."""
        self._heard.look()
        return self._heard.last_beat


class Pulses:
    """Heartbeats by a pipe."""

    def __init__(self, read: Callable[[], float | None]) -> None:
        self.name = "heartbeat"
        self._read = read

    @property
    def at(self) -> float | None:
        """When it beat last, on the run's clock; `None`: never."""
        return self._read()


class Prints:
    """What it prints."""

    def __init__(self, spec: Output) -> None:
        self.name = str(spec)
        self.at: float | None = None
        """When it printed last, on the run's clock; `None`: never."""
        self._stream = spec.stream

    def hear(self, stream: Stream) -> None:
        """It has printed to *stream*."""
        if self._stream in {None, stream}:
            self.at = trio.current_time()
