"""A child in its job: it runs, it ends, and what is left in its job ends. See `holding.Hold`."""

from __future__ import annotations

import errno
from collections.abc import Callable
from threading import Lock
from typing import Protocol

from regrow._edge.alarms import Alarm, Alarms
from regrow._edge.holding import Ending
from regrow._edge.windows.api import Created, Kernel
from regrow._edge.windows.jobs import KILLED, Job
from regrow._edge.windows.limits import POLITE
from regrow._edge.windows.looks import Looks
from regrow._edge.windows.order import JobOrder
from regrow._specs.exit import Usage
from regrow._specs.protocol import Evidence, Sample
from regrow._specs.stop import To

LEVEL = "job"
_BREAKS = {2, 15, 21}  # the numbers of POLITE on Windows
_SIGKILL = 9


class Surroundings(Protocol):
    """What a child in a job needs of its launcher."""

    @property
    def kernel(self) -> Kernel:
        """Whom to ask."""
        ...

    @property
    def looks(self) -> Looks:
        """Who looks at it."""
        ...

    @property
    def alarms(self) -> Alarms:
        """What is done at moments."""
        ...

    @property
    def has_console(self) -> bool:
        """Whether children share our console: else no Ctrl-Break reaches them."""
        ...

    def keep(self, job: Job) -> None:
        """Keep what is left in *job*, until the launcher ends."""


