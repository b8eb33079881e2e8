"""Where output is copied to: our own standard output and error, or files.

Each place has a queue with a bound, and each that can block for ever has a thread of its own; files share one. What
does not fit is dropped, and that is said: in the place itself, and as an `OutputGap`. A place that is merely slower
than the child is waited for, a moment; one that is stuck holds nobody up.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.output.writers import Writer
from regrow._edge.tuning import Tuning

LIMIT = 1024 * 1024
"""The most bytes that wait for one place."""

RESERVE = 4096
"""Bytes beyond that, for what has to be said about the bytes that were dropped."""

_FULL = LIMIT - 128 * 1024  # above it, whoever can wait does
_ROOM = LIMIT // 2  # at or below it, there is room again
_PATIENCE = 0.25  # seconds that a child may be held up, once, by a place that gets stuck
_FLUSH = 1.0  # seconds that all writing may take in the end
_BROKEN = 1.0  # seconds until a place that failed is tried again

StartSoon = Callable[..., Any]
Lose = Callable[[int], None]


class Outlet:
    """One place that output is copied to, perhaps by many children."""

    __slots__ = (
        "_broken_until", "_fd", "_held", "_is_stuck", "_lock",
        "_room", "_start_soon", "_streams", "_waiting", "_writer",
    )  # fmt: skip

    def __init__(self, fd: int, writer: Writer, start_soon: StartSoon, *, streams: int = 0) -> None:
        self._fd = fd
        self._writer = writer
        self._start_soon = start_soon
        self._streams = streams  # it is closed after the end of so many; 0: it is not ours to close
        self._lock = Lock()  # for `_waiting`, which both sides change
        self._waiting = 0  # bytes
        self._is_stuck = False  # whether waiting for room was in vain the last time
        self._broken_until = 0.0
        self._held: list[Callable[[], None]] = []
        self._room: trio.Event | None = None

    def put(self, data: bytes, lose: Lose, *, limit: int = LIMIT) -> bool:
        """Have *data* written, or say that there is no room for it.

        Args:
            data: what to write.
            lose: called later with how many bytes of it could not be written, if so.
            limit: the most bytes that may wait then.
        """
        if self._waiting + len(data) > limit or time.monotonic() < self._broken_until:
            return False
        with self._lock:
            self._waiting += len(data)
        self._writer.put(partial(self._write, data, lose))
        return True

    @property
    def has_room(self) -> bool:
        """Whether it is worth while to go on after a gap."""
        return self._waiting <= _ROOM

    @property
    def is_full(self) -> bool:
        """Whether to wait for room, with `when_room`, before the next `put`."""
        if self._waiting <= _ROOM:
            self._is_stuck = False
        return self._waiting > _FULL and not self._is_stuck

    def when_room(self, call: Callable[[], None]) -> None:
        """Call *call* when there is room, or when waiting longer would hold up a child."""
        self._held.append(call)
        if len(self._held) == 1:
            self._room = room = trio.Event()
            if self._waiting <= _ROOM:  # the writer was quicker than we
                room.set()
            self._start_soon(self._hold, room)

    def leave(self) -> None:
        """One stream has ended. After the last, a file is closed, as soon as all is written."""
        self._streams -= 1
        if self._streams == 0:
            self._writer.put(partial(os.close, self._fd))
            self._writer.leave()

    @enable_ki_protection
    async def _hold(self, room: trio.Event) -> None:
        with trio.move_on_after(_PATIENCE) as patience:
            await room.wait()
        self._is_stuck = patience.cancelled_caught
        held, self._held = self._held, []
        for call in held:
            call()

    def _write(self, data: bytes, lose: Lose) -> None:
        """In the writer's thread."""
        lost = self._writer.write(self._fd, data)
        with self._lock:
            self._waiting -= len(data)
        if lost:
            self._broken_until = time.monotonic() + _BROKEN
            self._writer.post(lose, lost)
        if self._held and self._waiting <= _ROOM:
            self._writer.post(self._tell_room)

    def _tell_room(self) -> None:
        if self._room is not None:
            self._room.set()


class Outlets:
    """All outlets of one launcher, and their threads."""

    def __init__(self, tuning: Tuning, start_soon: StartSoon) -> None:
        self._start_soon = start_soon
        self._writers: set[Writer] = set()
        self._all_ended = trio.Event()
        self._files = self._new_writer()
        self.stdout = Outlet(tuning.stdout, self._new_writer(), start_soon)
        self.stderr = Outlet(tuning.stderr, self._new_writer(), start_soon)

    def file(self, fd: int, *, streams: int) -> Outlet:
        """An outlet for an open file, which is closed after the end of so many *streams*."""
        # A fifo or a terminal may block for ever: it must not keep the others waiting.
        is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
        writer = self._files if is_regular else self._new_writer(is_private=True)
        return Outlet(fd, writer, self._start_soon, streams=streams)

    async def close(self) -> None:
        """Write what can be written in a short time, and end the threads. One that hangs is left to itself."""
        for writer in tuple(self._writers):
            writer.end()
        with trio.move_on_after(_FLUSH):
            await self._all_ended.wait()
        for writer in self._writers:
            writer.despair()
        with trio.move_on_after(_FLUSH):
            await self._all_ended.wait()

    def _new_writer(self, *, is_private: bool = False) -> Writer:
        writer = Writer(self._ended, is_private=is_private)
        self._writers.add(writer)
        return writer

    def _ended(self, writer: Writer) -> None:
        self._writers.discard(writer)
        if not self._writers:
            self._all_ended.set()
