"""Threads that write, because writing may block: a terminal can be held by Ctrl-S for hours."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread, current_thread

import trio

_LOOK = 250  # milliseconds between two questions whether a place that does not take anything is still wanted


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
            # A pipe or terminal that is ready takes this much without blocking, also if others write to it, so
            # that this thread can be ended while it waits.
            step = len(data) if stat.S_ISREG(os.fstat(fd).st_mode) else select.PIPE_BUF
            while left and self._wait_writable(fd):
                with suppress(BlockingIOError):
                    left = left[os.write(fd, left[:step]) :]
        return len(left)

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Have *call* called on trio's thread."""
        with suppress(trio.RunFinishedError):  # this thread was stuck for so long that nobody waits for it any more
            self._token.run_sync_soon(call, *args)

    def _wait_writable(self, fd: int) -> bool:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while not self._is_hopeless:
            if poll.poll(_LOOK):
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
