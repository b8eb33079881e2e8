"""What a tree does under given failure rates: to choose its restarts, windows and backoffs by numbers.

    simulate(spec, {"web/*": Failures(every=3600.0, start_takes=2.0)}, duration=86_400, runs=100).table()

It is no model of a tree. The supervisors are the real ones; their processes are fakes, and their clock jumps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from random import Random

import attrs
import trio
from trio.testing import MockClock

from regrow._run import open_supervisor
from regrow._specs import fields
from regrow._specs.check import Problem, gather, report
from regrow._specs.child import ChildSpec
from regrow._specs.facts import Key
from regrow._specs.readiness import Completes
from regrow._specs.supervisor import AnySpec, AnySupervisorSpec, DynamicSpec, walk
from regrow.exceptions import InvalidSpecError, StartFailedError, TooManyRestartsError
from regrow.testing._simulating.counting import Count
from regrow.testing._simulating.figures import ChildFigures, Simulation
from regrow.testing.fake import FakeLauncher, Script

__all__ = ["ChildFigures", "Failures", "Simulation", "simulate"]

_INSTANT = 0.001  # a fake that takes 0 s to end has ended before its start is answered


@attrs.frozen(kw_only=True, field_transformer=gather)
class Failures:
    """How a child fails.

    Raises:
        InvalidSpecError: when made, with every problem at once.
    """

    every: float = attrs.field(default=math.inf, converter=fields.to_seconds, validator=fields.seconds(above=0))
    """The mean time between failures, in seconds from ready to the crash: exponential, so age makes no difference."""

    start_takes: float = attrs.field(default=0.0, converter=fields.to_seconds, validator=fields.seconds(infinite=False))
    """Seconds from its launch until it is ready, or until its start fails."""

    start_fails: float = attrs.field(default=0.0, converter=fields.to_seconds, validator=fields.number(0, 1))
    """The chance that a start fails."""

    exit_code: int = attrs.field(default=1, validator=fields.count(0))
    """What it exits with when it fails."""

    def __attrs_post_init__(self) -> None:
        report(self, "failures")


def simulate(
    spec: AnySupervisorSpec,
    failures: Mapping[str, Failures],
    *,
    seed: int = 0,
    duration: float = 86_400.0,
    runs: int = 1,
) -> Simulation:
    """Run the tree on a clock that jumps, with processes that fail by chance, and tell what came of it.

    Two simulations with the same arguments have the same failures. Probes, hang policies and limits are left out: a
    child is ready when `start_takes` is over, and what ends it is one of its *failures*. Dynamic supervisors have no
    children. It has an event loop of its own, so within one call it by `trio.to_thread.run_sync`.

    Args:
        spec: the tree.
        failures: by path, or by a pattern of paths such as `"web/*"` or `"*"`; the first that fits counts. A child that
            none fits never fails.
        seed: another one is another course of events.
        duration: seconds of each run.
        runs: how many; the chance of giving up is known to about 1 in so many.

    Raises:
        InvalidSpecError: a pattern fits no child, or *duration* or *runs* make no sense.
    """
    _check(spec, failures, duration, runs)
    plain = _without_judges(spec)
    assert not isinstance(plain, ChildSpec)
    counts = [_Run(plain, failures, f"{seed}/{number}", duration).go() for number in range(runs)]
    return _summary(plain, counts, duration)


class _Run:
    """One run."""

    def __init__(self, spec: AnySupervisorSpec, failures: Mapping[str, Failures], seed: str, duration: float) -> None:
        self.count = Count()
        self.lasted = duration
        """Seconds until it was over."""
        self.has_given_up = False
        self.did_not_start = False
        self._spec = spec
        self._failures = failures
        self._seed = seed
        self._duration = duration

    def go(self) -> _Run:
        trio.run(self._main, clock=MockClock(autojump_threshold=0))
        return self

    async def _main(self) -> None:
        launcher = FakeLauncher(self._script)
        # What was drawn for a failure does not depend on the order in which the tasks of one moment run.
        began, chance = trio.current_time(), Random(self._seed)
        try:
            async with open_supervisor(
                self._spec, launcher=launcher, sinks=[self.count], journal_size=1, random=chance
            ):
                await trio.sleep_until(began + self._duration)
        except* TooManyRestartsError:
            self.has_given_up = True
        except* StartFailedError:
            self.did_not_start = True
        if self.has_given_up or self.did_not_start:
            self.lasted = trio.current_time() - began

    def _script(self, key: Key, spec: ChildSpec) -> Script:
        fails = _find(self._failures, key.path)
        chance = Random(f"{self._seed}/{key.path}/{key.incarnation}")
        takes = max(_INSTANT, fails.start_takes)
        if chance.random() < fails.start_fails:
            return Script(ready_after=math.inf, exit_after=takes, exit_code=fails.exit_code or 1)
        if isinstance(spec.ready, Completes):
            return Script(exit_after=takes)
        if math.isinf(fails.every):
            return Script(ready_after=fails.start_takes)
        after = takes + chance.expovariate(1 / fails.every)
        return Script(ready_after=fails.start_takes, exit_after=after, exit_code=fails.exit_code)


def _find(failures: Mapping[str, Failures], path: str) -> Failures:
    return next((one for pattern, one in failures.items() if fnmatchcase(path, pattern)), _NEVER)


_NEVER = Failures()


def _without_judges(spec: AnySpec) -> AnySpec:
    """The tree without what would look at its processes."""
    if isinstance(spec, ChildSpec):
        return attrs.evolve(spec, hang=None, limits=(), output="discard")
    if isinstance(spec, DynamicSpec):
        return attrs.evolve(spec, hang=None)
    return attrs.evolve(spec, hang=None, children=[_without_judges(child) for child in spec.children])


def _check(spec: AnySupervisorSpec, failures: Mapping[str, Failures], duration: float, runs: int) -> None:
    paths = [path for path, one in walk(spec) if isinstance(one, ChildSpec)]
    lost = [pattern for pattern in failures if not any(fnmatchcase(path, pattern) for path in paths)]
    problems = [Problem(f"failures[{pattern!r}]", f"fits no child; there are {', '.join(paths)}") for pattern in lost]
    if not 0 < duration < math.inf:
        problems.append(Problem("duration", f"must be more than 0 seconds, and finite, not {duration}"))
    if runs < 1:
        problems.append(Problem("runs", f"must be 1 or more, not {runs}"))
    if problems:
        raise InvalidSpecError(problems)


def _summary(spec: AnySupervisorSpec, runs: list[_Run], duration: float) -> Simulation:
    hours = sum(run.lasted for run in runs) / 3600
    specs = list(walk(spec))
    return Simulation(
        runs=len(runs),
        duration=duration,
        children={path: _child(path, runs, hours, duration) for path, one in specs if isinstance(one, ChildSpec)},
        gave_up={path: _share(runs, path) for path, one in specs if not isinstance(one, ChildSpec)},
        did_not_start=sum(run.did_not_start for run in runs) / len(runs),
        gave_up_after=tuple(sorted(run.lasted for run in runs if run.has_given_up)),
    )


def _child(path: str, runs: list[_Run], hours: float, duration: float) -> ChildFigures:
    restarts = sum(run.count.restarts[path] for run in runs)
    ready = sum(run.count.ready_for[path] for run in runs)
    return ChildFigures(
        restarts_per_hour=restarts / hours if hours else 0.0, availability=ready / (duration * len(runs))
    )


def _share(runs: list[_Run], path: str) -> float:
    return sum(path in run.count.gave_up for run in runs) / len(runs)
