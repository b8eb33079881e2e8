"""An opened local launcher: who is starting, who runs, and that all of them end with it."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol

import trio
from trio.lowlevel import enable_ki_protection

from regrow._edge.keys import Keys
from regrow._edge.posix import Process
from regrow._edge.request import Request
from regrow._edge.start import Start
from regrow._edge.workshop import Workshop
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key, NotLaunched, Refusal, Report, Sample
from regrow._specs.stop import KILL
from regrow.exceptions import IoError

_REVOKE = KILL.longest + 2.0  # seconds: the kill, and what may hang before it and after it
_END = 8.0  # seconds until a process that does not die is left to itself when the launcher ends
_CLOSE = 10.0  # seconds for threads that hang; each has a shorter bound of its own


@asynccontextmanager
@enable_ki_protection
async def opened(make_tools: Callable[[], Workshop]) -> AsyncIterator[OpenLocal]:
    """An open launcher. Leaving the block, however that happens, ends every process; then the error goes on."""
    try:
        launcher = OpenLocal(make_tools())
    except (OSError, RuntimeError) as reason:  # no descriptor, no thread
        cause = reason if isinstance(reason, OSError) else OSError(errno.EAGAIN, str(reason))
        raise IoError("the local launcher cannot be opened", cause) from reason
    error: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            # Not `nursery.start`: cancelled, it would wait for the end of a task that waits for us to leave.
            nursery.start_soon(launcher.serve)  # noqa: ASYNC113  the next line waits for it
            try:
                await launcher.wait_serving()
                yield launcher
            except BaseException as raised:  # noqa: ASYNC103, BLE001  raised again outside: a nursery would wrap it
                error = raised
            nursery.cancel_scope.shield = True  # all is bounded from here on, and nothing is to cut it short
            launcher.leave()
    except BaseExceptionGroup as crash:  # a task of ours; the body was cancelled for it
        raise crash from error
    if error is not None:
        raise error


class Survivor(Protocol):
    """A process that had outlived its supervisor."""

    @property
    def path(self) -> str:
        """Whose it was."""
        ...

    @property
    def incarnation(self) -> int:
        """Which of its incarnations."""
        ...

    @property
    def pid(self) -> int:
        """Its number."""
        ...


class OpenLocal:
    """A launcher that can be asked for processes. See `protocol.OpenLauncher`."""

    def __init__(self, tools: Workshop) -> None:
        self._tools = tools
        self._keys = Keys()
        self.survivors: tuple[Survivor, ...] = ()
        """What had outlived the supervisor before us, and was ended."""
        self._starts: dict[Key, Start] = {}
        self._processes: dict[Key, Process] = {}
        self._is_ending = False
        self._serving = trio.Event()
        self._left = trio.Event()  # the block is left
        self._empty = trio.Event()  # set while it ends, when nothing is there any more

    # -- protocol.OpenLauncher -----------------------------------------------------------------------------------------

    @enable_ki_protection
    async def launch(self, key: Key, spec: ChildSpec, report: Report) -> Process | NotLaunched:
        """Start *spec* as *key*; return when its program runs, or why it does not."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if refusal := self._refuse(key):
            await trio.lowlevel.cancel_shielded_checkpoint()
            return refusal
        since = trio.current_time()
        try:
            notify = self._tools.listen_to(spec, report)
            request = Request(key=key, spec=spec, report=report, since=since, notify=notify)
            request = self._tools.with_pulse(request)
        except OSError as error:
            await trio.lowlevel.cancel_shielded_checkpoint()
            why = f"no room for the socket that it says with how it is: {error.strerror}"
            return NotLaunched(refusal=Refusal.CAPACITY, why=why, errno=error.errno)
        start = Start(self._tools, request, self._started, self._gone)
        self._starts[key] = start
        start.begin()
        await start.done.wait()  # who cancels this, or closes us, leaves the start to itself; who revokes ends it
        assert start.answer is not None
        return start.answer

    def _refuse(self, key: Key) -> NotLaunched | None:
        """Use *key* up, or say why it cannot be used."""
        if self._is_ending:
            return NotLaunched(refusal=Refusal.ENGINE, why="the launcher is closed")
        if not self._keys.claim(key):
            return NotLaunched(refusal=Refusal.REVOKED, why=f"{key} was revoked, or used before")
        return None

    async def sample_all(self, keys: Collection[Key]) -> dict[Key, Sample]:
        """One reading of each of these; who is gone is left out."""
        await trio.lowlevel.checkpoint()
        subjects = [subject for key in keys if key in self._processes and (subject := self._processes[key].subject)]
        found = await self._tools.sampler.read(subjects) if subjects else {}
        return {key: sample for key, sample in found.items() if key in self._processes and self._processes[key].subject}

    @enable_ki_protection
    async def revoke(self, key: Key) -> None:
        """Kill that incarnation and wait until it is gone, or refuse it if its start arrives later."""
        self._keys.revoke(key)
        with trio.move_on_after(_REVOKE):
            await trio.lowlevel.checkpoint()
            if start := self._starts.get(key):
                start.is_revoked = True
                await start.done.wait()
            if process := self._processes.get(key):
                await process.stop(KILL)

    def forget(self, tree: str, path: str) -> None:
        """Give back what is kept for the next incarnation of *path*, such as sockets that listen."""
        self._tools.forget(tree, path)

    # -- its life ------------------------------------------------------------------------------------------------------

    async def wait_serving(self) -> None:
        """Return when it can be asked for processes."""
        await self._serving.wait()

    @enable_ki_protection
    async def serve(self) -> None:
        """Work until the block is left, or until something of ours breaks; then end everything."""
        with trio.CancelScope(shield=True):
            try:
                async with self._tools.at_work():
                    await self._tools.prepare()
                    self._serving.set()
                    await self._left.wait()
            finally:
                with trio.CancelScope(shield=True):
                    await self._end()

    def leave(self) -> None:
        """The block is left."""
        self._left.set()

    async def _end(self) -> None:
        self._is_ending = True
        try:
            with trio.move_on_after(_END):
                async with self._tools.at_work():
                    self._end_all()
                    await self._empty.wait()
                    await self._tools.end_guardians()
        finally:
            for start in self._starts.values():  # nobody takes its answer any more once the tools are closed, below
                start.give_up()
            for process in tuple(self._processes.values()):
                process.give_up(_END)
            with trio.move_on_after(_CLOSE, shield=True):
                await self._tools.close()

    def _end_all(self) -> None:
        for start in self._starts.values():
            start.is_revoked = True
        for process in tuple(self._processes.values()):
            process.end()
        self._look_if_empty()

    def _started(self, start: Start) -> None:
        del self._starts[start.key]
        if isinstance(start.answer, Process):
            self._processes[start.key] = start.answer
            start.answer.begin()
            if start.is_revoked:
                start.answer.end()
        self._look_if_empty()

    def _gone(self, process: Process) -> None:
        del self._processes[process.key]
        self._tools.sampler.forget(process.key)
        self._look_if_empty()

    def _look_if_empty(self) -> None:
        if self._is_ending and not self._starts and not self._processes:
            self._empty.set()
