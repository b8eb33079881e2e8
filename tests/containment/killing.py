"""Kill a supervisor, or a guardian, or both, at a random moment of boot, restart storm and stop; look who is left.

    python -m tests.containment.killing LAYER MODE RUNS [SEED]

Prints one line of JSON. The supervisor is forked from this process, which starts
fast; it opens a tree, disturbs it, closes it, and so on until it is killed. Who is left is counted by the kernel: this
process has asked for all orphans, and when it has no child any more, nobody is left.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import json
import mmap
import multiprocessing
import os
import random
import signal
import struct
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress

import attrs
import trio
from tests.containment.families import MOODS, torture_tree
from tests.containment.layers import containment, launcher
from tests.containment.warden import (
    PATIENCE,
    become_subreaper,
    children,
    collect,
    descendants,
    describe,
    end_everybody,
    named,
)
from tests.guardian import torture as bare
from tests.guardian.hostile import KINDS, LEAVERS, command, facts, new_marker
from tests.guardian.torture import RARE, kill

from regrow import ChildSpec, RegrowError, SupervisorHandle, SupervisorSpec, open_supervisor

BOUND = 1.0  # seconds until everybody is to be gone
SPAN = 0.15  # seconds: a supervisor is killed at a random moment of that many, in a random phase
GIB = 1 << 30

PHASES = ("before", "boot", "storm", "stop")
"""What a supervisor is doing when it is killed: before its first tree, opening it, restarting children, closing it."""


class Diary:
    """What a supervisor writes down for those who come after it, in memory that is shared with them."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def phase(self) -> str:
        return PHASES[self._memory[0]]

    @phase.setter
    def phase(self, phase: str) -> None:
        self._memory[0] = PHASES.index(phase)

    @property
    def copy(self) -> int:
        """A fork of the supervisor that lives on; 0: there is none."""
        return struct.unpack_from("i", self._memory, 8)[0]

    @copy.setter
    def copy(self, pid: int) -> None:
        struct.pack_into("i", self._memory, 8, pid)


# -- the supervisor ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Way:
    """What is special about a supervisor."""

    ballast: int = 0
    """Bytes of memory that it has besides."""

    forks: bool = False
    """Whether a copy of it lives on, holding all that it holds."""


def supervise(layer: str, chance: random.Random, diary: Diary, way: Way) -> None:
    """Open trees, disturb them, close them, for ever."""
    signal.signal(signal.SIGUSR1, lambda *_: os.execv("/bin/sleep", ["sleep", "60"]))
    signal.signal(signal.SIGUSR2, lambda *_: os._exit(0))
    ballast = b"x" * way.ballast  # all of it is written to
    trio.run(storm, layer, chance, diary, way)
    del ballast


async def storm(layer: str, chance: random.Random, diary: Diary, way: Way) -> None:
    while True:
        diary.phase = "boot"
        spec = a_tree(chance, containment(layer))
        async with open_supervisor(spec, launcher=launcher(layer), sinks=[]) as supervisor:
            if way.forks and not diary.copy:
                start_copy(diary)
            diary.phase = "storm"
            with trio.move_on_after(chance.uniform(0.02, 0.15)):
                await disturb(supervisor, chance)
            diary.phase = "stop"


def start_copy(diary: Diary) -> None:
    multiprocessing.get_context("fork").Process(target=live_on, args=(diary,)).start()


def live_on(diary: Diary) -> None:
    """It says itself who it is: the supervisor may be killed before it could."""
    diary.copy = os.getpid()
    time.sleep(60)


def a_tree(chance: random.Random, containment: str) -> SupervisorSpec:
    """The torture tree in two moods, and whoever else does not want to be stopped; some crash again and again."""
    marker = new_marker()
    kinds = [kind for kind in (*KINDS, *LEAVERS) if kind not in RARE] * 8 + list(RARE)
    commands = [torture_tree(mood, marker) for mood in chance.sample(sorted(MOODS), k=2)]
    commands += [command(kind, marker) for kind in chance.sample(kinds, k=3)]
    chance.shuffle(commands)
    children = [
        ChildSpec(
            name=f"c{number}",
            command=command,
            containment=containment,
            output="discard",
            stop=0.05,
            backoff=None,
        )
        for number, command in enumerate(commands)
    ]
    return SupervisorSpec(name="app", children=children, max_restarts=1_000_000)


