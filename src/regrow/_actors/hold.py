"""Whether one process is held still."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from regrow._specs import event as events
from regrow.exceptions import PlatformNotSupportedError

if TYPE_CHECKING:
    from regrow._actors.process import Process


class Hold:
    """Whether one process is held still."""

    __slots__ = ("_process", "_since", "_total", "is_own")

    def __init__(self, process: Process) -> None:
        self.is_own = False
        """Whether it was paused by itself, whatever is above it."""
        self._process = process
        self._since: float | None = None
        self._total = 0.0

    @property
    def is_held(self) -> bool:
        """Whether it is."""
        return self._since is not None

    @property
    def lasts(self) -> float | None:
        """For how many seconds it has been; `None`: it is not."""
        return None if self._since is None else trio.current_time() - self._since

    @property
    def total(self) -> float:
        """For how many seconds it has been in all."""
        return self._total + (self.lasts or 0.0)

    def begin(self) -> None:
        """Hold it still. It runs, and is not held.

        Raises:
            PlatformNotSupportedError: this system cannot; nothing was touched.
            OSError: it is not ours to signal.
        """
        process = self._process
        assert process.running is not None
        process.running.pause()
        self._since = trio.current_time()
        process.signs.hold()
        process.tree.announce(events.ChildPaused(process.key.path, process.key.incarnation))

    def begin_with_others(self) -> None:
        """It has just been launched: hold it still, if a supervisor above it was paused meanwhile."""
        if self._process.tree.pauses.holder(self._process.key.path) is not None:
            with suppress(PlatformNotSupportedError, OSError):  # then it runs; whoever has paused was told so
                self.begin()

    def end(self) -> None:
        """Let it go on. It is held.

        Raises:
            OSError: it is not ours to signal.
        """
        process = self._process
        assert process.running is not None
        process.running.resume()
        paused_for = self.drop()
        process.signs.go_on()
        process.tree.limiter.go_on(process, paused_for)
        process.tree.announce(events.ChildResumed(process.key.path, process.key.incarnation, paused_for))

    def drop(self) -> float:
        """It is being stopped, or gone, or goes on; for how many seconds it was held."""
        paused_for = self.lasts or 0.0
        self._total += paused_for
        self._since = None
        self.is_own = False
        return paused_for
