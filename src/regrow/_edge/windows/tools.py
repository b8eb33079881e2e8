"""What all processes of one opened launcher share on Windows: a job, a completion port, and those who read and look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack

import trio

from regrow._edge.grouping.spawner import Spawner
from regrow._edge.holding import Form, Spawned
from regrow._edge.output.copies import make_copies
from regrow._edge.request import Request
from regrow._edge.sampling.sampler import Sampler
from regrow._edge.sampling.taking import TakingReader
from regrow._edge.tuning import Tuning
from regrow._edge.windows.api import Handle, Kernel, System
from regrow._edge.windows.form import JobForm
from regrow._edge.windows.jobs import Job
from regrow._edge.windows.looks import Looks
from regrow._edge.windows.order import JobOrder, errand_of, order_of
from regrow._edge.windows.pipes import JobInput, JobOutput, Readers
from regrow._edge.workshop import InputEnd, OutputEnd, Workshop
from regrow._specs.protocol import Stream

_CLOSE = 2.0  # seconds that a thread has that is stuck in the creation of a process; then it is left to itself


class JobTools(Workshop):
    """See `workshop.Workshop`, and `jobbed.Surroundings`."""

    def __init__(self, tuning: Tuning, system: System) -> None:
        super().__init__(tuning)
        self.sampler = Sampler(TakingReader)  # jobs count for themselves what is in them
        self.kernel: Kernel = system.kernel
        self.looks = Looks()
        self.has_console = system.kernel.has_console()
        self._system = system
        self._readers = Readers(system)
        self._kept: list[Job] = []
        with ExitStack() as undo:
            self._outer = system.kernel.create_job()
            undo.callback(system.kernel.close, self._outer)
            self._port = system.open_port(self.looks.hear)
            undo.callback(self._port.end)
            self._spawner = Spawner(self.break_down)
            undo.pop_all()
        self._form = JobForm(self, self._spawner, self._outer, self._port.handle)

    @property
    def form(self) -> Form:
        """How processes are made."""
        return self._form

    def order(self, request: Request) -> JobOrder:
        """How to spawn what is wanted."""
        return order_of(request)

    def errand(self, request: Request, command: Sequence[str], pid: int) -> JobOrder:
        """How to spawn a command that helps to stop it."""
        return errand_of(request, command, pid)

    def outputs(self, request: Request, spawned: Spawned) -> list[OutputEnd]:
        """Our ends of what a child prints to."""
        assert spawned.stdout is not None
        assert spawned.stderr is not None
        out, err = make_copies(self.outlets, request, spawned.file)
        return [
            JobOutput(self._readers, request, Stream.STDOUT, Handle(spawned.stdout), out),
            JobOutput(self._readers, request, Stream.STDERR, Handle(spawned.stderr), err),
        ]

    def stdin(self, request: Request, spawned: Spawned) -> InputEnd | None:
        """Our end of what it reads, if that is a pipe."""
        return None if spawned.stdin is None else JobInput(self._system, Handle(spawned.stdin))

    def services(self) -> Iterable[Callable[[], Awaitable[object]]]:
        """The tasks by which deaths and output are noticed."""
        return self.looks.run, self._readers.run

    def keep(self, job: Job) -> None:
        """Keep what is left in *job*, until the launcher ends: our handle keeps it alive."""
        self._kept.append(job)

    async def close(self) -> None:
        """End the threads, and give back the rest: all that is still in a job of ours ends with that."""
        self.sampler.close()
        try:
            with trio.move_on_after(_CLOSE):
                await self._spawner.close()
            await self.outlets.close()
            await self._port.close()
        finally:
            for job in self._kept:
                job.close()
            self.kernel.close(self._outer)
