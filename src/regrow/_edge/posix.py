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

from regrow._edge.errand import Errand
from regrow._edge.holding import Ending, Spawned
from regrow._edge.ladder import Ladder
from regrow._edge.readying.getting import GettingReady, is_prompt
from regrow._edge.request import Request
from regrow._edge.sampling.subject import Subject, subject_of
from regrow._edge.sources.asked import Sources
from regrow._edge.workshop import OutputEnd, Workshop
from regrow._specs.hang import HangPolicy
from regrow._specs.protocol import (
    Activity,
    Evidence,
    Exited,
    Key,
    Launched,
    Lost,
    Ready,
    Sample,
    Stuck,
)
from regrow._specs.signals import signal_number
from regrow._specs.stop import Stop, To

_T = TypeVar("_T")


class Process:
    """The controls of one incarnation, and the one that reports its facts. See `protocol.RunningProcess`."""

    __slots__ = (
        "_died_at", "_ending", "_errands", "_getting", "_hold", "_is_dead", "_is_gone", "_is_killed", "_is_stuck",
        "_ladder", "_outputs", "_released", "_request", "_sources", "_stdin", "_strays", "_subject", "_tools",
        "_was_asked", "_when_gone",
    )  # fmt: skip

    def __init__(
        self, tools: Workshop, request: Request, spawned: Spawned, when_gone: Callable[[Process], None]
    ) -> None:
        self._tools = tools
        self._request = request
        self._when_gone = when_gone
        self._hold = spawned.hold
        self._subject = subject_of(request, spawned)
        self._stdin = tools.stdin(request, spawned)
        self._sources: Sources | None = None  # whom to ask whether it lives, if anybody wants to know
        self._getting: GettingReady | None = None  # as long as it may become ready, if that takes more than a launch
        self._outputs = tools.outputs(self._have_listeners(request, spawned), spawned)  # those that are open
        self._is_dead = False  # seen dead; reaped when there is an `_ending`
        self._is_gone = False  # its terminal fact is out
        self._is_stuck = False
        self._was_asked = False
        self._is_killed = False
        self._strays = 0
        self._died_at = 0.0
        self._ending: Ending | None = None
        tools.remember(request.key, spawned)
        self._ladder: Ladder | None = None  # the stop that is going on
        self._errands: tuple[Errand, ...] = ()  # of this stop, and of those that gave way to it
        self._released: trio.Event | None = None  # set when it is gone or stuck; made for the first who waits

    def _have_listeners(self, request: Request, spawned: Spawned) -> Request:
        """The same request, but what is reported of its output goes by those who wait for it."""
        if isinstance(request.spec.hang, HangPolicy):
            self._sources = Sources(self._tools, request, spawned, self.run_errand)
            request = self._sources.request
        if request.spec.ready is not None:
            self._getting = GettingReady(self._tools, request, spawned, self.run_errand)
            request = self._getting.request
        return request

    @property
    def key(self) -> Key:
        """Which incarnation it is."""
        return self._request.key

    def begin(self) -> None:
        """Report that it runs, and watch it."""
        self._request.report(Launched(self._hold.pid, self._hold.containment))
        for pipe in tuple(self._outputs):
            pipe.begin(self._output_over)
        self._hold.watch(self._died)
        if self._request.pulse is not None:
            self._request.pulse.begin()
        if self._request.notify is not None:
            self._request.notify.begin(self._hold.pid, is_prompt=is_prompt(self._request.spec))
        if self._getting is None:
            self._request.report(Ready())
        else:
            self._getting.begin()
            self._tools.start_soon(self._get_ready, self._getting)

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
        if self._getting is not None:
            self._getting.hold()

    def resume(self) -> None:
        """Let its process tree go on."""
        self._hold.resume()
        if self._getting is not None:
            self._getting.go_on()

    async def sample(self) -> Sample | None:
        """One reading, or `None` if it is gone."""
        return await self._look(self._hold.take_sample)

    async def evidence(self, dump: bool = False) -> Evidence | None:
        """What it is doing, or `None` if it is gone."""
        found = await self._look(self._hold.gather_evidence)
        if found is not None and self._sources is not None:
            found = await self._sources.examine(found, dump=dump)
        return None if self._is_dead else found

    async def activity(self) -> Activity | None:
        """The newest sign of life, or `None` if there was none."""
        await trio.lowlevel.checkpoint()
        found = None if self._is_dead or self._sources is None else await self._sources.ask()
        return None if self._is_dead else found

    @property
    def subject(self) -> Subject | None:
        """Whom the sampler reads; `None`: it is dead."""
        return None if self._is_dead else self._subject

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

    def go_on(self) -> None:
        """Let it go on, if it is paused."""
        with suppress(OSError):  # then it is not ours to signal
            self._hold.resume()

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
        if self._request.notify is not None:
            self._request.notify.heard.look()  # its last words
        if self._getting is not None:
            self._getting.end()
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
        self._request.discard()
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
    async def _get_ready(self, getting: GettingReady) -> None:
        """See when it is ready, unless it dies before."""
        await getting.run()
        self._getting = None

    async def _look(self, reader: Callable[[], _T]) -> _T | None:
        await trio.lowlevel.checkpoint()
        found = None if self._is_dead else await self._tools.look(reader)
        return None if self._is_dead else found  # its number may have been another's by then
