"""A thread that writes lines, because writing may block: a terminal can be held by Ctrl-S for hours.

Lines are put into a queue with a bound and written as many at a time as there are. What does not fit is dropped, and
how many lines that were is said in the place where they are missing.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from threading import Condition, Thread

_NOBODY = {errno.EPIPE, errno.EIO, errno.EBADF}  # a reader who has gone, a terminal that has, a closed descriptor

LIMIT = 8 * 1024 * 1024
"""The most bytes that wait: so much that nothing is lost on a reader who is merely slow for a moment."""


class LineWriter:
    """Lines for one descriptor. A reader who has gone (a broken pipe) ends the writing, and nothing else."""

    def __init__(
        self, fd: int, *, say_dropped: Callable[[int], str], encoding: str = "utf-8", limit: int = LIMIT
    ) -> None:
        self._fd = fd
        self._say_dropped = say_dropped
        self._encoding = encoding
        self._limit = limit
        self._changed = Condition()  # around all that follows: both sides change it
        self._waiting = bytearray()
        self._dropped = 0
        self._is_closing = False
        self._is_broken = False
        self._thread = Thread(target=self._serve, name="regrow line writer", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Have *line* written. Never blocks."""
        with self._changed:
            if self._is_broken:
                return
            data = self._encoded(line)
            if len(self._waiting) + len(data) > self._limit:
                self._dropped += 1
                return
            self._admit_to_loss()
            self._waiting += data
            self._changed.notify()

    def close(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    def wait(self, timeout: float) -> bool:
        """After `close`: wait until all is written, at most for *timeout* seconds. Blocks."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _encoded(self, line: str) -> bytes:
        return f"{line}\n".encode(self._encoding, "backslashreplace")

    def _admit_to_loss(self) -> None:
        if self._dropped:
            self._waiting += self._encoded(self._say_dropped(self._dropped))
            self._dropped = 0

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while data := self._take():
            try:
                _write_all(self._fd, data)
            except OSError as error:
                self._lose(data, is_over=error.errno in _NOBODY)

    def _take(self) -> bytes:
        """All that waits; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            self._admit_to_loss()
            data, self._waiting = bytes(self._waiting), bytearray()
            return data

    def _lose(self, data: bytes, *, is_over: bool) -> None:
        """*data* could not be written: not now, as on a full disk, or never again."""
        with self._changed:
            self._dropped += data.count(b"\n")
            self._is_broken = is_over
            if is_over or self._is_closing:
                self._dropped = 0
                self._waiting.clear()


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:  # whoever shares the terminal with us can make it so; wait as if it blocked
            select.select([], [fd], [])
