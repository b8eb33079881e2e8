"""What a user holds of a process."""

from __future__ import annotations

from regrow._actors.handle import Handle
from regrow._actors.process import Process
from regrow._actors.snapshot import state_of
from regrow._specs import event as events
from regrow._specs.protocol import Evidence, RunningProcess, Sample, Stream
from regrow._specs.signals import to_signal
from regrow._specs.status import ChildStatus
from regrow._specs.stop import To
from regrow.exceptions import InvalidStateError, IoError


class ChildHandle(Handle):
    """A child: one process at a time."""

    def status(self) -> ChildStatus:
        """What it is doing now, as a frozen snapshot."""
        status = super().status()
        assert isinstance(status, ChildStatus)
        return status

    def output(self, stream: Stream | str = Stream.STDOUT, lines: int | None = None) -> tuple[str, ...]:
        """The last *lines*, or all that are kept, that its newest incarnation printed, oldest first."""
        actor = self._actor()
        return actor.output(Stream(stream), lines) if isinstance(actor, Process) else ()

    def signal(self, signal: str | int, to: To | str = To.MAIN) -> None:
        """Send a signal to its main process, its group, or its whole tree.

        If it dies of that it has crashed: to end it for good, stop it.

        Raises:
            ValueError: *to* is none of `"main"`, `"group"`, `"tree"`.
            InvalidStateError: no process lives.
            IoError: the operating system refuses.
        """
        name, to = to_signal(signal), To(to)
        actor, process = self._running("signal")
        try:
            process.signal(name, to)
        except OSError as error:
            raise IoError(f"{self.path}: signal {name}", error) from error
        actor.tree.announce(events.ChildSignalled(self.path, actor.key.incarnation, name, to))

    async def write_stdin(self, data: bytes) -> None:
        """Write all of *data* to its standard input, with `stdin="pipe"`. Cancelling may leave it half written.

        Raises:
            InvalidStateError: no process lives.
            IoError: it has closed its standard input, or that is no pipe.
        """
        _, process = self._running("write to")
        try:
            await process.write_stdin(data)
        except OSError as error:
            raise IoError(f"{self.path}: write to standard input", error) from error

    def close_stdin(self) -> None:
        """Close its standard input, with `stdin="pipe"`; it reads its end.

        Raises:
            InvalidStateError: no process lives.
        """
        self._running("close the input of")[1].close_stdin()

    async def sample(self) -> Sample | None:
        """One reading of its memory and CPU, or `None` if it is gone."""
        return await self._running("sample")[1].sample()

    async def evidence(self) -> Evidence | None:
        """What it is doing in the kernel, or `None` if it is gone."""
        return await self._running("examine")[1].evidence()

    def _running(self, verb: str) -> tuple[Process, RunningProcess]:
        owner, entry = self._find()
        actor = owner.children.get(entry.name)
        if isinstance(actor, Process) and actor.exit is None and actor.running is not None:
            return actor, actor.running
        raise InvalidStateError(self.path, verb, state_of(owner, entry).value)
