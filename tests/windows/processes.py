"""The processes of the Windows for tests: each a task, which is held, told and ended as the manual says."""

from __future__ import annotations

import attrs
import trio

CONTROL_C_EXIT = 0xC000013A


class FakeProcess:
    """One process: its program is an async function, whose answer is its exit code."""

    def __init__(self, windows, pid, main, jobs, streams, program):
        self.windows = windows
        self.pid = self.group = pid
        self.program = program
        self.jobs = jobs
        self.streams = [stream.again() for stream in streams]
        self.code = None
        self.has_ended = False
        self.peak = 5_000_000
        self.on_break = None
        """What it does on Ctrl-Break; `None`: it ends."""

        self.is_unkillable = False
        self._main = main
        self._scope = trio.CancelScope()
        self._suspended = 0
        self._goes_on = trio.Event()
        self._was_started = False

    @property
    def is_alive(self):
        return self.code is None

    # -- what is done to it --------------------------------------------------------------------------------------------

    async def run(self):
        """Until its program is done, or it is ended."""
        self._was_started = True
        code = None
        with self._scope:
            try:
                code = await self._main(self)
            except OSError:  # nobody reads what it prints
                code = 1
        if self.code is None:
            self._be_over(0 if code is None else code)

    def terminate(self, code):
        if self.is_unkillable or not self.is_alive:
            return
        self._scope.cancel()
        self._be_over(code)

    def hear_break(self):
        if self.on_break is None:
            self.windows.soon(self.terminate, CONTROL_C_EXIT)
        else:
            self.windows.soon(self.on_break)

    def suspend(self, by):
        self._suspended += by
        assert self._suspended >= 0, "it is resumed more often than it was suspended"
        if not self._suspended:
            self._goes_on.set()
            self._goes_on = trio.Event()

    @property
    def is_suspended(self):
        return self._suspended > 0

    def _be_over(self, code):
        self.code = code
        for stream in self.streams:
            stream.close()
        if self.windows.ends_late:
            self.windows.tell(self)
            trio.lowlevel.spawn_system_task(self._end_late)
        else:
            self.has_ended = True
            self._leave_jobs()
            self.windows.tell(self)

    async def _end_late(self):
        """What is one moment to others: first it is told, then it has ended, then its jobs do without it."""
        await trio.sleep(self.windows.ends_late)
        self.has_ended = True
        await trio.sleep(self.windows.ends_late)
        self._leave_jobs()
        self.windows.tell_empty(self)

    def _leave_jobs(self):
        for job in self.jobs:
            job.members.discard(self)

    # -- what its program does -----------------------------------------------------------------------------------------

    async def go_on(self):
        """Wait while it is suspended."""
        await trio.lowlevel.checkpoint()
        while self._suspended:
            await self._goes_on.wait()

    async def sleep(self, seconds=float("inf")):
        await trio.sleep(seconds)
        await self.go_on()

    async def print(self, data, stream=1):
        await self.go_on()
        end = self.streams[stream]
        if hasattr(end, "pipe"):
            await end.pipe.write(data)

    async def read(self, size=65536):
        end = self.streams[0]
        data = await end.pipe.read(size) if hasattr(end, "pipe") else b""
        await self.go_on()
        return data


@attrs.frozen
class Thread:
    """The first thread of a process."""

    process: FakeProcess


def to_arguments(line):
    """A command line taken apart, as Microsoft's C library does.

    https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
    """
    arguments, argument, is_quoted, is_there = [], "", False, False
    position = 0
    while position < len(line):
        slashes = len(line[position:]) - len(line[position:].lstrip("\\"))
        position += slashes
        letter = line[position : position + 1]
        if letter == '"':
            argument += "\\" * (slashes // 2)
            if slashes % 2:
                argument += '"'
            else:
                is_quoted = not is_quoted
            is_there = True
        else:
            argument += "\\" * slashes
            is_there = is_there or bool(slashes)
            if letter in {" ", "\t", ""} and not is_quoted:
                if is_there:
                    arguments.append(argument)
                argument, is_there = "", False
            else:
                argument += letter
                is_there = True
        position += 1
    if is_there:
        arguments.append(argument)
    return arguments
