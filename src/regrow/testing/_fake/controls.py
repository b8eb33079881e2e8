"""The controls of a fake process: a `RunningProcess` whose ladder is a chain of timers."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import attrs
import trio

from regrow._specs.child import Stdin
from regrow._specs.protocol import Activity, Evidence, Sample
from regrow._specs.signals import signal_number
from regrow._specs.stop import KILL, CloseStdin, Run, Signal, Step, Stop, To
from regrow.testing._fake.process import FakeProcess
from regrow.testing._fake.timers import Timer


class FakeControls:
    """What a tree holds of a `FakeProcess`."""

    def __init__(self, process: FakeProcess) -> None:
        self._process = process
        self._stop = KILL  # the ladder that is carried out, once there is one; the next three are of it
        self._steps: Iterator[Step] = iter(())
        self._timer: Timer | None = None  # ends the wait of the present step
        self._kills_at: float | None = None  # when it kills, or did; None: there was no ladder yet
        self._settled = trio.Event()  # set when the process is gone or stuck
        process.when_gone(self._settle)
        process.when_stuck(self._settle)

    async def stop(self, ladder: Stop) -> None:
        """See `RunningProcess.stop`. The ladder begins before this waits, even in a scope that is cancelled."""
        self.begin_stop(ladder)
        await self._settled.wait()

    def begin_stop(self, ladder: Stop) -> None:
        """Carry out *ladder* from now on, if its kill comes sooner than that of the present one."""
        kills_at = trio.current_time() + ladder.longest - ladder.kill_wait
        if self._settled.is_set():  # gone, or stuck: then it is killed once more, and nobody waits
            self._process.kill()
            return
        if self._kills_at is not None and kills_at >= self._kills_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._stop, self._steps, self._kills_at = ladder, iter(ladder.steps), kills_at
        self._process.is_asked = not self._process.has_died
        self._process.release()  # what is held still hears nothing
        self._go_down()

    def signal(self, name: str, to: To = To.MAIN) -> None:
        """See `RunningProcess.signal`."""
        if signal_number(name) is None:
            raise OSError(errno.EINVAL, f"fake: {name} is not a signal of this system")
        self._process.hear(name, to)

    def pause(self) -> None:
        """See `RunningProcess.pause`."""
        self._process.hold()

    def resume(self) -> None:
        """See `RunningProcess.resume`."""
        self._process.release()

    async def sample(self) -> Sample | None:
        """See `RunningProcess.sample`."""
        await trio.lowlevel.checkpoint()
        return self._process.sample if self._process.is_running else None

    async def evidence(self, dump: bool = False) -> Evidence | None:
        """See `RunningProcess.evidence`."""
        await trio.lowlevel.checkpoint()
        if not self._process.is_running:
            return None
        evidence = self._process.evidence
        return evidence if dump else attrs.evolve(evidence, open_files=(), stack="")

    async def activity(self) -> Activity | None:
        """See `RunningProcess.activity`. No source is asked: it is up to the script and the test."""
        if self._process.answers_after:
            await trio.sleep(self._process.answers_after)
        return self._process.activity

    async def write_stdin(self, data: bytes) -> None:
        """See `RunningProcess.write_stdin`."""
        await trio.lowlevel.checkpoint()
        if not self._process.is_running:
            return
        if self._process.stdin_is_closed:
            is_pipe = self._process.spec.stdin is Stdin.PIPE
            raise OSError(errno.EPIPE if is_pipe else errno.EBADF, "fake: stdin is no open pipe")
        self._process.read(data)

    def close_stdin(self) -> None:
        """See `RunningProcess.close_stdin`."""
        if self._process.is_running:
            self._process.end_input()

    def _go_down(self) -> None:
        for step in self._steps:
            self._take(step)
            if not self._process.is_running:
                return
            if wait := self._stop.wait_of(step):
                self._timer = self._process.later(wait, self._go_down)
                return
        self._process.kill()
        self._timer = self._process.later(self._stop.kill_wait, self._call_it_stuck)

    def _take(self, step: Step) -> None:
        match step:
            case Signal():
                self._process.hear(step.signal, self._stop.to)
            case Run():
                self._process.run(step.command)
            case CloseStdin():
                self._process.end_input()

    def _call_it_stuck(self) -> None:
        self._process.get_stuck(self._stop.kill_wait)

    def _settle(self) -> None:
        self._settled.set()
