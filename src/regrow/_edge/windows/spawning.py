"""From an order to a running process in its job, or to words that say why not. In a spawner thread: it may block."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Literal

import attrs

from regrow._edge.windows.api import Created, Handle, Kernel, Limits, Program
from regrow._edge.windows.command import command_line, find_program
from regrow._edge.windows.jobs import KILLED, Job
from regrow._edge.windows.order import JobOrder
from regrow._edge.windows.refusals import RefusedError, explain
from regrow._specs.protocol import NotLaunched


@attrs.frozen(kw_only=True)
class Place:
    """Where a process is born, and how it is known there."""

    kernel: Kernel
    outer: Handle
    """The job of the launcher."""

    port: Handle
    """What its own job sends its messages to."""

    key: int
    """Under which key."""

    has_console: bool


@attrs.define(kw_only=True)
class Child:
    """A process that runs, its job, and our ends of what joins us to it."""

    created: Created
    job: Job
    stdin: Handle | None = None
    stdout: Handle | None = None
    stderr: Handle | None = None
    file: int | None = None


def spawn(order: JobOrder, place: Place) -> Child | NotLaunched:
    """Start a program in a job of its own; return when it runs, or why it does not."""
    ends = _Ends(place.kernel)
    try:
        answer: Child | NotLaunched = _spawn(order, place, ends)
    except RefusedError as refused:
        answer = refused.answer
    except (OSError, ValueError, MemoryError) as error:
        answer = explain(error, order.command[0])
    else:
        ends.give()
    ends.close()
    return answer


def _spawn(order: JobOrder, place: Place, ends: _Ends) -> Child:
    file = None if order.file is None else ends.open_file(order.file)
    application = find_program(order.command[0], order.env, order.cwd, place.kernel.is_file)
    if order.cwd is not None and not place.kernel.is_directory(order.cwd):
        raise RefusedError(f"cwd {order.cwd!r} cannot be entered: there is no such directory", errno.ENOENT)
    stdin, our_stdin = ends.pipe("write") if order.has_stdin else ends.null("read")
    stdout, our_stdout = ends.pipe("read") if order.has_output else ends.null("write")
    stderr, our_stderr = ends.pipe("read") if order.has_output else ends.null("write")
    job = ends.job(order.limits, place)
    program = Program(
        application=application,
        command_line=command_line(order.command),
        environment=order.env,
        cwd=order.cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        jobs=(place.outer, job.handle),
        with_console=place.has_console,
    )
    created = ends.create(program)
    return Child(created=created, job=job, stdin=our_stdin, stdout=our_stdout, stderr=our_stderr, file=file)


class _Ends:
    """What is made for one spawn: the child's ends are given back in any case, ours if it fails."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._ours: list[Handle] = []
        self._theirs: list[Handle] = []
        self._job: Job | None = None
        self._file: int | None = None

    def pipe(self, ours: Literal["read", "write"]) -> tuple[Handle, Handle | None]:
        """A pipe, as the child's end and our end."""
        own, theirs = self._kernel.make_pipe(ours)
        self._ours.append(own)
        self._theirs.append(theirs)
        return theirs, own

    def null(self, access: Literal["read", "write"]) -> tuple[Handle, Handle | None]:
        """The null device, as the child's end; we have none."""
        self._theirs.append(self._kernel.open_null(access))
        return self._theirs[-1], None

    def job(self, limits: Limits, place: Place) -> Job:
        """A job, with its limits, that tells who ends in it."""
        self._job = job = Job(self._kernel)
        self._kernel.limit_job(job.handle, limits)
        self._kernel.send_messages(job.handle, place.port, place.key)
        return job

    def open_file(self, path: str) -> int:
        """Open *path* to append to it."""
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise RefusedError(f"output file {path!r} cannot be opened: {error.strerror}", error.errno) from None
        return self._file

    def create(self, program: Program) -> Created:
        """Create the process; it runs when this returns."""
        created = self._kernel.create_process(program)
        self._ours.append(created.process)
        self._theirs.append(created.thread)
        # Before anything of it has run: what it starts will be where it is.
        if not all(self._kernel.is_in_job(created.process, job) for job in program.jobs):
            with suppress(OSError):
                self._kernel.terminate_process(created.process, KILLED)
            raise RefusedError(f"program {program.application!r} was created outside of its job", None)
        self._kernel.resume_thread(created.thread)
        return created

    def give(self) -> None:
        """Ours belong to what was spawned from now on."""
        self._ours.clear()
        self._job = None
        self._file = None

    def close(self) -> None:
        """Give back what is not given away. A process that was created ends with its job."""
        for handle in (*self._theirs, *self._ours):
            self._kernel.close(handle)
        if self._job is not None:
            self._job.close()
        if self._file is not None:
            os.close(self._file)
