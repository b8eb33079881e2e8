"""What the tests of actors share: small trees, and events as short words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

from regrow import ChildSpec, SupervisorHandle, SupervisorSpec, open_supervisor
from regrow import events as ev
from regrow.testing import FakeLauncher

settle = wait_all_tasks_blocked


def child(name: str, **settings) -> ChildSpec:
    """A child without a backoff, whose program is up to the launcher."""
    return ChildSpec(**{"name": name, "command": ["program"], "backoff": None, **settings})


def supervisor(*children, **settings) -> SupervisorSpec:
    """A supervisor of children that are specs, or names."""
    specs = [child(c) if isinstance(c, str) else c for c in children]
    return SupervisorSpec(**{"name": "app", "children": specs, "backoff": None, **settings})


@attrs.define
class Opened:
    """A tree of fakes that is open, and what has happened to it."""

    handle: SupervisorHandle
    launcher: FakeLauncher
    events: list[ev.Event]

    def take(self) -> list[str]:
        """What happened since this was called last, in short words."""
        words = [brief(event) for event in self.events]
        self.events.clear()
        return words

    async def after(self, *actions: Callable[[], object]) -> list[str]:
        """What happens when all these have been called in one go."""
        await settle()
        self.events.clear()
        for action in actions:
            action()
        await settle()
        return self.take()

    async def crash(self, *paths: str) -> list[str]:
        """What happens when the newest incarnations of these exit with 1, in this order, in one go."""
        return await self.after(*[lambda path=path: self.launcher.newest(path).exit(1) for path in paths])

    def running(self) -> list[str]:
        """The keys of what lives, in launch order."""
        return [str(process.key) for process in self.launcher.running]


@asynccontextmanager
async def opened(spec: SupervisorSpec, launcher: FakeLauncher | None = None) -> AsyncIterator[Opened]:
    """Open *spec* on fakes; afterwards nothing is left."""
    launcher = launcher or FakeLauncher()
    events: list[ev.Event] = []
    async with open_supervisor(spec, launcher=launcher, sinks=[events.append], random=Random(7)) as handle:
        yield Opened(handle, launcher, events)
    assert launcher.running == []


def brief(event: ev.Event) -> str:  # noqa: C901  # one arm for each kind
    """An event in two or three words: `started b#2`, `b crashed`."""
    match event:
        case ev.ChildStarted(path, incarnation=number):
            return f"started {path}#{number}"
        case ev.ChildReady(path):
            return f"ready {path}"
        case ev.ChildStopping(path):
            return f"stopping {path}"
        case ev.ChildExited(path, exit=exit) | ev.SupervisorExited(path, exit=exit):
            return f"{path} {exit.reason}"
        case ev.ChildStartFailed(path):
            return f"failed {path}"
        case ev.RestartScheduled(path, delay=delay):
            return f"due {path}" + (f" in {delay:.3g}" if delay else "")
        case ev.RestartCancelled(path):
            return f"cancelled {path}"
        case ev.SupervisorStarted(path, incarnation=number):
            return f"booting {path}#{number}"
        case ev.SupervisorReady(path):
            return f"booted {path}"
        case ev.SupervisorStopping(path, why=why):
            return f"ending {path}: {why}"
        case ev.SupervisorGaveUp(path, culprit=culprit):
            return f"{path} gave up on {culprit}"
        case ev.ChildOutput(path, stream=stream, line=line):
            return f"{path} {stream}: {line}"
        case _:
            return f"{type(event).__name__} {event.path}"


async def until(supervisor: SupervisorHandle, condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds, looked at whenever something happens; bounded."""
    with trio.fail_after(30):
        stream = supervisor.events()
        while not condition():
            await anext(stream)
