"""All that there is to ask about one child: its sources of activity, and what it is at when it seems to hang."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeAlias, assert_never

import attrs
import trio

from regrow._edge.errand import Errand
from regrow._edge.evidence import BOUND, Ear, Looked, Subject, look, stack
from regrow._edge.holding import Spawned
from regrow._edge.readying.getting import make_scene
from regrow._edge.request import Request
from regrow._edge.sources.callback import Calling
from regrow._edge.sources.probing import Probing
from regrow._edge.sources.progress import Progressing, cpu_reader, io_reader
from regrow._edge.sources.told import Beats, Prints, Pulses
from regrow._edge.workshop import Workshop
from regrow._specs.activity import (
    AllOf,
    AnyOf,
    Callback,
    CpuProgress,
    Heartbeat,
    IoProgress,
    Output,
    Probe,
    Source,
    Via,
)
from regrow._specs.hang import HangPolicy
from regrow._specs.protocol import Activity, Evidence, Fact, SourceFailed, Stream, Triggered
from regrow._specs.protocol import Output as Printed
from regrow._specs.stop import To

RunErrand = Callable[[Sequence[str], Callable[[Errand], None]], Errand]
Sign: TypeAlias = tuple[float, str]
"""A moment on the run's clock, and by which source."""


class Slow(Protocol):
    """A source that must be looked at."""

    async def look(self) -> None:
        """Look, within bounds. Raises nothing."""


class Sources:
    """The sources of one child. Made before anything of it is read."""

    __slots__ = ("_ear", "_newest", "_policy", "_prints", "_request", "_slow", "_spawned", "_tools", "request")

    def __init__(self, tools: Workshop, request: Request, spawned: Spawned, run_errand: RunErrand) -> None:
        policy = request.spec.hang
        assert isinstance(policy, HangPolicy)
        self._tools = tools
        self._request = request
        self._spawned = spawned
        self._policy = policy
        self._slow: list[Calling | Progressing | Probing] = []
        self._prints: list[Prints] = []
        self._ear = Ear()
        self._newest = _nothing if policy.activity is None else self._make(policy.activity, run_errand)
        self.request = attrs.evolve(request, report=self._hear)
        """The same, but what is reported of its output is looked at on its way."""
        if request.notify is not None:
            request.notify.heard.when_triggered = partial(request.report, Triggered())

    async def ask(self) -> Activity | None:
        """The newest sign of life; `None`: there has been none. Bounded by the timeouts of the sources."""
        if len(self._slow) == 1:
            await self._slow[0].look()
        elif self._slow:
            async with trio.open_nursery() as nursery:
                for source in self._slow:
                    nursery.start_soon(source.look)
        newest = self._newest()
        return None if newest is None else Activity(newest[1], max(0.0, trio.current_time() - newest[0]))

    async def examine(self, evidence: Evidence, *, dump: bool) -> Evidence:
        """*evidence* with what more there is to say. Bounded."""
        pid = self._spawned.hold.pid
        looked = await self._tools.look(partial(look, pid)) or Looked()
        found = looked.add_to(evidence, dump=dump)
        if not dump:
            return found
        with trio.move_on_after(BOUND):
            signal = lambda number: self._spawned.hold.signal(number, To.MAIN)  # noqa: E731
            found = attrs.evolve(found, stack=await stack(Subject(pid, signal, self._ear, self._policy.dump), looked))
        for source in self._slow:
            if isinstance(source, Progressing):
                source.disregard()
        return found

    def _hear(self, fact: Fact) -> None:
        """On its way to whoever is told: output is a sign of life, unless it is the stack that we have asked for."""
        if isinstance(fact, Printed):
            self._ear_or_prints(fact)
        self._request.report(fact)

    def _ear_or_prints(self, fact: Printed) -> None:
        is_stack = self._ear.is_open and (fact.stream is Stream.STDERR or self._request.spec.terminal)
        if is_stack:
            self._ear.hear(fact.data)
            return
        for source in self._prints:
            source.hear(fact.stream)

    # -- from specs to what looks --------------------------------------------------------------------------------------

    def _make(self, spec: Source, run_errand: RunErrand) -> Callable[[], Sign | None]:
        """Make what *spec* names; the answer says the newest sign of it."""
        match spec:
            case AnyOf(sources=parts) | AllOf(sources=parts):
                made = [self._make(part, run_errand) for part in parts]
                return partial(_any_of if isinstance(spec, AnyOf) else _all_of, made)
            case Heartbeat():
                return partial(_sign, self._beats(spec))
            case Output():
                self._prints.append(Prints(spec))
                return partial(_sign, self._prints[-1])
            case CpuProgress() | IoProgress() | Callback() | Probe():
                self._slow.append(self._looking(spec, run_errand))
                return partial(_sign, self._slow[-1])
            case _:
                assert_never(spec)

    def _beats(self, spec: Heartbeat) -> Beats | Pulses | Silent:
        if spec.via is Via.PIPE and self._request.pulse is not None:
            return Pulses(self._request.pulse.read)
        if spec.via is Via.NOTIFY and self._request.notify is not None:
            return Beats(self._request.notify.heard)
        return Silent()

    def _looking(
        self, spec: CpuProgress | IoProgress | Callback | Probe, run_errand: RunErrand
    ) -> Calling | Progressing | Probing:
        pid, leaf = self._spawned.hold.pid, self._spawned.leaf
        match spec:
            case CpuProgress():
                return Progressing(spec, cpu_reader(pid, leaf), self._tools.look, self._fail)
            case IoProgress():
                return Progressing(spec, io_reader(pid, leaf), self._tools.look, self._fail)
            case Callback():
                return Calling(spec, self._fail)
            case Probe():
                scene = make_scene(self._tools, self._request, self._spawned, run_errand)
                return Probing(spec, scene, self._fail)
            case _:
                assert_never(spec)

    def _fail(self, source: str, why: str) -> None:
        self._request.report(SourceFailed(source, why))


class Silent:
    """A source that this system does not have."""

    name = ""
    at: float | None = None


def _sign(source: Beats | Pulses | Prints | Calling | Progressing | Probing | Silent) -> Sign | None:
    at = source.at
    return None if at is None else (at, source.name)


def _any_of(parts: Sequence[Callable[[], Sign | None]]) -> Sign | None:
    """The newest."""
    return max((sign for part in parts if (sign := part()) is not None), default=None)


def _all_of(parts: Sequence[Callable[[], Sign | None]]) -> Sign | None:
    """The oldest; `None`, as long as one of them has shown nothing."""
    signs = [part() for part in parts]
    found = [sign for sign in signs if sign is not None]
    return min(found) if len(found) == len(signs) else None


def _nothing() -> Sign | None:
    """No source at all."""
    return None
