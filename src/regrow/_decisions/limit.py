"""Where a child stands with its limits: pure functions of samples and of the time.

Nearly always it is far below all of them. That is found out first, and then nothing more is done: for a thousand
children, once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from regrow._specs.limit import Limit, Measure, RestartAbove, amount
from regrow._specs.protocol import Sample

NEAR, FAR = 0.9, 0.8
"""The shares of a limit at which a child comes near it, and is no longer near: a value that trembles is one change."""

GAP = 3.0
"""Seconds without a sample after which nobody knows whether it was above all the time: its time begins anew."""

_ROUNDING = 1e-6


@attrs.frozen
class Reading:
    """A sample, and when it was taken, on the run's clock."""

    at: float
    sample: Sample


@attrs.frozen(kw_only=True)
class Rule:
    """A limit as it is applied."""

    limit: Limit
    measure: Measure
    most: float
    near: float
    """From here on it is worth a closer look."""

    value: Callable[[Reading | None, Reading], float | None]
    """What is measured, from two readings one after the other; `None`: that is not to be had."""


@attrs.frozen(kw_only=True)
class Mark:
    """Where a child stands with one limit."""

    value: float | None = None
    """The one that brought it there; `None`: it is far below, or nobody knows."""

    since: float | None = None
    """Since when it has been above, without a break; `None`: it is not."""

    lasted: float = 0.0
    """For how many seconds."""

    is_over: bool = False
    """Whether that is long enough for something to happen."""

    is_near: bool = False
    """Whether it has used most of what the limit allows."""


CALM = Mark()


@attrs.frozen
class Standing:
    """Where a child stands with all of its limits."""

    rules: tuple[Rule, ...]
    marks: tuple[Mark, ...]
    last: Reading | None = None
    """The newest reading, from which shares are measured."""

    is_calm: bool = True
    """Whether all marks are `CALM`."""

    def pairs(self) -> Iterator[tuple[Limit, Mark]]:
        """Each limit with its mark."""
        return ((rule.limit, mark) for rule, mark in zip(self.rules, self.marks, strict=True))


def begin(limits: Sequence[Limit]) -> Standing:
    """Where a child stands of which nothing is known yet."""
    return Standing(tuple(map(_rule, limits)), (CALM,) * len(limits))


def needs_samples(limits: Sequence[Limit]) -> bool:
    """Whether any of these needs more than a clock."""
    return any(limit.measure is not Measure.AGE for limit in limits)


def look(standing: Standing, reading: Reading) -> Standing:
    """Where it stands after *reading*."""
    if standing.is_calm and _is_far_below(standing, reading):
        return Standing(standing.rules, standing.marks, reading)
    pairs = zip(standing.rules, standing.marks, strict=True)
    return _standing(standing, [_step(rule, mark, standing.last, reading) for rule, mark in pairs], reading)


def grow_old(standing: Standing, age: float) -> Standing:
    """Where it stands when it is so old, time left out in which it was paused."""
    pairs = zip(standing.rules, standing.marks, strict=True)
    return _standing(standing, [_step_of_age(rule, mark, age) for rule, mark in pairs], standing.last)


def next_age(standing: Standing) -> float | None:
    """The age at which it is too old for one of its limits; `None`: it never will be, or is so for all of them."""
    pairs = zip(standing.rules, standing.marks, strict=True)
    ages = [rule.most for rule, mark in pairs if rule.measure is Measure.AGE and not mark.is_over]
    return min(ages, default=None)


def resumed(standing: Standing, paused_for: float) -> Standing:
    """Where it stands after a pause, which counts for nothing: no share of a core is measured across it either."""
    marks = [m if m.since is None else attrs.evolve(m, since=m.since + paused_for) for m in standing.marks]
    return _standing(standing, marks, None)


def newly_over(before: Standing, after: Standing) -> list[tuple[Limit, Mark]]:
    """The limits that it is over now and was not before."""
    pairs = zip(before.marks, after.pairs(), strict=True)
    return [(limit, mark) for old, (limit, mark) in pairs if mark.is_over and not old.is_over]


def concerns(standing: Standing) -> list[str]:
    """In words, what makes it degraded: what it was warned of, and what it is near."""
    return [why(limit, mark) for limit, mark in standing.pairs() if _is_concern(limit, mark)]


def why(limit: Limit, mark: Mark) -> str:
    """In words, where it stands with *limit*: the limit, the value, and for how long it has been above."""
    value = amount(limit.measure, mark.value or 0.0)
    if mark.is_over:
        lasting = f" for {mark.lasted:.3g} s" if limit.for_ else ""
        return f"{limit}: {value}{lasting}"
    return f"{limit.measure} near {amount(limit.measure, limit.most)}: {value}"


def _is_concern(limit: Limit, mark: Mark) -> bool:
    return mark.is_over or (mark.is_near and isinstance(limit, RestartAbove))


def _standing(before: Standing, marks: list[Mark], last: Reading | None) -> Standing:
    return Standing(before.rules, tuple(marks), last, all(mark is CALM for mark in marks))


def _is_far_below(standing: Standing, reading: Reading) -> bool:
    last = standing.last
    for rule in standing.rules:
        value = rule.value(last, reading)
        if value is not None and value >= rule.near:
            return False
    return True


def _step(rule: Rule, mark: Mark, last: Reading | None, reading: Reading) -> Mark:
    if rule.measure is Measure.AGE:
        return mark
    value = rule.value(last, reading)
    near = FAR * rule.most if mark.is_near else rule.near
    if value is None or value < near:
        return CALM
    since = _since(mark, last, reading) if value > rule.most else None
    lasted = 0.0 if since is None else reading.at - since
    is_over = since is not None and lasted >= rule.limit.for_ - _ROUNDING
    return Mark(value=value, since=since, lasted=lasted, is_over=is_over, is_near=True)


def _step_of_age(rule: Rule, mark: Mark, age: float) -> Mark:
    if rule.measure is not Measure.AGE:
        return mark
    return Mark(value=age, is_over=True) if age >= rule.most - _ROUNDING else CALM


def _since(mark: Mark, last: Reading | None, reading: Reading) -> float:
    is_gap = last is not None and reading.at - last.at > GAP
    return reading.at if mark.since is None or is_gap else mark.since


# -- what is measured --------------------------------------------------------------------------------------------------


def _rule(limit: Limit) -> Rule:
    measure, most = limit.measure, limit.most
    return Rule(limit=limit, measure=measure, most=most, near=NEAR * most, value=_VALUES[measure])


def _memory(last: Reading | None, reading: Reading) -> float | None:
    sample = reading.sample
    return sample.rss if sample.pss is None else sample.pss


def _share(last: Reading | None, reading: Reading) -> float | None:
    """CPU time between two readings, by the time between them. What has ended in between takes its own along."""
    if last is None or reading.at <= last.at:
        return None
    return max(0.0, reading.sample.cpu - last.sample.cpu) / (reading.at - last.at)


_VALUES: dict[Measure, Callable[[Reading | None, Reading], float | None]] = {
    Measure.MEMORY: _memory,
    Measure.CPU: _share,
    Measure.DESCRIPTORS: lambda _, reading: reading.sample.open_files,
    Measure.THREADS: lambda _, reading: reading.sample.threads,
    Measure.AGE: lambda _, reading: None,  # a clock tells it, and no sample
}
