"""What contestants are made to do. Each returns its figures by name: seconds, restarts, bytes or processes."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterable

import attrs

from benchmarks import machine
from benchmarks.contestant import Contestant, ContestantError
from benchmarks.scene import Scene, open_scene, pick, watching
from benchmarks.workshop import Workshop

Figures = dict[str, float]

_SETTLE = 0.5  # seconds that everything has to become quiet
_GROWN_UP = 1.2  # seconds, more than the one that a child must have lived for s6 and runit to replace it at once
_PAUSE = 0.005  # seconds between two deaths: each finds a supervisor that has nothing else to do
_DEATH = 5.0  # seconds for one replacement
_STOP = 60.0
_DEAF = 40.0


Workload = Callable[[Workshop, Contestant, int, "Effort"], Figures]


@attrs.frozen(kw_only=True)
class Effort:
    """How thoroughly to measure."""

    deaths: int = 100
    """At most so many in one scene."""

    deaths_within: float = 10.0
    """No more than this is spent on them, in seconds."""

    window: float = 3.0
    """Seconds of crash loops."""

    idle: float = 10.0
    """Seconds of doing nothing."""

    heap: int = 2048
    """Mebibytes of the application around the event loop that is watched for stalls."""


def pulse(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """Start, deaths and stop of empty programs."""
    with open_scene(shop, contestant, size, "r") as scene:
        seconds, records = scene.start()
        figures = {f"start {size}": seconds}
        time.sleep(_GROWN_UP)
        if contestant.restarts:
            figures[f"death {size}"] = _deaths([record.pid for record in records], effort, lambda: _reborn(scene))
        figures[f"stop {size}"] = scene.stop(_STOP)
        return figures


def sleepers(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """Deaths of /bin/sleep."""
    with open_scene(shop, contestant, size, "sleep") as scene, watching(shop) as opened:
        pids = scene.start_sleepers()
        time.sleep(_GROWN_UP)
        opened.forget()
        figures = {f"sleep death {size}": _deaths(pids, effort, lambda: opened.next(_DEATH))}
        scene.running.stop()
        scene.running.wait_stopped(_STOP)
        return figures


def _reborn(scene: Scene) -> float | None:
    record = scene.fifo.next(_DEATH)
    return None if record is None else record.at


def _deaths(pids: list[int], effort: Effort, reborn: Callable[[], float | None]) -> float:
    """The median of seconds from the death of a random child to its replacement running."""
    seconds: list[float] = []
    until = time.monotonic() + effort.deaths_within
    for pid in pick(pids, effort.deaths):
        time.sleep(_PAUSE)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        if (at := reborn()) is None:
            raise ContestantError(f"no replacement within {_DEATH:g} s")
        seconds.append(at - began)
        if time.monotonic() > until:
            break
    return statistics.median(seconds)


def storm(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """Crash loops without a backoff, of the empty program and of an ordinary one: restarts per second."""
    return {
        f"restarts {size}": _crashes(shop, contestant, size, "c", effort.window),
        f"ordinary restarts {size}": _crashes(shop, contestant, size, "ordinary", effort.window),
    }


def _crashes(shop: Workshop, contestant: Contestant, size: int, mode: str, window: float) -> float:
    with open_scene(shop, contestant, size, mode) as scene:
        scene.running.load()
        scene.running.go()
        time.sleep(_SETTLE + 1.0)
        scene.fifo.read()
        time.sleep(window)
        return len(scene.fifo.read()) / window


def idle(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """CPU and memory while nothing happens. Each child has printed a line before."""
    with open_scene(shop, contestant, size, "p") as scene:
        before = machine.memory(scene.running.pid, "Pss_Anon") if scene.running.pid else None
        scene.start()
        time.sleep(4 * _SETTLE)
        supervising = scene.supervising()
        figures = {
            f"cpu {size}": _cpu(supervising, effort.idle),
            f"memory {size}": sum(map(machine.memory, supervising)) / size,
        }
        if before is not None:
            grown = machine.memory(scene.running.pid, "Pss_Anon") - before
            figures[f"own memory {size}"] = grown / size
        scene.stop(_STOP)
        return figures


def _cpu(processes: Iterable[int], window: float) -> float:
    """The part of a core that they use."""
    before = machine.cpu_time(processes)
    time.sleep(window)
    return (machine.cpu_time(processes) - before) / window


def deaf(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """The stop of children that ignore SIGTERM, with a grace of a second."""
    with open_scene(shop, contestant, size, "d") as scene:
        scene.start()
        time.sleep(_SETTLE)
        return {f"deaf stop {size}": scene.stop(_DEAF)}


def orphans(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """Who is left two seconds after the SIGKILL of the supervisor, of *size* children and as many grandchildren."""
    with open_scene(shop, contestant, size, "f") as scene:
        scene.running.load()
        scene.running.go()
        if len(scene.fifo.wait_for(2 * size, _STOP)) < 2 * size:
            raise ContestantError("not all children and grandchildren run")
        time.sleep(_SETTLE)
        scene.running.kill()
        scene.fifo.wait_for_silence(2.0)
        return {"survivors": float(len(machine.running(shop.program)))}
