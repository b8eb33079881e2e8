"""The completion port of a launcher, and the one thread that reads it.

Why a port of our own, and not the one that trio waits at (`trio.lowlevel.monitor_completion_key`)? Because the key of a
message is then ours to choose, so that it says at once which child it is about; and because a message that comes late,
after its key was given back, would end the run: trio looks up each key that it reads. A thread for each process that
is waited for, which is trio's other way (`WaitForSingleObject`), is what this one thread saves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread

import trio

from regrow._edge.windows.api import Kernel, Message
from regrow._edge.windows.numbers import (
    JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS,
    JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO,
    JOB_OBJECT_MSG_EXIT_PROCESS,
)

_THE_END = Message(key=0, kind=0, pid=0)  # no job has the key 0
_ENDS = {
    JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS,
    JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO,
    JOB_OBJECT_MSG_EXIT_PROCESS,
}
_CLOSE = 2.0  # seconds that the thread has for its end

Hear = Callable[[int, int], None]
"""Is given the key of a job, and the pid of who has ended in it; 0: the last one has."""


class ThreadedPort:
    """See `api.Port`."""

    def __init__(self, kernel: Kernel, hear: Hear) -> None:
        self._kernel = kernel
        self._hear = hear
        self._token = trio.lowlevel.current_trio_token()
        self._heard: set[tuple[int, int]] = set()  # what was not told yet: each once, however often it came
        self._ended = trio.Event()
        self.handle = kernel.create_port()
        self._thread = Thread(target=self._read, name="regrow port", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no room for a thread
            kernel.close(self.handle)
            raise

    def end(self) -> None:
        """Read no more of it, and give it back, soon."""
        with suppress(OSError):
            self._kernel.post_message(self.handle, _THE_END)

    async def close(self) -> None:
        """The same, and wait for it. Bounded."""
        self.end()
        with trio.move_on_after(_CLOSE):
            await self._ended.wait()
            self._thread.join()  # it has nothing more to do

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        with suppress(OSError, trio.RunFinishedError):
            self._read_on()
        self._kernel.close(self.handle)
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._ended.set)

    def _read_on(self) -> None:
        while (message := self._kernel.take_message(self.handle)).key:
            if message.kind in _ENDS:
                self._heard.add((message.key, message.pid))
                self._token.run_sync_soon(self._tell, idempotent=True)

    # -- on trio's thread ----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        while self._heard:
            self._hear(*self._heard.pop())
