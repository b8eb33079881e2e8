"""Threads that write, because writing may block: a terminal can be held by Ctrl-S for hours."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread, current_thread

import trio

_LOOK = 250  # milliseconds between two questions whether a place that does not take anything is still wanted

if sys.platform == "win32":
    STEP = 4096
    """Bytes that are written at once."""

    def is_writable(fd: int) -> bool:
        """Nothing here can say so: a place that takes nothing holds its thread for as long as we live."""
        return True

else:
    import select

    STEP = select.PIPE_BUF
    """Bytes that are written at once: a pipe or terminal that is ready takes so many, also if others write to it."""

    def is_writable(fd: int) -> bool:
        """Whether a write would not block, now or in a moment."""
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        return bool(poll.poll(_LOOK))


class Writer:
    """A thread that writes, for one place or several, started with the first piece of work."""

    def __init__(self, when_ended: Callable[[Writer], None], *, is_private: bool = False) -> None:
        self._is_private = is_private
        self._token = trio.lowlevel.current_trio_token()
        self._when_ended = when_ended
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_ended = False
        self._is_hopeless = False

    def put(self, work: Callable[[], None]) -> None:
        """Have *work* done in the thread, after what was put before."""
        self._work.put(work)
        if self._thread is None:
            thread = Thread(target=self._serve, name="regrow writer", daemon=True)
            with suppress(RuntimeError):  # no room for a thread: perhaps with the next piece of work
                thread.start()
                self._thread = thread

    def leave(self) -> None:
        """One place less is written to: a writer that was for it alone ends."""
        if self._is_private:
            self.end()

    def end(self) -> None:
        """End the thread when it has done what was put."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._thread is None:
            self._when_ended(self)
        else:
            self._work.put(None)

    def despair(self) -> None:
        """Do not wait any longer for places that take nothing."""
        self._is_hopeless = True

    # -- in the thread -------------------------------------------------------------------------------------------------

    def write(self, fd: int, data: bytes) -> int:
        """Write *data*, however long it takes; return how many bytes of it could not be written."""
        left = memoryview(data)
        with suppress(OSError):
            # Not all at once: this thread is to be ended while it waits.
            step = len(data) if stat.S_ISREG(os.fstat(fd).st_mode) else STEP
            while left and self._wait_writable(fd):
                with suppress(BlockingIOError):
                    left = left[os.write(fd, left[:step]) :]
        return len(left)

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Have *call* called on trio's thread."""
        with suppress(trio.RunFinishedError):  # this thread was stuck for so long that nobody waits for it any more
            self._token.run_sync_soon(call, *args)

    def _wait_writable(self, fd: int) -> bool:
        while not self._is_hopeless:
            if is_writable(fd):
                return True
        return False

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        self.post(self._ended, current_thread())

    # -- on trio's thread ----------------------------------------------------------------------------------------------

    def _ended(self, thread: Thread) -> None:
        thread.join()  # it has nothing more to do
        self._when_ended(self)
