"""Whether there is a file: the kernel tells when something happens to its directory, where it does that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TypeAlias

import trio

from regrow._edge.readying.pacing import SOONEST, Look, pauses
from regrow._specs.readiness import FileExists

if sys.platform == "linux":
    from regrow._edge.readying import inotify

_Mark: TypeAlias = tuple[int, int, int, int]
Marks: TypeAlias = dict[str, _Mark]
"""What there was before the launch, by place."""

_LATEST = 0.1  # seconds between two looks, where nobody tells
_DOUBT = 1.0  # seconds after which to look all the same: what a link leads to, or another machine does, nobody tells


def mark(probes: Iterable[FileExists], cwd: str | None) -> Marks:
    """What is there now, of those who must be fresh."""
    places = (probe.path if cwd is None else os.path.join(cwd, probe.path) for probe in probes if probe.fresh)
    return {place: found for place in places if (found := _look(place))}


async def wait_there(place: str, marks: Marks, look: Look) -> None:
    """Return when there is something at *place*, and not only what was there before."""
    watched = _Watched()
    try:
        for pause in pauses(_LATEST):
            # In a thread, as any file system may take its time; and after the watch has begun, so nothing is missed.
            found = await look(partial(watched.examine, place))
            if found is not None and found != marks.get(place):
                return
            await watched.wait(pause)
    finally:
        watched.close()


class _Watched:
    """A place that is looked at, and who tells that something has happened there."""

    def __init__(self) -> None:
        self._lock = Lock()  # held by the thread that looks
        self._is_unwanted = False
        self._fd = -1
        if sys.platform == "linux":
            self._fd = inotify.open_()

    def examine(self, place: str) -> _Mark | None:
        """Watch the directory of *place*, and look what is there. In a thread."""
        with self._lock:
            if sys.platform == "linux" and self._fd >= 0:
                inotify.watch_nearest(self._fd, place)
            found = _look(place)
        self._close_if_unwanted()
        return found

    async def wait(self, pause: float) -> None:
        """Return when something has happened; or after *pause* seconds, where nobody tells."""
        if self._fd < 0:
            await trio.sleep(pause)
            return
        with trio.move_on_after(_DOUBT):
            await trio.sleep(SOONEST)  # a directory may be a busy place
            await trio.lowlevel.wait_readable(self._fd)
            with suppress(BlockingIOError):
                while os.read(self._fd, 4096):
                    pass

    def close(self) -> None:
        """It is not wanted any more. If a thread looks, which nobody can stop, that one is the last to go."""
        self._is_unwanted = True
        self._close_if_unwanted()

    def _close_if_unwanted(self) -> None:
        if self._is_unwanted and self._lock.acquire(blocking=False):
            fd, self._fd = self._fd, -1
            self._lock.release()
            if fd >= 0:
                os.close(fd)


def _look(place: str) -> _Mark | None:
    try:
        found = os.stat(place)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
