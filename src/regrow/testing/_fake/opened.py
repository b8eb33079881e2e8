"""A fake launcher while it is open: an `OpenLauncher` whose starts are timers."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import trio

from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key, Lost, NotLaunched, Refusal, Report, RunningProcess, Sample
from regrow._specs.stop import Stop
from regrow.testing._fake.book import Book
from regrow.testing._fake.controls import FakeControls
from regrow.testing._fake.life import Life
from regrow.testing._fake.process import FakeProcess
from regrow.testing._fake.script import Script
from regrow.testing._fake.timers import Timers


class _Start:
    """A start that was asked for, until it has its answer."""

    def __init__(self) -> None:
        self.answer: RunningProcess | NotLaunched | None = None
        self.is_answered = trio.Event()

    def settle(self, answer: RunningProcess | NotLaunched) -> None:
        self.answer = answer
        self.is_answered.set()


class OpenFake:
    """What a tree starts fakes with."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._timers = Timers()
        self._starts: dict[Key, _Start] = {}  # those that have no answer yet
        self._controls: dict[Key, FakeControls] = {}  # of those that run
        self._scope = trio.CancelScope()
        self._has_finished = trio.Event()

    async def launch(self, key: Key, spec: ChildSpec, report: Report) -> RunningProcess | NotLaunched:
        """See `OpenLauncher.launch`. A start goes on when its caller is cancelled; only `revoke` takes it back."""
        await trio.lowlevel.checkpoint()
        start = _Start()
        if self._scope.cancel_called:
            start.settle(_refused(Refusal.ENGINE, "the launcher is closed"))
        elif key in self._book.used:
            start.settle(_refused(Refusal.REVOKED, f"{key} was used or revoked before"))
        else:
            self._begin(start, self._book.new_life(key, spec), report)
        await start.is_answered.wait()
        assert start.answer is not None
        return start.answer

    async def sample_all(self, keys: Collection[Key]) -> dict[Key, Sample]:
        """See `OpenLauncher.sample_all`."""
        await trio.lowlevel.checkpoint()
        running = self._book.running
        return {key: running[key].sample for key in keys if key in running}

    async def revoke(self, key: Key) -> None:
        """See `OpenLauncher.revoke`."""
        self._book.used.add(key)
        if start := self._starts.pop(key, None):
            start.settle(_refused(Refusal.REVOKED, f"{key} was revoked"))
        if controls := self._controls.get(key):
            await controls.stop(_kill(self._book.running[key]))
        else:
            await trio.lowlevel.checkpoint()

    def forget(self, tree: str, path: str) -> None:
        """See `OpenLauncher.forget`."""
        self._book.sockets.forget(tree, path)

    async def run(self) -> None:
        """Let time pass, until it is closed."""
        with self._scope:
            await self._timers.run()
        self._has_finished.set()

    async def close(self) -> None:
        """End everything; what cannot be ended is lost. Bounded, and to be shielded."""
        self.refuse_starts("the launcher is being closed")
        left = [(process, self._controls[key]) for key, process in self._book.running.items()]
        for process, controls in left:
            controls.begin_stop(_kill(process))
        for process, controls in left:
            await controls.stop(_kill(process))
            process.vanish(Lost("still there after the kill when its launcher was closed", "fake launcher"))
        self._book.end_kept()
        self._book.sockets.close()
        self._scope.cancel()
        await self._has_finished.wait()

    def refuse_starts(self, why: str) -> None:
        """Answer every start that is under way: the engine is down."""
        starts, self._starts = self._starts, {}
        for start in starts.values():
            start.settle(_refused(Refusal.ENGINE, why))

    def _begin(self, start: _Start, life: Life, report: Report) -> None:
        script = self._book.script_for(life)
        self._starts[life.key] = start
        takes = self._book.launch_takes + script.launch_takes
        self._timers.after(takes, partial(self._carry_out, start, life, script, report))

    def _carry_out(self, start: _Start, life: Life, script: Script, report: Report) -> None:
        if self._starts.pop(life.key, None) is None:
            return  # it was revoked, or closed
        if script.refuse is not None:
            start.settle(script.refuse)
            return
        process = FakeProcess(life, script, self._timers, report)
        start.settle(self._add(process))
        process.begin()  # the last, since it may be gone afterwards

    def _add(self, process: FakeProcess) -> FakeControls:
        controls = self._controls[process.key] = FakeControls(process)
        process.when_gone(lambda: self._controls.pop(process.key))
        self._book.enter(process)
        return controls


def _kill(process: FakeProcess) -> Stop:
    return Stop(steps=(), kill_wait=process.spec.stop.kill_wait)


def _refused(refusal: Refusal, why: str) -> NotLaunched:
    return NotLaunched(refusal=refusal, why=f"fake: {why}")
