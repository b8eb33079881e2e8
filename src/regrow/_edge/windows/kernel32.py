"""The calls of `api.Kernel`, made with ctypes."""

from __future__ import annotations

import os
from contextlib import suppress
from ctypes import byref, c_size_t, c_void_p, create_string_buffer, sizeof
from typing import Any, Literal
from uuid import uuid4

import psutil

from regrow._edge.windows import numbers
from regrow._edge.windows.api import Accounting, Created, Handle, Limits, Measure, Message, Program, number_of
from regrow._edge.windows.creating import create_process
from regrow._edge.windows.functions import INVALID_HANDLE, Functions
from regrow._edge.windows.structures import (
    BOOL,
    DWORD,
    BasicAccounting,
    CompletionPort,
    ExtendedLimits,
    MemoryCounters,
)

_TICKS = 10_000_000  # in a second
_ROOM = 64 * 1024  # bytes that a pipe holds
_MOST_MEMBERS = 2**20  # a job with more than that is beyond listing
_MANY = 64


class Kernel32:
    """See `api.Kernel`."""

    def __init__(self, functions: Functions) -> None:
        self._call = functions

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def create_job(self) -> Handle:
        """A new job, without a name, that nobody inherits. Closing its last handle ends all who are in it."""
        job = Handle(self._call.CreateJobObjectW(None, None))
        try:
            self.limit_job(job, Limits())
        except OSError:
            self.close(job)
            raise
        return job

    def limit_job(self, job: Handle, limits: Limits) -> None:
        """Set what those in *job* may use."""
        information = _extended(limits)
        self._set(job, numbers.JobObjectExtendedLimitInformation, information)

    def send_messages(self, job: Handle, port: Handle, key: int) -> None:
        """Have *job* tell *port*, under *key*, who comes and goes."""
        self._set(job, numbers.JobObjectAssociateCompletionPortInformation, CompletionPort(key, port))

    def stop_messages(self, job: Handle) -> None:
        """Have *job* tell nobody any more."""
        self._set(job, numbers.JobObjectAssociateCompletionPortInformation, CompletionPort(None, None))

    def terminate_job(self, job: Handle, code: int) -> None:
        """End all who are in *job*, with this exit code."""
        self._call.TerminateJobObject(job, code)

    def accounting(self, job: Handle) -> Accounting:
        """What *job* has used, and how many are in it."""
        found = BasicAccounting()
        self._query(job, numbers.JobObjectBasicAccountingInformation, byref(found), sizeof(found))
        return Accounting(
            user=found.TotalUserTime / _TICKS,
            system=found.TotalKernelTime / _TICKS,
            page_faults=found.TotalPageFaultCount,
            active=found.ActiveProcesses,
        )

    def members(self, job: Handle) -> list[int]:
        """The pids of those who are in *job*."""
        room = _MANY
        while (found := self._members(job, room)) is None:
            room *= 2
        return found

    def is_in_job(self, process: Handle, job: Handle) -> bool:
        """Whether *process* is in *job*."""
        answer = BOOL()
        self._call.IsProcessInJob(process, job, byref(answer))
        return bool(answer.value)

    def _members(self, job: Handle, room: int) -> list[int] | None:
        """As many as have room; `None`: that is not all."""
        word = sizeof(c_size_t)
        buffer = create_string_buffer(2 * sizeof(DWORD) + room * word)
        try:
            self._query(job, numbers.JobObjectBasicProcessIdList, buffer, sizeof(buffer))
        except OSError as error:
            if number_of(error) == numbers.ERROR_MORE_DATA and room < _MOST_MEMBERS:
                return None
            raise
        count = DWORD.from_buffer(buffer, sizeof(DWORD)).value
        return memoryview(buffer).cast("B")[2 * sizeof(DWORD) :].cast("P").tolist()[:count]

    def _set(self, job: Handle, kind: int, information: Any) -> None:
        self._call.SetInformationJobObject(job, kind, byref(information), sizeof(information))

    def _query(self, job: Handle, kind: int, room: Any, size: int) -> None:
        self._call.QueryInformationJobObject(job, kind, room, size, None)

    # -- processes -----------------------------------------------------------------------------------------------------

    def create_process(self, program: Program) -> Created:
        """Create a process in its jobs; nothing of it runs yet."""
        return create_process(self._call, program)

    def resume_thread(self, thread: Handle) -> None:
        """Let *thread* run."""
        self._call.ResumeThread(thread)

    def open_process(self, pid: int) -> Handle:
        """A handle of *pid*, to suspend it and to ask for its jobs: whoever has that number now."""
        access = numbers.PROCESS_SUSPEND_RESUME | numbers.PROCESS_QUERY_LIMITED_INFORMATION
        return Handle(self._call.OpenProcess(access, False, pid))

    def suspend_process(self, process: Handle) -> None:
        """Hold all its threads."""
        self._call.NtSuspendProcess(process)

    def resume_process(self, process: Handle) -> None:
        """Undo one `suspend_process`."""
        self._call.NtResumeProcess(process)

    def terminate_process(self, process: Handle, code: int) -> None:
        """End it alone, with this exit code."""
        self._call.TerminateProcess(process, code)

    def has_ended(self, process: Handle) -> bool:
        """Whether it has ended, wholly."""
        return bool(self._call.WaitForSingleObject(process, 0) == numbers.WAIT_OBJECT_0)

    def exit_code(self, process: Handle) -> int:
        """Its exit code, as an unsigned number."""
        code = DWORD()
        self._call.GetExitCodeProcess(process, byref(code))
        return code.value

    def peak_memory(self, process: Handle) -> int:
        """The most resident memory that it ever had, in bytes."""
        found = MemoryCounters(cb=sizeof(MemoryCounters))
        self._call.K32GetProcessMemoryInfo(process, byref(found), sizeof(found))
        return int(found.PeakWorkingSetSize)

    def measure(self, pid: int) -> Measure | None:
        """What *pid* uses; `None`: it is gone, or not ours to look at."""
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            return Measure(rss=process.memory_info().rss, threads=process.num_threads())
        return None

    # -- the console ---------------------------------------------------------------------------------------------------

    def has_console(self) -> bool:
        """Whether we have one, which children can share."""
        return bool(self._call.GetConsoleCP())

    def send_break(self, group: int) -> None:
        """Send Ctrl-Break to a console process group."""
        self._call.GenerateConsoleCtrlEvent(numbers.CTRL_BREAK_EVENT, group)

    # -- handles, pipes, files -----------------------------------------------------------------------------------------

    def close(self, handle: Handle) -> None:
        """Give back *handle*."""
        self._call.CloseHandle(handle)

    def make_pipe(self, ours: Literal["read", "write"]) -> tuple[Handle, Handle]:
        """A pipe: our end, for overlapped operations, and the other one."""
        name = rf"\\.\pipe\regrow-{os.getpid()}-{uuid4().hex}"  # an anonymous pipe knows no overlapped operations
        own = self._create_pipe(name, ours)
        try:
            other = self._open(name, numbers.GENERIC_WRITE if ours == "read" else numbers.GENERIC_READ, 0)
        except OSError:
            self.close(own)
            raise
        with suppress(OSError):  # that it is connected already, for its other end was just opened
            self._call.ConnectNamedPipe(own, None)
        return own, other

    def waiting(self, pipe: Handle) -> int:
        """How many bytes can be read from *pipe* at once."""
        count = DWORD()
        self._call.PeekNamedPipe(pipe, None, 0, None, byref(count), None)
        return count.value

    def open_null(self, access: Literal["read", "write"]) -> Handle:
        """`NUL`."""
        wanted = numbers.GENERIC_READ if access == "read" else numbers.GENERIC_WRITE
        return self._open("NUL", wanted, numbers.FILE_SHARE_READ | numbers.FILE_SHARE_WRITE)

    def is_file(self, path: str) -> bool:
        """Whether there is a file at *path*."""
        return os.path.isfile(path)

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory at *path*."""
        return os.path.isdir(path)

    def _create_pipe(self, name: str, ours: Literal["read", "write"]) -> Handle:
        direction = numbers.PIPE_ACCESS_INBOUND if ours == "read" else numbers.PIPE_ACCESS_OUTBOUND
        # The first and only instance, of this machine only: nobody else has made it, and nobody gets between us.
        mode = direction | numbers.FILE_FLAG_OVERLAPPED | numbers.FILE_FLAG_FIRST_PIPE_INSTANCE
        kind = numbers.PIPE_REJECT_REMOTE_CLIENTS  # a stream of bytes: all else is 0
        return Handle(self._call.CreateNamedPipeW(name, mode, kind, 1, _ROOM, _ROOM, 0, None))

    def _open(self, name: str, access: int, share: int) -> Handle:
        return Handle(self._call.CreateFileW(name, access, share, None, numbers.OPEN_EXISTING, 0, None))

    # -- the completion port -------------------------------------------------------------------------------------------

    def create_port(self) -> Handle:
        """A new completion port."""
        return Handle(self._call.CreateIoCompletionPort(INVALID_HANDLE, None, 0, 1))

    def post_message(self, port: Handle, message: Message) -> None:
        """Put *message* into *port*."""
        self._call.PostQueuedCompletionStatus(port, message.kind, message.key, message.pid or None)

    def take_message(self, port: Handle) -> Message:
        """Wait for the next message."""
        kind, key, pid = DWORD(), c_size_t(), c_void_p()
        self._call.GetQueuedCompletionStatus(port, byref(kind), byref(key), byref(pid), numbers.INFINITE)
        return Message(key=key.value, kind=kind.value, pid=pid.value or 0)


def _extended(limits: Limits) -> ExtendedLimits:
    """What is set for every job, and what is limited."""
    flags = numbers.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    # Without this, one that crashes stays there until somebody has closed the window that says so.
    flags |= numbers.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
    found = ExtendedLimits()
    basic = found.BasicLimitInformation
    if limits.memory is not None:
        flags |= numbers.JOB_OBJECT_LIMIT_PROCESS_MEMORY
        found.ProcessMemoryLimit = limits.memory
    if limits.user_time is not None:
        flags |= numbers.JOB_OBJECT_LIMIT_PROCESS_TIME
        basic.PerProcessUserTimeLimit = round(limits.user_time * _TICKS)
    if limits.processes is not None:
        flags |= numbers.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
        basic.ActiveProcessLimit = limits.processes
    if limits.affinity is not None:
        flags |= numbers.JOB_OBJECT_LIMIT_AFFINITY
        basic.Affinity = limits.affinity
    if limits.priority_class is not None:
        flags |= numbers.JOB_OBJECT_LIMIT_PRIORITY_CLASS
        basic.PriorityClass = limits.priority_class
    basic.LimitFlags = flags
    return found
