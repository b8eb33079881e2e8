"""The pipes of the Windows for tests."""

from __future__ import annotations

from collections import Counter

import trio
from tests.windows.dll import WindowsError

ROOM = 64 * 1024


class Null:
    """The null device."""

    def close(self):
        pass

    def again(self):
        return self


class Pipe:
    """Bytes on their way; it has an end when nobody holds the other one."""

    def __init__(self, soon):
        self.data = bytearray()
        self.holders = Counter()
        self._soon = soon
        self._changed = trio.Event()

    def has_changed(self):
        self._soon(self._tell)

    def _tell(self):
        self._changed.set()
        self._changed = trio.Event()

    async def read(self, size):
        await trio.lowlevel.checkpoint()
        while not self.data:
            if not self.holders["write"]:
                return b""
            await self._changed.wait()
        taken = bytes(self.data[:size])
        del self.data[:size]
        self.has_changed()
        return taken

    async def write(self, data):
        """All of it: a write is over when there was room for all."""
        left = bytes(data)
        await trio.lowlevel.checkpoint()
        while left:
            if not self.holders["read"]:
                raise PipeBrokenError
            if room := ROOM - len(self.data):
                self.data += left[:room]
                left = left[room:]
                self.has_changed()
            else:
                await self._changed.wait()
        return len(data)


class PipeBrokenError(WindowsError, BrokenPipeError):
    """What a write is told when nobody reads."""

    def __init__(self):
        super().__init__(232, 32)


class End:
    """One end of a pipe, held by one handle or one process."""

    def __init__(self, pipe, side):
        self.pipe = pipe
        self.side = side
        self.is_owned = False
        pipe.holders[side] += 1

    def again(self):
        """The same end for one more who holds it."""
        return End(self.pipe, self.side)

    def close(self):
        self.pipe.holders[self.side] -= 1
        self.pipe.has_changed()
