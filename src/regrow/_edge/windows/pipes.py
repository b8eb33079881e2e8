"""The pipes between a child and us, on Windows: a read waits in the kernel, so each pipe has a task."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.output.copies import Copy
from regrow._edge.request import Request
from regrow._edge.windows.api import Handle, System
from regrow._edge.workshop import OutputEnd
from regrow._specs.output import OutputTo
from regrow._specs.protocol import Output, Stream

CHUNK = 64 * 1024
"""The most that is read at once, and written."""

IDLE_CHUNK = 4096
"""The same of a pipe that was silent: so much memory waits with each of them."""

LINES_CHUNK = 1024
"""The same of what becomes events: short lines are many, and each takes its time."""

_MOST = 16  # chunks that are read of a pipe that somebody else holds


class Readers:
    """The tasks that read, all of them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._open: set[JobOutput] = set()
        self._nursery: trio.Nursery | None = None

    @property
    def are_idle(self) -> bool:
        """Whether nobody reads now."""
        return self._nursery is None

    def add(self, pipe: JobOutput) -> None:
        """Have *pipe* read, whenever there is somebody to, until `remove`."""
        self._open.add(pipe)
        if self._nursery is not None:
            self._nursery.start_soon(pipe.read)

    def remove(self, pipe: JobOutput) -> None:
        """It is closed."""
        self._open.discard(pipe)

    @enable_ki_protection
    async def run(self) -> None:
        """Read, until cancelled; then it may be run again."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for pipe in self._open:
                    nursery.start_soon(pipe.read)
                await trio.sleep_forever()
            finally:
                self._nursery = None


class JobOutput:
    """Our end of a child's standard output or error. See `workshop.OutputEnd`."""

    def __init__(self, readers: Readers, request: Request, stream: Stream, handle: Handle, copy: Copy | None) -> None:
        self._readers = readers
        self._system = readers.system
        self._report = request.report
        self._chunk = LINES_CHUNK if request.spec.output.to is OutputTo.EVENTS else CHUNK
        self._stream = stream
        self._handle = handle
        self._copy = copy
        self._is_closed = False
        self._is_finishing = False
        self._scope: trio.CancelScope | None = None  # of its task, while that may wait
        self._when_over: Callable[[OutputEnd], None] | None = None

    def begin(self, when_over: Callable[[OutputEnd], None]) -> None:
        """Read it, whenever there is something; *when_over* is called, once, when it is closed."""
        self._when_over = when_over
        if self._is_closed:
            when_over(self)
        else:
            self._system.own_pipe(self._handle)
            self._readers.add(self)

    def drain(self) -> None:
        """Its task does, as soon as it has its turn: with the last process of the job, the pipe is at its end."""

    def finish(self) -> None:
        """Read what is there, with or without room for the copy, and close: somebody else holds the other end."""
        self._is_finishing = True
        if self._scope is not None:
            self._scope.cancel()
        elif self._readers.are_idle:
            self._close()

    @enable_ki_protection
    async def read(self) -> None:
        """Read it, until its end, or until `finish`. If this is cancelled, it may be called again."""
        if not self._is_finishing:
            await self._read_until_finish()
        if self._is_finishing:
            await self._read_rest()
        self._close()

    async def _read_until_finish(self) -> None:
        self._scope = trio.CancelScope()
        try:
            with self._scope:
                await self._read_on()
        finally:
            self._scope = None

    async def _read_on(self) -> None:
        size = usual = min(IDLE_CHUNK, self._chunk)
        while data := await self._system.read(self._handle, size):
            size = self._chunk if len(data) == size else usual
            self._pass_on(data)
            await self._wait_for_room()

    async def _read_rest(self) -> None:
        with suppress(OSError):  # it is at its end
            for _ in range(_MOST):
                if not self._system.kernel.waiting(self._handle):
                    break
                self._pass_on(await self._system.read(self._handle, CHUNK))

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._report(Output(self._stream, data))
            if self._copy is not None:
                self._copy.write(data)

    async def _wait_for_room(self) -> None:
        if self._copy is not None and self._copy.is_full:
            room = trio.Event()
            self._copy.when_room(room.set)
            await room.wait()

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._readers.remove(self)
        self._system.kernel.close(self._handle)
        if self._copy is not None:
            self._copy.end()
        if self._when_over is not None:
            self._when_over(self)


class JobInput:
    """Our end of a child's standard input. See `workshop.InputEnd`."""

    def __init__(self, system: System, handle: Handle) -> None:
        self._system = system
        self._handle = handle
        self._is_closed = False
        self._scope: trio.CancelScope | None = None  # of the write that goes on
        system.own_pipe(handle)

    async def write(self, data: bytes) -> None:
        """Write all of *data*. Cancelling leaves it half written.

        Raises:
            OSError: the child has closed it, or we have.
            trio.BusyResourceError: another write is not done yet.
        """
        if self._scope is not None:
            raise trio.BusyResourceError("another task is writing to this standard input")
        await trio.lowlevel.checkpoint()
        if self._is_closed or not await self._write_until_close(data):
            raise BrokenPipeError(errno.EPIPE, "the standard input of the child is closed")

    def close(self) -> None:
        """Close it: the child reads its end. A write that waits fails."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._scope is None:
            self._system.kernel.close(self._handle)
        else:
            self._scope.cancel()  # the kernel still has the data of that write: its task closes the pipe

    async def _write_until_close(self, data: bytes) -> bool:
        """Whether all was written."""
        self._scope = trio.CancelScope()
        try:
            with self._scope:
                await self._write(data)
            return not self._scope.cancelled_caught
        finally:
            self._scope = None
            if self._is_closed:
                self._system.kernel.close(self._handle)

    async def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[await self._system.write(self._handle, bytes(left[:CHUNK])) :]
