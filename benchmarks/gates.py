"""What must hold, as ratios within one session: not how fast the machine is, but how much of it we take."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import attrs

from benchmarks.figures import Results
from benchmarks.inside import CASES, PHASES, STEPS
from benchmarks.ours import COMPILED, FLOOR, PYTHON
from benchmarks.table import milliseconds, percent, size, times

Show = Callable[[float], str]


@attrs.frozen
class Verdict:
    """One gate, judged."""

    what: str
    found: float | None
    """`None`: it was not measured."""

    bar: float
    show: Show
    is_floor: bool = False
    """Whether the bar is the least, not the most."""

    spread: tuple[float, float] | None = None
    """The least and the most of all rounds."""

    @property
    def holds(self) -> bool | None:
        """Whether it is met; `None`: nobody knows."""
        if self.found is None or math.isnan(self.found):
            return None
        return self.found >= self.bar if self.is_floor else self.found <= self.bar

    def row(self) -> list[str]:
        """As a row of a table."""
        if self.found is None:
            return [self.what, self._bar(), "not measured", "", "?"]
        spread = f"{self.show(self.spread[0])} to {self.show(self.spread[1])}" if self.spread else ""
        return [self.what, self._bar(), self.show(self.found), spread, "met" if self.holds else "**missed**"]

    def _bar(self) -> str:
        return f"{'≥' if self.is_floor else '≤'} {self.show(self.bar)}"


def judge(results: Results) -> list[Verdict]:
    """All gates."""
    return [
        *(*_speed(results), *_idle(results), *_watching(results)),
        *(*_stalls(results), *_growth(results), *_survivors(results)),
    ]


def _speed(results: Results) -> list[Verdict]:
    def to_floor(what: str, name: str, bar: float, *, is_floor: bool = False) -> Verdict:
        return _of(f"{what}, to the C loop", results.ratios(name, COMPILED, FLOOR), bar, times, is_floor=is_floor)

    def flat(what: str, name: str) -> Verdict:
        ratios = results.ratios(f"{name} 5000", COMPILED, COMPILED, f"{name} 100")
        return _of(f"{what}, 5,000 live to 100", ratios, 1.4, times)

    return [
        to_floor("death to replacement, `/bin/sleep`, 1,000 live", "sleep death 1000", 1.6),
        to_floor("death to replacement, empty program, 1,000 live", "death 1000", 3.2),
        flat("death to replacement, `/bin/sleep`", "sleep death"),
        flat("death to replacement, empty program", "death"),
        to_floor("start of 1,000", "start 1000", 2.5),
        to_floor("stop of 1,000", "stop 1000", 4.5),
        to_floor("restarts per second, one crash loop, dynamic program", "ordinary restarts 1", 0.5, is_floor=True),
    ]


def _idle(results: Results) -> list[Verdict]:
    memory = results.values("own memory 1000", COMPILED)
    return [
        _of("memory of the supervising process for each of 1,000", memory, 12 * 1024.0, size),
        *(
            _of(f"CPU, {count:,} idle, of a core", results.values(f"cpu {count}", COMPILED), 0.001, percent)
            for count in (1000, 5000)
        ),
    ]


def _watching(results: Results) -> list[Verdict]:
    return [
        _of(f"CPU, 1,000 watched (`{case}`), of a core", results.values(f"watching {case}", COMPILED), bar, percent)
        for case, bar in CASES.items()
    ]


def _stalls(results: Results) -> list[Verdict]:
    return [
        _of(f"longest stall while 100 {phase}", results.values(f"gap {phase}", COMPILED), 0.01, milliseconds)
        for phase in PHASES
    ]


def _growth(results: Results) -> list[Verdict]:
    return [
        _of(
            f"cost per child of `{step}`, 1,000 to 100",
            results.ratios(f"growth {step} 1000", COMPILED, COMPILED, f"growth {step} 100"),
            1.5,
            times,
        )
        for step in STEPS
    ]


def _survivors(results: Results) -> list[Verdict]:
    return [
        Verdict(
            f"left of 100 after the supervisor's SIGKILL, {name}",
            max(results.values("survivors", name), default=None),
            0.0,
            lambda count: f"{count:.0f}",
        )
        for name in (COMPILED, PYTHON)
    ]


def _of(what: str, values: list[float], bar: float, show: Show, *, is_floor: bool = False) -> Verdict:
    """The median of *values* against *bar*."""
    if not values:
        return Verdict(what, None, bar, show, is_floor)
    return Verdict(what, statistics.median(values), bar, show, is_floor, (min(values), max(values)))
