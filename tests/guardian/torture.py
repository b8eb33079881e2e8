"""Kill a supervisor, or a guardian, or both, at a random instant of a storm of starts and stops; count who is left.

    python -m tests.guardian.torture GUARDIAN MODE RUNS [SEED]

GUARDIAN is the compiled one or guardian.py. Prints one line of JSON: how many runs left somebody, who, and how long
it took until all were gone. The storm is forked from this process, which starts fast because it does nothing else.

A mode that begins with `namespace: ` has each tree in a pid namespace, one with `cgroup: ` in a cgroup; there, some
descendants become somebody whom the guardians may not kill.
"""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import json
import os
import random
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.guardian.client import Client
from tests.guardian.hostile import (
    KINDS,
    LEAVERS,
    alive,
    children_of,
    command,
    describe,
    new_marker,
    shims,
    wait_until_gone,
)
from tests.guardian.leaves import make_leaf, open_directory, remove_leaf

from regrow._edge.guardian import wire
from regrow._edge.guardian.records import Launched

BOUND = 1.0  # seconds until nobody may be left
LIVE = 8
LATE = {"supervisor forks": 0.08, "supervisor execs": 0.08, "supervisor exits": 0.08, "all stopped, supervisor": 0.25}
"""Seconds before the instant: the supervisor must be so far that it can do that, and a nest that is stopped before it
has asked for a signal at its parent's death (it has no child yet) waits for somebody to wake it."""

RARE = ("hopper", "nomad", "hopping leaver", "wide")  # they take a whole processor


STRANGER = "(setsid setpriv --reuid=65533 --clear-groups sleep {m} &); exec sleep {m}"


class Layer:
    """How trees are started."""

    def __init__(self, name: str, marker: str) -> None:
        self.name, self.marker = name, marker
        self.group = make_leaf(f"guardian-torture-{marker}") if name == "cgroup" else None
        self.count = 0

    def guardian(self, command: list[str]) -> list[str]:
        return ["setpriv", "--bounding-set=-kill", *command] if self.name == "cgroup" else command

    def start(self, client: Client, kind: str) -> int:
        if self.name != "cgroup":
            return client.start(*command(kind, self.marker), namespace=self.name == "namespace")
        assert self.group is not None
        self.count += 1
        leaf = self.group / str(self.count)
        leaf.mkdir()
        directory = open_directory(leaf)
        words = command(kind, self.marker) if self.count % 4 else ["/bin/sh", "-c", STRANGER.format(m=self.marker)]
        try:
            return client.start(*words, cgroup=directory)
        finally:
            os.close(directory)

    def remove(self) -> None:
        if self.group is not None:
            for leaf in self.group.iterdir():
                if leaf.is_dir():
                    remove_leaf(leaf)
            remove_leaf(self.group)


def storm(guardian: Sequence[str], layer: Layer, seed: int, begin: Callable[[], object] = lambda: None) -> None:
    """A supervisor: starts and stops badly behaved children as fast as it can, and calls *begin* before that."""
    chance = random.Random(seed)
    kinds = [kind for kind in (*KINDS, *LEAVERS) if kind not in RARE] * 8 + list(RARE)
    client = Client(guardian)
    begin()
    signal.signal(signal.SIGUSR1, lambda *_: os.execv("/bin/sleep", ["sleep", "20"]))
    signal.signal(signal.SIGUSR2, lambda *_: os._exit(0))
    live: set[int] = set()
    harness = os.getppid()
    with suppress(OSError, AssertionError):
        while os.getppid() == harness:
            while len(live) < LIVE:
                live.add(layer.start(client, chance.choice(kinds)))
            disturb(client, chance, live)
    time.sleep(20)  # its nest was killed


def disturb(client: Client, chance: random.Random, live: set[int]) -> None:
    child = chance.choice(sorted(live))
    if chance.random() < 0.7:
        client.send(wire.kill(child))
    else:
        client.signal(child, chance.choice((signal.SIGTERM, signal.SIGSTOP, signal.SIGCONT)), wire.To.TREE)
    while select.select([client.events], [], [], 0.002)[0]:
        assert client.read()
    live -= {record.id for record in client.told if not isinstance(record, Launched) and hasattr(record, "id")}
    client.told.clear()