async def disturb(supervisor: SupervisorHandle, chance: random.Random) -> None:
    """Kill children, restart them, stop and start them, in several tasks at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(disturb_one, supervisor, chance)


async def disturb_one(supervisor: SupervisorHandle, chance: random.Random) -> None:
    while True:
        child = supervisor.child(f"c{chance.randrange(5)}")
        with suppress(RegrowError):  # it was down, or somebody else has stopped it meanwhile
            match chance.randrange(4):
                case 0:
                    child.signal("KILL")
                case 1:
                    child.signal(chance.choice(("TERM", "STOP", "CONT")), "tree")
                case 2:
                    await child.restart()
                case _:
                    await child.stop()
                    await child.start()
        await trio.sleep(chance.uniform(0, 0.01))


# -- one run -----------------------------------------------------------------------------------------------------------


class Run:
    """One supervisor, and its end. What the torture of the bare guardians does to one, it can do to this, too."""

    def __init__(self, layer: str, chance: random.Random, way: Way) -> None:
        self.chance = chance
        self.forks = way.forks
        self.diary = Diary()
        self.supervisor = os.fork()
        if self.supervisor == 0:
            try:
                supervise(layer, random.Random(chance.random()), self.diary, way)
            finally:
                os._exit(1)

    def wait_for(self, phase: str) -> None:
        """Return as soon as it has come so far."""
        while PHASES.index(self.diary.phase) < PHASES.index(phase):
            self.must_live()
            time.sleep(0.001)

    def must_live(self) -> None:
        """It has not ended by itself."""
        end = os.waitid(os.P_PID, self.supervisor, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert end is None, f"the supervisor has ended by itself: {end}"

    def guardians(self) -> tuple[list[int], list[int]]:
        """The nests and the shims that there are now."""
        nests = named("regrow-nest", children(self.supervisor))
        return nests, named("regrow-shim", [shim for nest in nests for shim in children(nest)])

    def lived(self) -> int:
        """How many processes there are of it, without itself and its copy."""
        return len([pid for pid in descendants(self.supervisor) if pid != self.diary.copy])

    def wait_until_gone(self) -> float:
        """Return how many seconds it takes until nobody is left."""
        return collect()

    def wait_until_alone(self) -> float:
        """The same, but a copy of the supervisor, or what it has become, lives on; then end that."""
        deadline = time.monotonic() + PATIENCE
        while self.forks and not self.diary.copy:
            assert time.monotonic() < deadline, "it has not forked"
        exempt = {self.supervisor, self.diary.copy}
        seconds = wait_dead_but(exempt)
        kill([pid for pid in exempt if pid in descendants(os.getpid())])
        collect()  # now the kernel says it
        return seconds


def wait_dead_but(exempt: Collection[int]) -> float:
    """Return how many seconds it takes until nobody lives but the *exempt*."""
    began = gone_at = time.monotonic()
    looks = 0
    while looks < 3:  # who becomes an orphan during a look may be missed
        left = [pid for pid in descendants(os.getpid()) if pid not in exempt and is_alive(pid)]
        looks = 0 if left else looks + 1
        gone_at = time.monotonic() if left else gone_at
        assert gone_at < began + PATIENCE, f"left: {describe(left)}"
        time.sleep(0.001)
    return gone_at - began


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return facts(pid)[0] not in {"Z", "X"}
    return False


def kill_nest_then_supervisor(run: Run) -> None:
    kill(run.guardians()[0])
    time.sleep(run.chance.uniform(0, 0.05))
    kill([run.supervisor])


def kill_supervisor_then_guardian(run: Run) -> None:
    nests, shims = run.guardians()
    victim = run.chance.choice([nests, shims])
    kill([run.supervisor])
    time.sleep(run.chance.uniform(0, 0.005))
    if victim and victim[0] in descendants(os.getpid()):  # else it is over, and the number may be another's
        kill(victim[:1])


def kill_all_guardians_and_supervisor(run: Run) -> None:
    """In one breath; those first who would notice it last."""
    nests, shims = run.guardians()
    kill([*nests, *shims, run.supervisor])


def stop_then_kill(run: Run) -> None:
    kill([run.supervisor], signal.SIGSTOP)
    time.sleep(run.chance.uniform(0, 0.05))
    kill([run.supervisor])


@attrs.frozen
class Mode:
    """What happens to whom."""

    strike: Callable[[Run], None]
    way: Way = Way()
    since: str = "boot"
    """From what phase on: a supervisor must be so far that it can do that."""

    wait: Callable[[Run], float] = Run.wait_until_gone


MODES = {
    "supervisor": Mode(bare.kill_supervisor),
    "nest, then supervisor": Mode(kill_nest_then_supervisor),
    "nest+supervisor": Mode(bare.kill_nest_and_supervisor),
    "shim, then supervisor": Mode(bare.kill_shim_then_supervisor),
    "shim+supervisor": Mode(bare.kill_shim_and_supervisor),
    "supervisor, then guardian": Mode(kill_supervisor_then_guardian),
    "supervisor stopped": Mode(stop_then_kill),
    "all stopped, supervisor": Mode(bare.stop_all_then_kill, since="storm"),
    "supervisor exits": Mode(bare.leave),
    "supervisor execs": Mode(bare.execute, wait=Run.wait_until_alone),
    "supervisor forks": Mode(bare.kill_supervisor, Way(forks=True), since="storm", wait=Run.wait_until_alone),
    "all guardians+supervisor": Mode(kill_all_guardians_and_supervisor),
    "supervisor of 1 GiB": Mode(bare.kill_supervisor, Way(ballast=GIB)),
}


@attrs.define
class Result:
    """What came of it."""

    times: list[float] = attrs.field(factory=list[float])
    lived: list[int] = attrs.field(factory=list[int])
    phases: Counter[str] = attrs.field(factory=Counter[str])
    left: list[str] = attrs.field(factory=list[str])

    def summary(self) -> dict[str, object]:
        """In short."""
        times, lived = sorted(self.times) or [PATIENCE], sorted(self.lived) or [0]
        return {
            "runs": len(self.times) + len(self.left),
            "phases": dict(self.phases),
            "lived (median, max)": [lived[len(lived) // 2], lived[-1]],
            "left": self.left,
            "late": [round(seconds, 3) for seconds in times if seconds > BOUND],
            "ms (median, 99 %, max)": [round(times[int(q * (len(times) - 1))] * 1000, 1) for q in (0.5, 0.99, 1)],
        }


def torture(layer: str, mode: Mode, runs: int, seed: int) -> Result:
    chance = random.Random(seed)
    result = Result()
    for _ in range(runs):
        run = Run(layer, chance, mode.way)
        try:
            strike(run, mode, result)
        except AssertionError as reason:
            result.left.append(str(reason))
        finally:
            end_everybody()
    return result


def strike(run: Run, mode: Mode, result: Result) -> None:
    """Let it live for a while, end it, and wait until everybody is gone."""
    run.wait_for(run.chance.choice(PHASES[PHASES.index(mode.since) :]))
    time.sleep(run.chance.uniform(0, SPAN))
    run.must_live()
    result.lived.append(run.lived())
    result.phases[run.diary.phase] += 1
    mode.strike(run)
    result.times.append(mode.wait(run))


async def sweep(layer: str) -> None:
    """The next supervisor removes the control groups of those who have died."""
    async with launcher(layer).open():
        pass


def main(layer: str, name: str, runs: int, seed: int) -> None:
    become_subreaper()
    result = torture(layer, MODES[name], runs, seed)
    trio.run(sweep, layer)
    print(json.dumps({"layer": layer, "mode": name, "seed": seed, **result.summary()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if sys.argv[4:] else 1)
