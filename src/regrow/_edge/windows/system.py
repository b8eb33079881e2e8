"""Windows, with what waits there done in the manner of trio."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "win32"

import trio

from regrow._edge.windows.api import Handle, Kernel, Port
from regrow._edge.windows.functions import Functions
from regrow._edge.windows.kernel32 import Kernel32
from regrow._edge.windows.libraries import WindowsLibraries
from regrow._edge.windows.port import Hear, ThreadedPort


class WindowsSystem:
    """See `api.System`."""

    def __init__(self) -> None:
        self.kernel: Kernel = Kernel32(Functions(WindowsLibraries()))

    def open_port(self, hear: Hear) -> Port:
        """A completion port for jobs."""
        return ThreadedPort(self.kernel, hear)

    def own_pipe(self, handle: Handle) -> None:
        """Make our end of a pipe ready for `read` and `write`."""
        trio.lowlevel.register_with_iocp(handle)

    async def read(self, handle: Handle, size: int) -> bytes:
        """What comes next, at most *size* bytes; nothing at its end."""
        buffer = bytearray(size)
        try:
            count = await trio.lowlevel.readinto_overlapped(handle, buffer)
        except BrokenPipeError:  # nobody holds the other end any more
            await trio.lowlevel.checkpoint()
            return b""
        return bytes(memoryview(buffer)[:count])

    async def write(self, handle: Handle, data: bytes) -> int:
        """Write *data*; return how much of it."""
        return await trio.lowlevel.write_overlapped(handle, data)