class Jobbed:
    """One child, from its creation until its job is empty."""

    __slots__ = (
        "_alarm", "_around", "_complain", "_created", "_done", "_is_kept", "_is_over", "_job", "_key", "_lock",
        "_order", "_strays", "_tell", "_was_killed", "trouble",
    )  # fmt: skip

    containment = LEVEL

    def __init__(self, around: Surroundings, job: Job, key: int, created: Created, order: JobOrder) -> None:
        self.trouble = ""
        self._around = around
        self._job = job
        self._key = key
        self._created = created
        self._order = order
        self._lock = Lock()  # for the handles: a thread may look while they are given back
        self._is_over = False  # they are given back
        self._is_kept = False
        self._was_killed = False
        self._strays: set[int] = set()  # that were ended
        self._alarm: Alarm | None = None  # for them
        self._tell: Callable[[], None] | None = None
        self._done: Callable[[int], None] | None = None
        self._complain: Callable[[str], None] | None = None

    @property
    def pid(self) -> int:
        """The number of its main process: nobody else's, while we hold a handle of it."""
        return self._created.pid

    # -- its life ------------------------------------------------------------------------------------------------------

    def watch(self, tell: Callable[[], None]) -> None:
        """Call *tell*, once, when the main process is dead."""
        self._tell = tell
        self._around.looks.watch(self._key, self.pid, self._look)

    def hurry(self) -> None:
        """Look soon whether it is dead."""
        self._around.looks.expect(self._key)

    def is_dead(self) -> bool:
        """Whether the main process is dead."""
        return self._is_over or self._around.kernel.has_ended(self._created.process)

    def signal(self, number: int, to: To) -> None:
        """Send a signal: Ctrl-Break, which reaches the console process group whatever *to* says, or a kill."""
        if self.is_dead():  # then its group may be anybody's
            return
        if number in _BREAKS:
            self._send_break()
        elif number != _SIGKILL:
            raise OSError(errno.ENOTSUP, f"Windows has no such signal to send, only {', '.join(POLITE)} and SIGKILL")
        elif to is To.MAIN:
            self._around.kernel.terminate_process(self._created.process, KILLED)
        else:
            self._job.kill()

    def ask(self, number: int, to: To) -> None:
        """Send a signal that asks it to end."""
        self.signal(number, to)
        self.resume()  # one that is held still does not hear it

    def _send_break(self) -> None:
        if not self._around.has_console:
            raise OSError(errno.ENOTSUP, "Ctrl-Break goes by the console, and we had none when the launcher was opened")
        self._around.kernel.send_break(self.pid)

    def pause(self) -> None:
        """Hold still all that are in its job."""
        if not self._is_over:
            self._job.hold()

    def resume(self) -> None:
        """Let them go on."""
        if not self._is_over:
            self._job.release()

    def take_sample(self) -> Sample | None:
        """One reading of all that are in its job."""
        with self._lock:
            if self._is_over:
                return None
            pids, used = self._job.members(), self._job.accounting()
        found = [measure for pid in pids if (measure := self._around.kernel.measure(pid))]
        return Sample(
            rss=sum(measure.rss for measure in found),
            cpu=used.user + used.system,
            descendants=max(len(found) - 1, 0),
            threads=sum(measure.threads for measure in found),
        )

    def gather_evidence(self) -> Evidence | None:
        """What it is doing."""
        sample = self.take_sample()
        state = "stopped" if self._job.is_held else "running"
        return None if sample is None else Evidence(state=state, sample=sample)

    # -- its end -------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """End all that are in its job."""
        self._was_killed = True
        if self._done is not None:
            self._kill_strays()
        elif not self._is_over:
            self._job.kill()
            self.hurry()

    def insist(self) -> None:
        """There is nothing stronger than a kill: say who is left."""
        self.trouble = self._who_is_left()

    def end_strays(
        self, done: Callable[[int], None], complain: Callable[[str], None], *, at_once: bool = False
    ) -> None:
        """End what is left in its job, when its time is over; or keep it."""
        self._done, self._complain = done, complain
        self._was_killed |= at_once
        if not self._others():
            self._be_empty()
        elif self._order.strays == "keep" and not self._was_killed:
            self._is_kept = True
            self._be_empty()
        elif self._was_killed or self._order.strays == 0:
            self._kill_strays()
        else:
            self._set_alarm(float(self._order.strays), self._kill_strays)

    def reap(self) -> Ending:
        """How its main process ended. All that is still in its job ends now, unless it is kept."""
        ending = self._ending()
        self._give_back()
        return ending

    def destroy(self) -> None:
        """End all that are in its job."""
        self._job.kill()
        self._give_back()

    def _kill_strays(self) -> None:
        self._strays |= self._others()
        self._job.kill()
        self.hurry()
        self._set_alarm(self._order.kill_wait, self._say_who_is_left)

    def _say_who_is_left(self) -> None:
        if self._complain is not None:
            self._complain(self._who_is_left())

    def _set_alarm(self, after: float, call: Callable[[], None]) -> None:
        """Instead of the one that there was."""
        if self._alarm is not None:
            self._around.alarms.cancel(self._alarm)
        self._alarm = self._around.alarms.set(after, call)

    def _look(self) -> bool:
        """Whether its main process has ended, or its job is empty: what is waited for."""
        if self._is_over:
            return True
        if self._tell is not None:
            if not self.is_dead():
                return False
            tell, self._tell = self._tell, None
            tell()
            return True
        if self._done is not None and self._others():
            return False
        self._be_empty()
        return True

    def _be_empty(self) -> None:
        if self._done is not None:
            done, self._done = self._done, None
            if self._alarm is not None:
                self._around.alarms.cancel(self._alarm)
            done(len(self._strays))

    def _others(self) -> set[int]:
        """Who is in its job besides its main process, which is counted there a moment longer than it lives."""
        return set(self._job.members()) - {self.pid}

    def _who_is_left(self) -> str:
        return f"{len(self._job.members())} of its processes are still in its job after the kill"

    # -- what it was, and giving it back -------------------------------------------------------------------------------

    def _ending(self) -> Ending:
        kernel, process = self._around.kernel, self._created.process
        used = self._job.accounting()
        usage = Usage(
            user=used.user,
            system=used.system,
            max_rss=kernel.peak_memory(process),
            minor_faults=used.page_faults,
        )
        return Ending(code=kernel.exit_code(process), kill_code=KILLED, usage=usage)

    def _give_back(self) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._around.kernel.close(self._created.process)
            if self._is_kept:
                self._around.keep(self._job)
            else:
                self._job.close()
        self._around.looks.forget(self._key)
