"""Windows for tests: jobs, processes, a console, pipes and a completion port that behave as the manual says.

What is not promised there is not promised here: a message may get lost, or come before the process that it is about has
ended wholly, and the end of a job goes on after the call. Every handle is counted, and may be given back once.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import contextmanager

import trio
from tests.windows.dll import WindowsError
from tests.windows.pipes import End, Null, Pipe
from tests.windows.processes import FakeProcess, Thread, to_arguments
from tests.windows.programs import find

from regrow._edge.windows import numbers
from regrow._edge.windows.api import Accounting, Created, Measure

BROKEN_PIPE = 109


class FakeJob:
    """A job object, kept by its handles."""

    def __init__(self):
        self.members = set()  # that are alive
        self.born = 0
        self.user = self.system = 0.0
        self.limits = None
        self.port = None
        self.key = 0


class FakePort:
    """A completion port that is read at once. See `api.Port`."""

    def __init__(self, windows, hear):
        self.windows = windows
        self.hear = hear
        self.handle = windows.new(self)

    def end(self):
        self.windows.close(self.handle)
        self.hear = lambda key, pid: None

    async def close(self):
        await trio.lowlevel.checkpoint()
        self.end()


class FakeWindows:
    """See `api.Kernel` and `api.System`: it is both."""

    def __init__(self, *, console=True):
        self.console = console
        self.loses_messages = False
        self.ends_late = 0.0
        """Seconds from the message that a process has ended until it has, wholly."""

        self.fail_at = None
        """The number of the call that fails, counted from 0."""

        self.fails_with = WindowsError(1450, 12)
        self.calls = []
        self.breaks = []
        self.files = {}
        """Further programs, by path."""

        self.handles = {}
        self.processes = {}
        self._numbers = iter(range(4, 2**31, 4))
        self._pids = iter(range(2**22, 2**30, 4))
        self._lock = threading.Lock()
        self._token = None
        self._nursery = None

    @property
    def kernel(self):
        return self

    # -- for tests -----------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self):
        """Let its processes run, within a run of trio's; afterwards all of them are ended."""
        self._token = trio.lowlevel.current_trio_token()
        ended = trio.CancelScope()
        trio.lowlevel.spawn_system_task(self._serve, ended)
        try:
            yield self
        finally:
            ended.cancel()

    @property
    def alive(self):
        return [process for process in self.processes.values() if process.is_alive]

    def is_alive(self, pid):
        return pid in self.processes and self.processes[pid].is_alive

    def die(self):
        """What the kernel does when we are killed: every handle of ours is closed."""
        for handle in list(self.handles):
            self.close(handle)

    def soon(self, call, *args):
        """Call it on trio's thread."""
        self._token.run_sync_soon(call, *args)

    async def _serve(self, ended):
        with ended:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    await trio.sleep_forever()
                finally:
                    self._nursery = None

    # -- handles -------------------------------------------------------------------------------------------------------

    def new(self, thing):
        with self._lock:
            handle = next(self._numbers)
            self.handles[handle] = thing
            return handle

    def get(self, handle, kind):
        thing = self.handles.get(handle)
        assert isinstance(thing, kind), f"{handle} is a handle of {thing}, not of a {kind.__name__}"
        return thing

    def close(self, handle):
        self._call("close")
        thing = self.handles.pop(handle, None)
        assert thing is not None, f"handle {handle} is given back twice"
        if isinstance(thing, End):
            self.soon(thing.close)
        if isinstance(thing, FakeJob) and thing not in self.handles.values():
            self._end(thing, 0)

    def _call(self, name):
        self.calls.append(name)
        # To give a handle back never fails; we may be killed there, as anywhere.
        if self.fail_at == len(self.calls) - 1 and not (name == "close" and isinstance(self.fails_with, OSError)):
            raise self.fails_with

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def create_job(self):
        self._call("create_job")
        return self.new(FakeJob())

    def limit_job(self, job, limits):
        self._call("limit_job")
        self.get(job, FakeJob).limits = limits

    def send_messages(self, job, port, key):
        self._call("send_messages")
        found = self.get(job, FakeJob)
        found.port, found.key = self.get(port, FakePort), key

    def stop_messages(self, job):
        self.get(job, FakeJob).port = None

    def terminate_job(self, job, code):
        self._end(self.get(job, FakeJob), code)

    def accounting(self, job):
        found = self.get(job, FakeJob)
        active = len(found.members)
        return Accounting(user=found.user, system=found.system, page_faults=found.born, active=active)

    def members(self, job):
        return [process.pid for process in list(self.get(job, FakeJob).members)]

    def is_in_job(self, process, job):
        self._call("is_in_job")
        return self.get(job, FakeJob) in self.get(process, FakeProcess).jobs

    def _end(self, job, code):
        for process in list(job.members):
            self.soon(process.terminate, code)

    def tell(self, process):
        """Tell the ports of all jobs of *process* that it has ended, and which of them are empty now."""
        for job in self._heard(process):
            job.port.hear(job.key, process.pid)
        self.tell_empty(process)

    def tell_empty(self, process):
        for job in self._heard(process):
            if not job.members:
                job.port.hear(job.key, 0)

    def _heard(self, process):
        return [job for job in process.jobs if job.port is not None and not self.loses_messages]

    # -- processes -----------------------------------------------------------------------------------------------------

    def create_process(self, program):
        self._call("create_process")
        if program.cwd is not None and not os.path.isdir(program.cwd):
            raise WindowsError(267, 20)
        arguments = to_arguments(program.command_line)
        jobs = [self.get(job, FakeJob) for job in program.jobs]
        main = self.files.get(program.application) or find(program.application, arguments)
        if main is None:
            raise WindowsError(numbers.ERROR_BAD_EXE_FORMAT, 8)
        streams = [self.get(handle, End | Null) for handle in (program.stdin, program.stdout, program.stderr)]
        process = self._add(main, jobs, streams, program)
        return Created(process=self.new(process), thread=self.new(Thread(process)), pid=process.pid)

    def _add(self, main, jobs, streams, program):
        with self._lock:
            process = FakeProcess(self, next(self._pids), main, jobs, streams, program)
            self.processes[process.pid] = process
            for job in jobs:
                job.members.add(process)
                job.born += 1
            return process

    def fork(self, parent, main, *, holds_streams=False):
        """A descendant of *parent*: in its jobs and in its group. It runs at once."""
        streams = parent.streams if holds_streams else [Null(), Null(), Null()]
        process = self._add(main, parent.jobs, streams, parent.program)
        process.group = parent.group
        self.start(process)
        return process

    def resume_thread(self, thread):
        self._call("resume_thread")
        self.soon(self.start, self.get(thread, Thread).process)

    def start(self, process):
        if self._nursery is not None:
            self._nursery.start_soon(process.run)

    def open_process(self, pid):
        if not self.is_alive(pid):
            raise WindowsError(87, 22)
        return self.new(self.processes[pid])

    def suspend_process(self, process):
        self.get(process, FakeProcess).suspend(1)

    def resume_process(self, process):
        self.get(process, FakeProcess).suspend(-1)

    def terminate_process(self, process, code):
        self.soon(self.get(process, FakeProcess).terminate, code)

    def has_ended(self, process):
        return self.get(process, FakeProcess).has_ended

    def exit_code(self, process):
        found = self.get(process, FakeProcess)
        assert found.has_ended, "an exit code is there when the process has ended"
        return found.code

    def peak_memory(self, process):
        return self.get(process, FakeProcess).peak

    def measure(self, pid):
        return Measure(rss=1_000_000, threads=1) if self.is_alive(pid) else None

    # -- the console ---------------------------------------------------------------------------------------------------

    def has_console(self):
        return self.console

    def send_break(self, group):
        assert not self.processes[group].has_ended, "the root of a group must not have ended: that may be anybody's"
        self.breaks.append(group)
        for process in self.alive:
            if process.group == group and process.program.with_console:
                process.hear_break()

    # -- pipes and files -----------------------------------------------------------------------------------------------

    def make_pipe(self, ours):
        self._call("make_pipe")
        pipe = Pipe(self.soon)
        own, other = ("read", "write") if ours == "read" else ("write", "read")
        return self.new(End(pipe, own)), self.new(End(pipe, other))

    def waiting(self, pipe):
        end = self.get(pipe, End)
        if not end.pipe.data and not end.pipe.holders["write"]:
            raise WindowsError(BROKEN_PIPE, 32)
        return len(end.pipe.data)

    def open_null(self, access):
        self._call("open_null")
        return self.new(Null())

    def is_file(self, path):
        return path in self.files or os.path.isfile(path)

    def is_directory(self, path):
        return os.path.isdir(path)

    # -- api.System ----------------------------------------------------------------------------------------------------

    def open_port(self, hear):
        self._call("open_port")
        return FakePort(self, hear)

    def own_pipe(self, handle):
        end = self.get(handle, End)
        assert not end.is_owned, "trio takes a handle once"
        end.is_owned = True

    async def read(self, handle, size):
        end = self.get(handle, End)
        assert end.is_owned
        return await end.pipe.read(size)

    async def write(self, handle, data):
        end = self.get(handle, End)
        assert end.is_owned
        return await end.pipe.write(data)

    def left(self):
        """The kinds of things of which handles are left."""
        return Counter(type(thing).__name__ for thing in self.handles.values())
