"""Waits for what a probe waits for: its parts at once, each in its way, and what is missing told when that changes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, assert_never

import attrs
import trio

from regrow._edge.readying import asking, files, ports
from regrow._edge.readying.pacing import pauses
from regrow._edge.readying.patience import Patience
from regrow._edge.readying.scene import Scene
from regrow._specs.asking import HttpOk, Succeeds
from regrow._specs.combined import AllOf, AnyOf, AnyProbe
from regrow._specs.protocol import Probe, Ready, ReadyFailed
from regrow._specs.readiness import Calls, Completes, FileExists, Notified, OutputLine, TcpPort, UnixSocket

if TYPE_CHECKING:
    from regrow._specs.combined import ReadySpec

_LATEST = 0.2  # seconds between two attempts to connect, in the long run
_STRANGER = 0.5  # seconds until a stranger is looked for again: that may take a look at all processes
_CONNECT = 1.0  # seconds for one attempt: a firewall may swallow it, and the next one may be answered


Polled: TypeAlias = TcpPort | UnixSocket | HttpOk | Succeeds | Calls


class NeverError(Exception):
    """It is never going to be ready."""


class Part:
    """A probe, or a part of one, while it is waited for."""

    def __init__(self, probe: ReadySpec, changed: Callable[[], object]) -> None:
        self.probe = probe
        self.parts = [Part(part, changed) for part in probe.probes] if isinstance(probe, AllOf | AnyOf) else []
        self._was_seen = False
        self.last_error = ""
        """What was the matter with the last try."""
        self.stranger = ""
        """Who answers in its place."""
        self._changed = changed

    @property
    def is_seen(self) -> bool:
        """Whether it is there; so it is as soon as enough of its parts are."""
        match self.probe:
            case AllOf():
                return all(part.is_seen for part in self.parts)
            case AnyOf():
                return any(part.is_seen for part in self.parts)
            case _:
                return self._was_seen

    def be_seen(self) -> None:
        """It is there."""
        self._was_seen = True
        self._changed()

    def meet(self, error: Exception) -> None:
        """This was the matter with a try."""
        self.last_error = words_of(error)
        stranger = self.last_error if isinstance(error, ports.StrangerError) else ""
        if stranger != self.stranger:
            self.stranger = stranger
            self._changed()

    def missing(self) -> str:
        """What it still takes."""
        if not isinstance(self.probe, AllOf | AnyOf):
            return f"{self.probe} ({self.stranger})" if self.stranger else str(self.probe)
        left = [part for part in self.parts if not part.is_seen]
        texts = [part.missing() for part in left]
        if len(left) == 1:
            return texts[0]
        joined = (f"({text})" if len(part.parts) > 1 else text for part, text in zip(left, texts, strict=True))
        return (" and " if isinstance(self.probe, AllOf) else " or ").join(joined)

    def complaints(self) -> list[str]:
        """What was the matter, where something was."""
        if self.parts:
            return [text for part in self.parts if not part.is_seen for text in part.complaints()]
        return [self.last_error] if self.last_error else []


@attrs.define(eq=False)
class Waiting:
    """Waits for one child to be ready."""

    probe: ReadySpec
    scene: Scene
    patience: Patience
    tell: Callable[[str], object]
    """Called with what it still takes, at first and whenever that changes."""

    _root: Part = attrs.field(init=False)
    _told: str = attrs.field(default="", init=False)

    def __attrs_post_init__(self) -> None:
        self._root = Part(self.probe, self._changed)

    def begin(self) -> None:
        """Tell what it takes."""
        self._changed()

    async def run(self, start_timeout: float) -> Ready | ReadyFailed:
        """Wait until it is ready, or is not going to be.

        With `Completes`, `Ready` is never the answer: whoever sees the end of the process says how it was.
        """
        with self.patience.scope:
            try:
                await _see(self._root, self.scene)
            except Exception as error:  # noqa: BLE001  a probe may be anybody's
                return ReadyFailed(words_of(error))
            return Ready()
        return ReadyFailed(self._failure(start_timeout))

    def _failure(self, start_timeout: float) -> str:
        more = ", nor in the time that it has asked for" if self.patience.was_extended else ""
        late = f"not ready within {start_timeout:g} s{more}: still waiting for {self._root.missing()}"
        complaints = [text for text in self._root.complaints() if text not in late]
        return f"{late}; last error: {', '.join(complaints)}" if complaints else late

    def _changed(self) -> None:
        if not self._root.is_seen and (missing := self._root.missing()) != self._told:
            self._told = missing
            self.tell(missing)


async def see(probe: AnyProbe, scene: Scene) -> None:
    """Return when *probe* sees what it waits for.

    Raises:
        Exception: it never will.
    """
    await _see(Part(probe, _nothing), scene)


async def _see(part: Part, scene: Scene) -> None:
    match part.probe:
        case AllOf():
            await _see_all(part, scene)
        case AnyOf():
            await _see_any(part, scene)
        case _:
            await _see_one(part, scene)
            part.be_seen()


async def _see_all(whole: Part, scene: Scene) -> None:
    errors = list[Exception]()

    async def wait(part: Part) -> None:
        try:
            await _see(part, scene)
        except Exception as error:  # noqa: BLE001  a probe may be anybody's
            errors.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for part in whole.parts:
            nursery.start_soon(wait, part)
    if errors:
        raise errors[0]


async def _see_any(whole: Part, scene: Scene) -> None:
    errors = list[str]()

    async def wait(part: Part) -> None:
        try:
            await _see(part, scene)
        except Exception as error:  # noqa: BLE001  a probe may be anybody's
            errors.append(words_of(error))
            part.last_error = words_of(error)
        else:
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for part in whole.parts:
            nursery.start_soon(wait, part)
    if len(errors) == len(whole.parts):
        raise NeverError("; ".join(errors))


async def _see_one(part: Part, scene: Scene) -> None:
    match part.probe:
        case TcpPort() | UnixSocket() | HttpOk() | Succeeds() | Calls():
            await _poll(part, part.probe, scene)
        case FileExists() as probe:
            await files.wait_there(scene.place(probe.path), scene.marks, scene.look)
        case OutputLine() as probe:
            assert scene.lines is not None
            await scene.lines.wait(probe)
        case Notified():
            assert scene.heard is not None
            await scene.heard.ready.wait()
        case Completes():
            await trio.sleep_forever()
        case Probe():
            await part.probe.wait_ready(scene.target)
        case _:
            raise NeverError(f"{part.probe!r} is no probe")


async def _poll(part: Part, probe: Polled, scene: Scene) -> None:
    """Try it until it goes well. What it raises says: not yet."""
    latest, timeout = _pace(probe)
    for pause in pauses(latest):
        with trio.move_on_after(timeout) as limit:
            try:
                await _try(probe, scene)
            except Exception as error:  # noqa: BLE001  a function may be anybody's
                part.meet(error)
            else:
                return
        if limit.cancelled_caught:
            part.meet(OSError(f"no answer within {timeout:g} s"))
        await trio.sleep(max(pause, _STRANGER) if part.stranger else pause)


def _pace(probe: Polled) -> tuple[float, float]:
    """Seconds between two tries, in the long run, and for one of them."""
    match probe:
        case TcpPort() | UnixSocket():
            return _LATEST, _CONNECT
        case HttpOk() | Succeeds():
            return probe.interval, probe.timeout
        case Calls():
            return probe.interval, math.inf
        case _:
            assert_never(probe)


async def _try(probe: Polled, scene: Scene) -> None:
    match probe:
        case TcpPort():
            await ports.try_port(probe, scene)
        case UnixSocket():
            await ports.try_unix(probe, scene)
        case HttpOk():
            await asking.try_http(probe, scene)
        case Succeeds():
            await asking.try_command(probe, scene)
        case Calls():
            await asking.try_call(probe)
        case _:
            assert_never(probe)


def words_of(error: Exception) -> str:
    """What it says; trio's own words about a connection would repeat its address."""
    if isinstance(error, asking.WrongError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or repr(error)


def _nothing() -> None:
    """Nobody wants to know."""