class Run:
    """One storm, and who is in it."""

    def __init__(self, guardian: Path, directory: str, chance: random.Random, mode: str) -> None:
        self.marker = new_marker()
        self.chance = chance
        self.layer = Layer(mode.partition(": ")[0], self.marker)
        copy = str(shutil.copy(guardian, Path(directory, f"guardian-{self.marker}{guardian.suffix}")))
        run_it = self.layer.guardian([sys.executable, "-I", "-S", copy] if guardian.suffix == ".py" else [copy])
        self.news, theirs = os.pipe()
        self.supervisor = os.fork()
        if self.supervisor == 0:
            try:
                if mode == "supervisor forks":
                    run_with_stray(run_it, self.layer, chance.random(), theirs)
                storm(run_it, self.layer, chance.randrange(1 << 30))
            finally:
                os._exit(1)
        os.close(theirs)

    def wait_until_busy(self) -> None:
        """A machine that is busy itself would else kill most supervisors before their first start."""
        end = time.monotonic() + 5
        while not alive(self.marker, guardians=False):
            assert time.monotonic() < end, "the storm does not begin"
            time.sleep(0.001)

    def guardians(self) -> tuple[list[int], list[int]]:
        """The nest and the shims that there are now."""
        everybody = alive(self.marker)
        nests = children_of(self.supervisor, everybody)
        return nests, [shim for nest in nests for shim in shims(nest, everybody)]

    def end(self) -> None:
        with suppress(OSError):
            os.kill(self.supervisor, signal.SIGKILL)
        os.waitpid(self.supervisor, 0)
        stray = os.read(self.news, 100)
        if stray:
            os.kill(int(stray), signal.SIGKILL)
        os.close(self.news)
        kill([pid for pid, _ in alive(self.marker)])
        self.layer.remove()


def run_with_stray(guardian: Sequence[str], layer: Layer, seed: float, news: int) -> None:
    """As `storm`, but in its midst it forks, and the copy holds all that it has, for ever."""

    def fork(*_: object) -> None:
        if os.fork() == 0:
            os.write(news, b"%d" % os.getpid())
            signal.setitimer(signal.ITIMER_REAL, 0)
            time.sleep(20)
            os._exit(0)

    def begin() -> None:  # not before: a fork within Popen would hold the pipe that tells it of the exec
        signal.signal(signal.SIGALRM, fork)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    storm(guardian, layer, int(seed * 1e6), begin)


def kill(pids: Sequence[int], number: int = signal.SIGKILL) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def kill_supervisor(run: Run) -> None:
    kill([run.supervisor])


def kill_nest(run: Run) -> None:
    while not (nests := run.guardians()[0]):
        time.sleep(0.001)
    kill(nests)


def kill_nest_and_supervisor(run: Run) -> None:
    pids = [*run.guardians()[0], run.supervisor]
    run.chance.shuffle(pids)
    kill(pids)


def kill_shim_and_supervisor(run: Run) -> None:
    shims = run.guardians()[1]
    pids = [*run.chance.sample(shims, k=min(1, len(shims))), run.supervisor]
    run.chance.shuffle(pids)
    kill(pids)


def kill_shim_then_supervisor(run: Run) -> None:
    kill(run.guardians()[1][:1])
    time.sleep(run.chance.uniform(0, 0.05))
    kill([run.supervisor])


def stop_all_then_kill(run: Run) -> None:
    nests, shims = run.guardians()
    kill([run.supervisor, *nests, *shims], signal.SIGSTOP)
    time.sleep(0.01)
    kill([run.supervisor])


def kill_everybody(run: Run) -> None:
    """The supervisor, and all guardians, in one breath and in any order."""
    children = alive(run.marker, guardians=False)
    pids = [*(pid for pid, _ in alive(run.marker) - children), run.supervisor]
    run.chance.shuffle(pids)
    kill(pids)


def execute(run: Run) -> None:
    kill([run.supervisor], signal.SIGUSR1)


def leave(run: Run) -> None:
    kill([run.supervisor], signal.SIGUSR2)


MODES: dict[str, Callable[[Run], None]] = {
    "supervisor": kill_supervisor,
    "nest": kill_nest,
    "nest+supervisor": kill_nest_and_supervisor,
    "shim+supervisor": kill_shim_and_supervisor,
    "shim, then supervisor": kill_shim_then_supervisor,
    "all stopped, supervisor": stop_all_then_kill,
    "supervisor execs": execute,
    "supervisor exits": leave,
    "supervisor forks": kill_supervisor,
    "namespace: supervisor": kill_supervisor,
    "namespace: shim, then supervisor": kill_shim_then_supervisor,
    "namespace: everybody": kill_everybody,
    "cgroup: supervisor": kill_supervisor,
    "cgroup: nest+supervisor": kill_nest_and_supervisor,
}


def torture(guardian: Path, mode: str, runs: int, seed: int) -> dict[str, object]:
    chance = random.Random(seed)
    times: list[float] = []
    left: list[list[str]] = []
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(runs):
            run = Run(guardian, directory, chance, mode)
            try:
                if chance.random() < 0.8:
                    run.wait_until_busy()
                time.sleep(LATE.get(mode, 0.0) + chance.uniform(0, 0.25))
                MODES[mode](run)
                times.append(wait_until_gone(run.marker, BOUND))
            except AssertionError:
                left.append(describe(alive(run.marker)))
            finally:
                run.end()
    times.sort()
    quantiles = [round(times[int(share * (len(times) - 1))] * 1000, 1) for share in (0.5, 0.99, 1)] if times else []
    return {"mode": mode, "runs": runs, "seed": seed, "left": left, "ms (median, 99 %, max)": quantiles}


if __name__ == "__main__":
    seed = int(sys.argv[4]) if sys.argv[4:] else 1
    print(json.dumps(torture(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), seed)))
