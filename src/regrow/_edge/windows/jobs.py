"""One job: a process and all that comes of it, for as long as we hold the job's handle."""

from __future__ import annotations

from contextlib import suppress

from regrow._edge.windows.api import Accounting, Handle, Kernel

KILLED = 137
"""The exit code of what we end: that of a shell for a process that was killed."""

_ROUNDS = 8  # how often those who came meanwhile are looked for; each finds fewer, or one that never ends


class Job:
    """A job object of ours, nested in that of the launcher. Closing it ends all that are in it."""

    __slots__ = ("_held", "_kernel", "handle")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.handle: Handle = kernel.create_job()
        self._held: dict[int, Handle] = {}  # those that are held still, by pid: each once

    @property
    def is_held(self) -> bool:
        """Whether somebody is held still."""
        return bool(self._held)

    def kill(self) -> None:
        """End all that are in it. It goes on when this returns."""
        with suppress(OSError):  # as far as that is allowed: who is left is counted
            self._kernel.terminate_job(self.handle, KILLED)

    def members(self) -> list[int]:
        """The pids of those who are in it."""
        return self._kernel.members(self.handle)

    def accounting(self) -> Accounting:
        """What it has used, and how many are in it."""
        return self._kernel.accounting(self.handle)

    def hold(self) -> None:
        """Hold all still, those too that are born meanwhile."""
        for _ in range(_ROUNDS):
            new = [pid for pid in self.members() if pid not in self._held]
            if not new:
                break
            for pid in new:
                with suppress(OSError):  # it has just ended
                    self._hold(pid)

    def release(self) -> None:
        """Let those go on whom we hold still, and nobody else whom somebody else holds."""
        held, self._held = self._held, {}
        for process in held.values():
            with suppress(OSError):  # it was ended meanwhile
                self._kernel.resume_process(process)
            self._kernel.close(process)

    def close(self) -> None:
        """Give it back: all that are in it end, and it tells nobody of that."""
        self.release()
        with suppress(OSError):
            self._kernel.stop_messages(self.handle)
        self._kernel.close(self.handle)

    def _hold(self, pid: int) -> None:
        process = self._kernel.open_process(pid)
        # By now the number may be another's. Who is in the job is ours, whatever number that was looked up by.
        if self._kernel.is_in_job(process, self.handle):
            with suppress(OSError):
                self._kernel.suspend_process(process)
                self._held[pid] = process
                return
        self._kernel.close(process)
