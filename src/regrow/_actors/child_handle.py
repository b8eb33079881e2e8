"""What a user holds of a process."""

from __future__ import annotations

from regrow._actors.handle import Handle
from regrow._actors.pausing import pause_child, resume_child
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

    def pause(self) -> None:
        """Hold its whole process tree still until `resume`: by the freezer of its control group, or by SIGSTOP.

        Meanwhile its hang policy, its probe, its `start_timeout` and its limits stand still. To stop it works at once;
        what is stopped, or dies, is not paused any more, so a restart of it is not either.

        Raises:
            InvalidStateError: no process lives, it is being stopped, or it was paused already.
            PlatformNotSupportedError: what runs it cannot do that; nothing was touched.
            IoError: the operating system refuses.
        """
        actor, _ = self._running("pause")
        if not actor.can_be_paused:
            raise InvalidStateError(self.path, "pause", "stuck" if actor.stuck else "stopping")
        try:
            pause_child(actor)
        except OSError as error:
            raise IoError(f"{self.path}: pause", error) from error

    def resume(self) -> None:
        """Let it go on. It does when no supervisor above it is paused either.

        Raises:
            InvalidStateError: no process lives, or it was not paused by itself.
            IoError: the operating system refuses.
        """
        actor, _ = self._running("resume")
        try:
            resume_child(actor)
        except OSError as error:
            raise IoError(f"{self.path}: resume", error) from error

    def touch(self) -> None:
        """Count it as active now: whoever calls this has seen it work. It takes no source, only a hang policy.

        Raises:
            InvalidStateError: no process lives.
        """
        self._running("touch")[0].signs.touch()

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

    async def evidence(self, dump: bool = False) -> Evidence | None:
        """What it is doing in the kernel, or `None` if it is gone.

        With *dump*, of a child with a hang policy, also its open files and its stack: see `HangPolicy.dump`. Bounded.
        """
        return await self._running("examine")[1].evidence(dump=dump)

    def _running(self, verb: str) -> tuple[Process, RunningProcess]:
        owner, entry = self._find()
        actor = owner.children.get(entry.name)
        if isinstance(actor, Process) and actor.exit is None and actor.running is not None:
            return actor, actor.running
        raise InvalidStateError(self.path, verb, state_of(owner, entry).value)
