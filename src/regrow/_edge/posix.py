"""One process, from `Launched` to its terminal fact. While it is idle, it is three callbacks and no task.

Its end is a straight line: `_died` (a look says that it is dead), strays of its group are ended, which its unreaped
body keeps possible, `_bury` (it is reaped), the rest of its output, what its stop still does, `_finish`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TypeVar

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge import probes
from regrow._edge.errand import Errand
from regrow._edge.holding import Ending, Spawned
from regrow._edge.ladder import Ladder
from regrow._edge.request import Request
from regrow._edge.workshop import OutputEnd, Workshop
from regrow._specs.child import ReadySpec
from regrow._specs.protocol import (
    Evidence,
    Exited,
    Key,
    Launched,
    Lost,
    Ready,
    Sample,
    Stuck,
    Target,
)
from regrow._specs.signals import signal_number
from regrow._specs.stop import Stop, To

_T = TypeVar("_T")


class Process:
    """The controls of one incarnation, and the one that reports its facts. See `protocol.RunningProcess`."""

    __slots__ = (
        "_died_at", "_ending", "_errands", "_hold", "_is_dead", "_is_gone", "_is_killed", "_is_stuck", "_ladder",
        "_outputs", "_probing", "_released", "_request", "_stdin", "_strays", "_tools", "_was_asked", "_when_gone",
    )  # fmt: skip

    def __init__(
        self, tools: Workshop, request: Request, spawned: Spawned, when_gone: Callable[[Process], None]
    ) -> None:
        self._tools = tools
        self._request = request
        self._when_gone = when_gone
        self._hold = spawned.hold
        self._stdin = tools.stdin(request, spawned)
        self._outputs = tools.outputs(request, spawned)  # those that are open
        self._is_dead = False  # seen dead; reaped when there is an `_ending`
        self._is_gone = False  # its terminal fact is out
        self._is_stuck = False
        self._was_asked = False
        self._is_killed = False
        self._strays = 0
        self._died_at = 0.0
        self._ending: Ending | None = None
        tools.remember(request.key, spawned)
        self._probing: trio.CancelScope | None = None
        self._ladder: Ladder | None = None  # the stop that is going on
        self._errands: tuple[Errand, ...] = ()  # of this stop, and of those that gave way to it
        self._released: trio.Event | None = None  # set when it is gone or stuck; made for the first who waits

    @property
    def key(self) -> Key:
        """Which incarnation it is."""
        return self._request.key

    def begin(self) -> None:
        """Report that it runs, and watch it."""
        self._request.report(Launched(self._hold.pid, self._hold.containment))
        self._hold.watch(self._died)
        for pipe in self._outputs:
            pipe.begin(self._output_over)
        if self._request.spec.ready is None:
            self._request.report(Ready())
        else:
            self._tools.start_soon(self._probe, self._request.spec.ready)

    # -- protocol.RunningProcess ---------------------------------------------------------------------------------------

    @enable_ki_protection
    def begin_stop(self, ladder: Stop) -> None:
        """Carry out *ladder*."""
        if not self._is_gone:
            self._begin_stop(ladder)

    @enable_ki_protection
    async def stop(self, ladder: Stop) -> None:
        """Carry out *ladder*; return when the process is gone or stuck."""
        if self._is_gone:
            await trio.lowlevel.checkpoint()
            return
        if self._released is None:
            self._released = trio.Event()
        self._begin_stop(ladder)
        await self._released.wait()

    def signal(self, name: str, to: To = To.MAIN) -> None:
        """Send the signal *name* to the main process, its group, or its whole tree."""
        number = signal_number(name)
        if number is None:
            raise OSError(errno.EINVAL, f"{name} is not a signal of this system")
        self._hold.signal(number, to)

    def pause(self) -> None:
        """Hold its process tree still, as far as the containment reaches."""
        self._hold.pause()

    def resume(self) -> None:
        """Let its process tree go on."""
        self._hold.resume()

    async def sample(self) -> Sample | None:
        """One reading, or `None` if it is gone."""
        return await self._look(self._hold.take_sample)

    async def evidence(self) -> Evidence | None:
        """What it is doing, or `None` if it is gone."""
        return await self._look(self._hold.gather_evidence)

    async def write_stdin(self, data: bytes) -> None:
        """Write all of *data*, with `stdin="pipe"`."""
        if self._is_gone:
            await trio.lowlevel.checkpoint()
        elif self._stdin is None:
            raise OSError(errno.EBADF, "standard input is no pipe")
        else:
            await self._stdin.write(data)

    def close_stdin(self) -> None:
        """Close its standard input, if it is a pipe."""
        if self._stdin is not None:
            self._stdin.close()

    # -- stopping: what a ladder is given, and its neighbours ----------------------------------------------------------

    def end(self) -> None:
        """Kill it without asking, and wait for nothing: its key was revoked, or the launcher is being closed."""
        for errand in self._errands:
            errand.end()
        if self._ending is not None:
            self._cut_output()
        elif self._is_dead:
            self._hold.kill()  # its strays, which may have time left
        else:
            self._was_asked = True
            self.kill()

    def kill(self) -> None:
        """Kill it, whole tree and all."""
        self._is_killed = True
        self._hold.kill()

    def ask(self, number: int, to: To) -> bool:
        """Send it a signal that asks it to end, as far as that is allowed; false if there is no way to."""
        try:
            self._hold.ask(number, to)
        except OSError as error:
            return isinstance(error, PermissionError)
        return True

    def run_errand(self, command: Sequence[str], when_over: Callable[[Errand], None]) -> Errand:
        """Start a command that helps to stop it."""
        errand = Errand(self._tools.form, partial(self._errand_over, when_over))
        self._errands += (errand,)
        errand.begin(self._tools.errand(self._request, command, self._hold.pid))
        return errand

    def get_stuck(self, waited: float) -> None:
        """It is still there, so long after the kill."""
        self._hold.insist()
        self._be_stuck(waited, self._hold.trouble)

    def _be_stuck(self, waited: float, why: str) -> None:
        if not self._is_stuck:
            self._is_stuck = True
            self._request.report(Stuck(waited, why))
        self._release()

    def ladder_ended(self, ladder: Ladder) -> None:
        """Nothing more is going to be tried."""
        if self._ladder is ladder:
            self._ladder = None
        self._settle()

    def _begin_stop(self, stop: Stop) -> None:
        ladder = Ladder(self, stop, self._tools.alarms)
        is_sooner = self._ladder is None or ladder.kills_at < self._ladder.kills_at
        is_dead = self._is_dead or self._hold.is_dead()  # dead, but perhaps nobody has noticed
        if self._is_stuck:
            self.kill()
        elif is_sooner:
            if self._ladder is not None:
                self._ladder.give_way()
            if is_dead:
                self._hold.kill()  # its strays, which may have time left
            else:
                self._was_asked = True
                self._ladder = ladder
                ladder.descend()

    def _errand_over(self, when_over: Callable[[Errand], None], errand: Errand) -> None:
        self._errands = tuple(other for other in self._errands if other is not errand)
        when_over(errand)
        self._settle()

    # -- the end -------------------------------------------------------------------------------------------------------

    def _died(self) -> None:
        """It is dead, and not reaped: while it is not, the number of its group is its own."""
        self._is_dead = True
        if self._probing is not None:
            self._probing.cancel()
        if self._ladder is not None:
            self._ladder.see_death()
        self._died_at = trio.current_time()
        self._hold.end_strays(self._bury, self._complain, at_once=self._was_asked)  # a stop ends the whole tree

    def _complain(self, why: str) -> None:
        self._be_stuck(trio.current_time() - self._died_at, why)

    def _bury(self, strays: int) -> None:
        """Collect it. What it has printed is in the pipes; what others print there is waited for, a moment."""
        self._strays = strays
        self._ending = self._hold.reap()
        for pipe in tuple(self._outputs):
            pipe.drain()
        if self._outputs:
            self._tools.alarms.set(self._tools.drain, self._cut_output)
        self._settle()

    def _cut_output(self) -> None:
        for pipe in tuple(self._outputs):
            pipe.finish()

    def _output_over(self, pipe: OutputEnd) -> None:
        self._outputs.remove(pipe)
        self._hold.hurry()  # most often because it is dying
        self._settle()

    def _settle(self) -> None:
        """Finish, if nothing is left to do."""
        is_busy = self._outputs or self._errands or self._ladder
        if self._ending is not None and not is_busy and not self._is_gone:
            self._finish(self._ending)

    def _finish(self, ending: Ending) -> None:
        if ending.lost:
            self._be_gone(Lost(ending.lost, loss=ending.loss))
            return
        self._be_gone(
            Exited(
                code=ending.code,
                signal=ending.signal,
                core_dumped=ending.core_dumped,
                oom_killed=ending.oom_killed,
                usage=ending.usage,
                lingered=trio.current_time() - self._died_at,
                strays=0 if self._is_killed else self._strays,  # killed with it, they have not outlived it
                asked=self._was_asked,
                killed=self._is_killed and ending.is_kill,
            )
        )

    def give_up(self, waited: float) -> None:
        """The launcher ends, so long after the kill, and this is not over: say what is known, and let go."""
        self._cut_output()
        if self._ending is None:
            with suppress(RuntimeError):  # no room for a thread: then nobody reaps it
                Thread(target=self._hold.destroy, name="regrow destroy", daemon=True).start()  # whenever that may be
            why = f"it is still there {waited:g} s after the kill, and its launcher has ended"
            self._be_gone(Lost(why, loss=str(self.key)))
        elif not self._is_gone:
            self._finish(self._ending)

    def _be_gone(self, fact: Exited | Lost) -> None:
        self._is_gone = True
        self._tools.strike(self.key)
        self.close_stdin()
        self._when_gone(self)
        self._request.report(fact)
        self._release()

    def _release(self) -> None:
        if self._released is not None:
            self._released.set()

    # -- small helpers -------------------------------------------------------------------------------------------------

    @enable_ki_protection
    async def _probe(self, probe: ReadySpec) -> None:
        """See when it is ready, unless it dies before."""
        with trio.CancelScope() as self._probing:
            target = Target(self.key, self._hold.pid)
            timeout = self._request.spec.start_timeout
            fact = await probes.get_ready(probe, target, since=self._request.since, start_timeout=timeout)
            if not self._is_dead:
                self._request.report(fact)
        self._probing = None

    async def _look(self, reader: Callable[[], _T]) -> _T | None:
        await trio.lowlevel.checkpoint()
        found = None if self._is_dead else await self._tools.look(reader)
        return None if self._is_dead else found  # its number may have been another's by then
