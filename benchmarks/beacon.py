"""How children are seen to begin and to end from outside, in the same way whoever has started them.

Nobody looks at the machine again and again for that, which would slow all of them down: the empty program says that it
runs (`Fifo`), and /bin/sleep reads a file that nobody else reads (`Opened`). Both are its own first acts: its exec, and
all that the dynamic linker does, have happened.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import time
from pathlib import Path

import attrs

_RECORD = struct.Struct("=qq")
_ROOM = 1024 * 1024  # bytes of records that nobody has read yet
_PAUSE = 0.005  # seconds between two looks at many records: a reader that wakes up for each would slow everybody down
_F_SETPIPE_SZ = 1031
_IN_OPEN = 0x20


@attrs.frozen
class Record:
    """A child says that it runs."""

    pid: int
    at: float
    """Seconds, on the clock of `time.monotonic`."""


class Fifo:
    """What all children of one scene write to."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._fd, _F_SETPIPE_SZ, _ROOM)

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)

    def wait_for(self, count: int, within: float) -> list[Record]:
        """So many records; fewer if they do not come in time."""
        records: list[Record] = []
        until = time.monotonic() + within
        while len(records) < count and time.monotonic() < until:
            time.sleep(_PAUSE)
            records += self.read()
        return records

    def next(self, within: float) -> Record | None:
        """The next record, as soon as it is there. Some child must be alive."""
        select.select([self._fd], [], [], within)
        records = self.read()
        return records[0] if records else None

    def read(self) -> list[Record]:
        """The records that are there."""
        try:
            data = os.read(self._fd, _ROOM)
        except BlockingIOError:
            return []
        return [Record(pid, at / 1e9) for pid, at in _RECORD.iter_unpack(data)]

    def wait_for_silence(self, within: float) -> bool:
        """Return when the last child is dead, or false when that takes too long."""
        poll = select.poll()
        poll.register(self._fd, 0)  # no records: only the end
        return bool(poll.poll(within * 1000))


class Opened:
    """Sees when a file in a directory is opened.

    /bin/sleep, as every program of its kind, first of all sets its locale. It is told by the environment that its units
    of measurement are those of a locale of ours, and reads the file with them, which is empty; then it does without.
    """

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0 or libc.inotify_add_watch(self._fd, os.fsencode(directory), _IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)

    def forget(self) -> None:
        """What was opened until now does not count."""
        while select.select([self._fd], [], [], 0)[0]:
            os.read(self._fd, 65536)

    def next(self, within: float) -> float | None:
        """When the file was opened, on the clock of `time.monotonic`."""
        if not select.select([self._fd], [], [], within)[0]:
            return None
        now = time.monotonic()
        self.forget()
        return now
