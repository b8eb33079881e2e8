"""An opened launcher under examination, and everything that was started with it."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import attrs
import psutil
import trio

from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key, Launcher, NotLaunched, OpenLauncher
from regrow.testing._checks.record import Record


def is_alive(pid: int) -> bool:
    """Whether there is a process *pid* on this machine that has not ended; a zombie has."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def ask(address: str) -> bytes:
    """What a server at `host:port` of this machine answers who connects to it.

    Raises:
        OSError: nobody listens there.
    """
    host, _, port = address.rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        return bytes(await stream.receive_some())


@attrs.frozen(kw_only=True)
class Conditions:
    """How long checks wait, and how they see what a launcher has done. Seconds of trio's clock."""

    grace: float = 0.2
    """What is meant to run out: the grace of one that ignores it, the time of one that is never ready."""

    patience: float = 10.0
    """What is not meant to run out: a check that takes longer fails. Everything that has no other limit ends by it."""

    is_alive: Callable[[int], bool] = is_alive
    """Whether the process with this pid runs, where the launcher runs processes."""

    is_there: Callable[[int], bool] = psutil.pid_exists
    """The same, and also whether only a zombie is left of it."""

    ask: Callable[[str], Awaitable[bytes]] = ask
    """What is answered, where the launcher listens, to who connects to a `host:port`."""


class Trial:
    """A launcher that is open, with what checks need to use it."""

    def __init__(self, make: Callable[[], Launcher], conditions: Conditions, opened: OpenLauncher) -> None:
        self.opened = opened
        self.grace = conditions.grace
        self.least = 0.95 * conditions.grace
        """How long a grace takes at least: clocks round, and a launch is noted a moment after it happened."""
        self.long = 2 * conditions.patience
        """A time that is over too late: whatever waits for it fails."""
        self.is_alive = conditions.is_alive
        self.is_there = conditions.is_there
        self.ask = conditions.ask
        self.records: list[Record] = []
        self.make = make
        self._conditions = conditions

    @property
    def reaches_all(self) -> bool:
        """Whether its containment reaches descendants wherever they are, not only in the group."""
        return self.make().containment != "group"

    def another(self) -> AbstractAsyncContextManager[Trial]:
        """Open another launcher of the kind, as a trial of its own: for checks of the end of the block."""
        return open_trial(self.make, self._conditions)

    def record(self, incarnation: int = 1) -> Record:
        """A place for what a new incarnation reports, with a key that nobody has used."""
        key = Key("conformance", f"check/{len(self.records)}", incarnation)
        self.records.append(Record(key))
        return self.records[-1]

    async def launch(self, command: Sequence[str], **fields: Any) -> Record:
        """Launch *command* under a new key; it must succeed."""
        record = await self.start(self.record(), command, **fields)
        record.require(not isinstance(record.answer, NotLaunched), "it is launched")
        return record

    async def launch_if_possible(self, command: Sequence[str], **fields: Any) -> Record | None:
        """The same, unless the launcher says that it cannot do this here: beforehand, or in the answer."""
        spec = self.spec(command, **fields)
        if any(self.make().check(spec)):
            return None
        record = await self.start(self.record(), command, **fields)
        if isinstance(record.answer, NotLaunched):
            record.require(bool(record.answer.why), "it says why that cannot be had")
            return None
        return record

    def spec(self, command: Sequence[str], **fields: Any) -> ChildSpec:
        """What is launched."""
        everything: dict[str, Any] = {"name": "check", "command": command, "output": "discard", **fields}
        return ChildSpec(**everything)

    async def start(self, record: Record, command: Sequence[str], **fields: Any) -> Record:
        """Ask for the start of *command* as *record*, and note the answer."""
        spec = self.spec(command, **fields)
        record.asked_at = trio.current_time()
        record.answer = await self.opened.launch(record.key, spec, record.report)
        return record

    def again(self, record: Record) -> Record:
        """A place for what a second start with the key of *record* reports."""
        self.records.append(Record(record.key))
        return self.records[-1]

    def next(self, record: Record) -> Record:
        """A place for what the next incarnation at the path of *record* reports."""
        key = attrs.evolve(record.key, incarnation=record.key.incarnation + 1)
        self.records.append(Record(key))
        return self.records[-1]

    def verify(self) -> None:
        """Check what holds for every incarnation when the launcher is closed."""
        for record in self.records:
            record.verify()


@asynccontextmanager
async def open_trial(make: Callable[[], Launcher], conditions: Conditions) -> AsyncGenerator[Trial]:
    """Open a new launcher; when the block has come to its end, check what always holds."""
    async with make().open() as opened:
        trial = Trial(make, conditions, opened)
        yield trial
    trial.verify()  # not after an error: that one says more


Check: TypeAlias = Callable[[Trial], Awaitable[None]]


async def run_check(check: Check, make: Callable[[], Launcher], conditions: Conditions) -> None:
    """Run one check with a new launcher.

    Raises:
        AssertionError: a promise is not kept, or it takes longer than the patience; with all facts that came.
    """
    records: list[Record] = []
    with trio.move_on_after(conditions.patience) as patience:
        async with open_trial(make, conditions) as trial:
            records = trial.records
            await check(trial)
    if patience.cancelled_caught:
        facts = "\n".join(map(str, records))
        name = getattr(check, "__name__", check)
        raise AssertionError(f"{name}: not over after {conditions.patience:g} s\n{facts}")


def free_port() -> int:
    """A TCP port at which nobody listened a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
