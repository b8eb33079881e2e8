"""One session: in each round everything is done, in random order: a busy minute hits nobody in particular."""

from __future__ import annotations

import os
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence

import attrs
import trio

from benchmarks import inside, machine, workloads
from benchmarks.contestant import Contestant, Kind
from benchmarks.figures import Results
from benchmarks.ours import COMPILED, FLOOR, GROUP, LEVELS, floors, ours
from benchmarks.peers import peers
from benchmarks.workloads import Effort, Workload
from benchmarks.workshop import Workshop


@attrs.frozen(kw_only=True)
class Plan:
    """What to do."""

    rounds: int
    effort: Effort
    sizes: Sequence[int] = (100, 1000, 5000)
    only: Sequence[str] = ()
    """Names of contestants, workloads or sizes: what does not have all of them is left out, and the C loop never."""

    names: Sequence[str] = ()
    """Who takes part at all; empty: everybody."""

    is_realtime: bool = False
    """Whether everything that is measured goes before everybody else on the machine."""

    with_peers: bool = True
    peer_rounds: int = 2
    """Peers need minutes for what takes seconds otherwise, and differ by more than chance could explain."""

    idle_rounds: int = 2
    """What is idle hardly varies, and takes its time."""


@attrs.frozen
class Turn:
    """One contestant, doing one thing, once."""

    contestant: Contestant
    workload: Workload
    size: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.contestant.name}: {self.workload.__name__} {self.size}"

    @property
    def what(self) -> tuple[str, int]:
        """What is done."""
        return self.workload.__name__, self.size


def run(shop: Workshop, plan: Plan, tell: Callable[[str], None], keep: Callable[[Results], None]) -> Results:
    """Carry out *plan*; *keep* is given what is known after each round."""
    results = Results(conditions=conditions(plan))
    present = _present(shop, plan, results)
    strangers = machine.Strangers()
    for number in range(plan.rounds):
        turns = _wanted(_turns(present, plan, number), plan.only)
        random.shuffle(turns)
        for done, turn in enumerate(turns):
            tell(f"round {number + 1} of {plan.rounds}, {done + 1} of {len(turns)}: {turn.name}")
            _take(shop, turn, plan.effort, number, results)
        results.conditions["CPU that others used meanwhile"] = f"{strangers.share():.0%} of the machine"
        keep(results)
    return results


def _take(shop: Workshop, turn: Turn, effort: Effort, number: int, results: Results) -> None:
    try:
        results.add(turn.contestant.name, number, turn.workload(shop, turn.contestant, turn.size, effort))
    except Exception as error:  # noqa: BLE001  whatever a contestant does, the others go on
        results.failures.append(f"{turn.name}, round {number + 1}: {type(error).__name__}: {error}".strip())


def _present(shop: Workshop, plan: Plan, results: Results) -> list[Contestant]:
    everybody: list[Contestant] = [*floors(shop), *ours(), *(peers(shop) if plan.with_peers else [])]
    everybody = [one for one in everybody if not plan.names or one.name in plan.names]
    results.missing = {one.name: why for one in everybody if (why := one.missing())}
    return [one for one in everybody if one.name not in results.missing]


def _turns(present: Sequence[Contestant], plan: Plan, number: int) -> list[Turn]:
    """Everything that is done in round *number*."""
    takes_part = [one for one in present if one.kind is not Kind.PEER or number < plan.peer_rounds]
    turns = [turn for one in takes_part for turn in _common(one, plan)]
    if number < plan.idle_rounds:
        turns += [turn for one in takes_part for turn in _sized(one, plan, workloads.idle)]
    watched = [one for one in takes_part if one.name in {FLOOR, *LEVELS}]
    turns += [Turn(one, inside.stalls, 100) for one in watched]
    grown = [one for one in takes_part if one.name in {COMPILED, GROUP}]
    turns += [Turn(one, inside.growth, size) for one in grown for size in (100, 1000)]
    turns += [Turn(one, inside.watching, 1000) for one in takes_part if one.name == COMPILED]
    return turns


def _common(one: Contestant, plan: Plan) -> list[Turn]:
    """What everybody does, as far as it can."""
    turns = _sized(one, plan, workloads.pulse)
    turns += [Turn(one, workloads.deaf, 20), Turn(one, workloads.orphans, 50)]
    if one.restarts:
        turns += _sized(one, plan, workloads.sleepers)
        turns += [Turn(one, workloads.storm, size) for size in (1, 16)]
    return turns


def _sized(one: Contestant, plan: Plan, workload: Workload) -> list[Turn]:
    return [Turn(one, workload, size) for size in plan.sizes if size <= one.most]


def _wanted(turns: Sequence[Turn], only: Sequence[str]) -> list[Turn]:
    """Those that have all the words of *only*; and the C loop's of the same kind: without them there is no ratio."""
    chosen = [turn for turn in turns if all(_has(turn, word) for word in only)]
    needed = {turn.what for turn in chosen}
    return chosen + [t for t in turns if t.contestant.name == FLOOR and t.what in needed and t not in chosen]


def _has(turn: Turn, word: str) -> bool:
    return word in {turn.contestant.name, turn.workload.__name__, str(turn.size)}


def conditions(plan: Plan) -> dict[str, str]:
    """Where and how."""
    deaths = f"up to {plan.effort.deaths} deaths each"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} CPUs, {platform.machine()}, {platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, trio {trio.__version__}",
        "scheduling": "SCHED_FIFO, before everybody else" if plan.is_realtime else "as ever",
        "rounds": f"{plan.rounds}, of peers {min(plan.rounds, plan.peer_rounds)}; {deaths}",
    }


def main(plan: Plan, shop: Workshop, keep: Callable[[Results], None]) -> Results:
    """The whole of it, told on standard error."""
    machine.prepare()
    if plan.is_realtime:
        machine.go_before_others()
    return run(shop, plan, lambda line: print(line, file=sys.stderr, flush=True), keep)
