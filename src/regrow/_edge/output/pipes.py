"""The pipes between a child and us: what it prints, always read, and what it reads."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform != "win32"

import errno
import os
from collections.abc import Callable
from contextlib import suppress

import trio

from regrow._edge.holding import Spawned
from regrow._edge.output.copies import Copy, make_copies
from regrow._edge.output.outlet import Outlets
from regrow._edge.reactor import Reactor
from regrow._edge.request import Request
from regrow._edge.workshop import OutputEnd
from regrow._specs.output import OutputTo
from regrow._specs.protocol import Output, Report, Stream

CHUNK = 64 * 1024
"""The most that is read at once: all that a pipe holds, unless somebody has made it larger."""

LINES_CHUNK = 1024
"""The most that is read at once of what becomes events: short lines are many, and each takes its time."""

_END_OF_INPUT = b"\x04"  # what a terminal takes for it (VEOF), at the start of a line

_MOST = 16  # chunks: what the largest pipe holds that a process without privileges can make


class OutputPipe:
    """Our end of a child's standard output or error."""

    __slots__ = ("_chunk", "_copy", "_fd", "_is_held", "_reactor", "_report", "_stream", "_when_over")

    def __init__(  # noqa: PLR0913, PLR0917  none of it changes
        self, reactor: Reactor, fd: int, stream: Stream, report: Report, copy: Copy | None, chunk: int = CHUNK
    ) -> None:
        self._reactor = reactor
        self._chunk = chunk
        self._fd = fd  # -1: closed
        self._stream = stream
        self._report = report
        self._copy = copy
        self._is_held = False  # not read, until there is room for the copy
        self._when_over: Callable[[OutputEnd], None] = _nothing  # it was not begun, because something else failed

    def begin(self, when_over: Callable[[OutputEnd], None]) -> None:
        """Read it, whenever there is something; *when_over* is called at its end."""
        self._when_over = when_over
        self._reactor.watch(self._fd, self._read)

    def drain(self) -> None:
        """Read what is there. A process that is dead has left no more than this, however much it printed.

        If it is read in small chunks, the rest comes as ever, until its end.
        """
        for _ in range(_MOST):
            if self._is_held or not self._read():
                break

    def finish(self) -> None:
        """Read what is there, with or without room for the copy, and close: somebody else holds the other end."""
        for _ in range(_MOST * CHUNK // self._chunk):
            if not self._read():
                break
        self._close()

    def _read(self) -> bool:
        """Pass on one chunk; whether there may be more of it."""
        if self._fd < 0:
            return False
        try:
            data = os.read(self._fd, self._chunk)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that nobody has open any more
                raise
            data = b""
        if not data:
            self._close()
            return False
        self._report(Output(self._stream, data))
        if self._copy is not None:
            self._copy.write(data)
            self._hold_if_full(self._copy)
        return True

    def _hold_if_full(self, copy: Copy) -> None:
        if copy.is_full and not self._is_held:
            self._is_held = True
            self._reactor.unwatch(self._fd)
            copy.when_room(self._go_on)

    def _go_on(self) -> None:
        if self._fd >= 0:
            self._is_held = False
            self._reactor.watch(self._fd, self._read)

    def _close(self) -> None:
        if self._fd < 0:
            return
        if not self._is_held:
            self._reactor.unwatch(self._fd)
        os.close(self._fd)
        self._fd = -1
        if self._copy is not None:
            self._copy.end()
        self._when_over(self)


def _nothing(_: OutputEnd) -> None:
    """Nobody wants to know."""


def make_outputs(reactor: Reactor, outlets: Outlets, request: Request, spawned: Spawned) -> list[OutputEnd]:
    """Our ends of what a child prints to, each with its copy."""
    assert spawned.stdout is not None
    out, err = make_copies(outlets, request, spawned.file)
    chunk = LINES_CHUNK if request.spec.output.to is OutputTo.EVENTS else CHUNK
    pipes: list[OutputEnd] = [OutputPipe(reactor, spawned.stdout, Stream.STDOUT, request.report, out, chunk)]
    if spawned.stderr is not None:
        pipes.append(OutputPipe(reactor, spawned.stderr, Stream.STDERR, request.report, err, chunk))
    elif err is not None:  # a terminal: all comes as standard output
        err.end()
    return pipes


class StdinPipe:
    """Our end of a child's standard input."""

    __slots__ = ("_fd", "_is_busy", "_is_terminal")

    def __init__(self, fd: int, *, is_terminal: bool = False) -> None:
        self._fd = fd  # -1: closed
        self._is_busy = False
        self._is_terminal = is_terminal

    async def write(self, data: bytes) -> None:
        """Write all of *data*. Cancelling leaves it half written.

        Raises:
            OSError: the child has closed it, or we have.
            trio.BusyResourceError: another write is not done yet.
        """
        if self._is_busy:
            raise trio.BusyResourceError("another task is writing to this standard input")
        self._is_busy = True
        try:
            await self._write(data)
        finally:
            self._is_busy = False

    def close(self) -> None:
        """Close it: the child reads its end. A write that waits fails."""
        if self._fd >= 0:
            trio.lowlevel.notify_closing(self._fd)
            if self._is_terminal:
                with suppress(OSError):
                    os.write(self._fd, _END_OF_INPUT)
            os.close(self._fd)
            self._fd = -1

    async def _write(self, data: bytes) -> None:
        left = memoryview(data)
        await trio.lowlevel.checkpoint()
        while left:
            if self._fd < 0:
                raise BrokenPipeError(errno.EPIPE, "the standard input of the child is closed")
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                await self._until_writable()

    async def _until_writable(self) -> None:
        with suppress(trio.ClosedResourceError):  # the next write says so
            await trio.lowlevel.wait_writable(self._fd)
