"""What one incarnation reported, for the checks to look at and to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import trio

from regrow._specs.protocol import (
    Exited,
    Fact,
    Key,
    Launched,
    Lost,
    NotLaunched,
    Output,
    OutputGap,
    Ready,
    ReadyFailed,
    RunningProcess,
    Stream,
)

_F = TypeVar("_F", bound=Fact)
TERMINAL = (Exited, Lost)


class Record:
    """One start that was asked for, its answer, and the facts of its incarnation."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.answer: RunningProcess | NotLaunched | None = None
        """`None`: the start was cancelled, or goes on."""
        self.asked_at = trio.current_time()
        """When its start was asked for, on the run's clock; at first, when this was made."""
        self.facts: list[Fact] = []
        self.times: list[float] = []
        """When each fact came."""
        self._thread = threading.get_ident()
        self._is_astray = False  # a fact came in another thread
        self._has_changed = trio.Event()

    def report(self, fact: Fact) -> None:
        """Take a fact."""
        self._is_astray |= threading.get_ident() != self._thread
        self.facts.append(fact)
        self.times.append(trio.current_time())
        self._has_changed.set()
        self._has_changed = trio.Event()

    # -- looking -------------------------------------------------------------------------------------------------------

    @property
    def controls(self) -> RunningProcess:
        """Its controls; it must have been launched."""
        self.require(not isinstance(self.answer, NotLaunched | None), "it is launched")
        assert self.answer is not None
        assert not isinstance(self.answer, NotLaunched)
        return self.answer

    @property
    def refusal(self) -> NotLaunched:
        """Why it was not launched; it must not have been."""
        self.require(isinstance(self.answer, NotLaunched), "its start is refused")
        assert isinstance(self.answer, NotLaunched)
        return self.answer

    @property
    def is_over(self) -> bool:
        """Whether its terminal fact has come."""
        return any(isinstance(fact, TERMINAL) for fact in self.facts)

    @property
    def lasted(self) -> float:
        """Seconds from when its start was asked for to its last fact."""
        return self.times[-1] - self.asked_at

    def has(self, *kinds: type) -> bool:
        """Whether there was a fact of one of these *kinds*."""
        return any(isinstance(fact, kinds) for fact in self.facts)

    def output(self, stream: str = "stdout") -> bytes:
        """What it has printed to *stream*, all in one."""
        return b"".join(f.data for f in self.facts if isinstance(f, Output) and f.stream == Stream(stream))

    def missed(self, stream: str = "stdout") -> int:
        """How many bytes of what it printed to *stream* were not passed on."""
        return sum(f.bytes for f in self.facts if isinstance(f, OutputGap) and f.stream == Stream(stream))

    def require(self, holds: bool, what: str) -> None:
        """Fail the check, with all that is known, unless *what* holds."""
        if not holds:
            raise AssertionError(f"{self.key}: expected that {what}\n{self}")

    def __str__(self) -> str:
        short = (f"  {time:.3f} {str(fact)[:200]}" for time, fact in zip(self.times, self.facts, strict=True))
        answer = self.answer if isinstance(self.answer, NotLaunched | None) else "launched"
        return "\n".join([f"{self.key}: {answer}", *short])

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def wait_for(self, kind: type[_F]) -> _F:
        """Return the first fact of this *kind*, now or when it comes."""
        await self.wait_until(lambda: self.has(kind))
        return next(fact for fact in self.facts if isinstance(fact, kind))

    async def wait_printed(self, text: bytes) -> None:
        """Return when it has printed *text* to its standard output."""
        await self.wait_until(lambda: text in self.output())

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return when *holds()* is true after a fact; it fails if the incarnation is over and it is still not true."""
        while not holds():
            self.require(not self.is_over, "it is not over yet")
            await self._has_changed.wait()

    async def wait_exited(self, **wanted: object) -> Exited:
        """Return its `Exited`, when it comes; its attributes must be those *wanted*."""
        await self.wait_until(lambda: self.is_over)
        return self.exited(**wanted)

    def exited(self, **wanted: object) -> Exited:
        """Its `Exited`, which must be there already, and whose attributes must be those *wanted*."""
        self.require(self.is_over, "it is over")
        exited = self.facts[-1]
        self.require(isinstance(exited, Exited), "its last fact is Exited")
        assert isinstance(exited, Exited)
        for name, value in wanted.items():
            self.require(getattr(exited, name) == value, f"it exited with {name}={value!r}")
        return exited

    # -- what always holds ---------------------------------------------------------------------------------------------

    def verify(self) -> None:
        """Check what holds for every incarnation when its launcher is closed."""
        if isinstance(self.answer, NotLaunched):
            self.require(not self.facts, "a start that was refused reports nothing")
        if not self.facts:
            self.require(isinstance(self.answer, NotLaunched | None), "what was launched reports")
            return
        self.require(not self._is_astray, "all facts come in the thread of the run")
        self.require(isinstance(self.facts[0], Launched), "the first fact is Launched")
        self.require(self._count(Launched) == 1, "there is one Launched")
        self.require(self._count(Ready, ReadyFailed) <= 1, "there is at most one of Ready and ReadyFailed")
        self.require(isinstance(self.facts[-1], TERMINAL), "the last fact is a terminal one")
        self.require(self._count(*TERMINAL) == 1, "there is one terminal fact")
        self.require(all(f.data for f in self.facts if isinstance(f, Output)), "no output is empty")

    def _count(self, *kinds: type) -> int:
        return sum(isinstance(fact, kinds) for fact in self.facts)
