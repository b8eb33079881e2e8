"""Has many processes read at once, in one worker thread. Nothing that hangs there holds up the event loop, or the next.

A reader keeps what it has opened. It belongs to the thread as long as one is reading; in between to us. A reading that
does not come back in time is left to itself, with its reader: whatever it has open, its thread gives back when it ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import trio

from regrow._edge.sampling.subject import Reader, Subject
from regrow._specs.protocol import Key, Sample

_MOST = 5.0  # seconds that one reading may take


class Sampler:
    """Takes samples of many at once."""

    def __init__(self, make: Callable[[], Reader] | None = None) -> None:
        self._make = make or make_reader
        self._shift: _Shift | None = None

    async def read(self, subjects: Sequence[Subject]) -> dict[Key, Sample]:
        """One reading of each; who is gone, or cannot be read, is left out. Bounded."""
        if self._shift is None:
            self._shift = _Shift(self._make())
        shift = self._shift
        with trio.move_on_after(_MOST):
            return await trio.to_thread.run_sync(shift.read, subjects, abandon_on_cancel=True, limiter=shift.limiter)
        if self._shift is shift:
            self._shift = self._relieve(shift)
        return {}

    def forget(self, key: Key) -> None:
        """It is gone: give back what is kept of it, now or after this reading."""
        if self._shift is not None:
            self._shift.forget(key)

    def close(self) -> None:
        """Give everything back, now or when the thread is done that is reading."""
        if self._shift is not None:
            self._shift.end()
            self._shift = None

    def _relieve(self, shift: _Shift) -> _Shift:
        """The kernel does not answer: somebody else goes on, and does not ask the same."""
        shift.end()
        reader = self._make()
        if shift.reader.at is not None:
            reader.shun(shift.reader.at)
        return _Shift(reader)


class _Shift:
    """A reader, and whether it is at work."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.limiter = trio.CapacityLimiter(1)
        self._over: list[Key] = []
        self._has_ended = False

    @property
    def _is_busy(self) -> bool:
        return self.limiter.borrowed_tokens > 0

    def read(self, subjects: Sequence[Subject]) -> dict[Key, Sample]:
        """In the thread."""
        try:
            self._tidy_up()
            return {} if self._has_ended else self.reader.read(subjects)
        finally:
            self._tidy_up()

    def _tidy_up(self) -> None:
        while self._over:
            self.reader.drop(self._over.pop())
        if self._has_ended:
            self.reader.close()

    def forget(self, key: Key) -> None:
        self._over.append(key)
        if not self._is_busy:
            self._tidy_up()

    def end(self) -> None:
        self._has_ended = True
        if not self._is_busy:
            self._tidy_up()


def make_reader() -> Reader:
    """The best one for this POSIX system."""
    if sys.platform == "linux":
        from regrow._edge.sampling.proc import ProcReader, has_children_lists  # noqa: PLC0415

        if has_children_lists():
            return ProcReader()
    from regrow._edge.sampling.scanning import ScanningReader  # noqa: PLC0415

    return ScanningReader()
