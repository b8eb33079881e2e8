"""What can only be seen from inside a program that uses regrow: how deaf its loop gets, and how costs grow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import Any

from benchmarks import machine
from benchmarks.contestant import Contestant, python
from benchmarks.ours import FLOOR, LEVELS, floors
from benchmarks.scene import open_scene
from benchmarks.workloads import Effort, Figures
from benchmarks.workshop import Workshop

PHASES = ("start", "die", "stop")
STEPS = ("start", "list", "lose a tenth", "stop")
CASES = {"beats": 0.017, "silent": 0.001, "limits": 0.02}
"""Who is watched how, and the share of a core that this may take with 1,000 children: what Erlang needs for beats."""
_LIMIT = 120.0


def stalls(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """The longest gap of a ticker, and the longest step of a task, while *size* children start, die and stop."""
    if contestant.name == FLOOR:
        return _noise(shop, size, effort)
    level = LEVELS[contestant.name]
    phases = _run(shop, python("stalls", level, str(effort.heap), str(size), *_command(shop)))
    return {f"{kind} {phase}": seconds for phase, seen in phases.items() for kind, seconds in seen.items()}


def _noise(shop: Workshop, size: int, effort: Effort) -> Figures:
    """What the same ticker sees in a program that does nothing, while the C loop does all that beside it."""
    ticker = subprocess.Popen(
        python("stalls", "bare", str(effort.heap)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert ticker.stdout is not None
    ticker.stdout.readline()
    with open_scene(shop, floors(shop)[0], size, "r") as scene:
        _, records = scene.start()
        for record in records:
            os.kill(record.pid, signal.SIGKILL)
        scene.fifo.wait_for(size, _LIMIT)
        scene.stop(_LIMIT)
        told, _ = ticker.communicate()  # before the scene ends, which ends all that is below us
    return {f"{kind} beside": seconds for kind, seconds in json.loads(told)["beside"].items()}


def growth(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """Seconds for each child of each step."""
    steps = _run(shop, python("growth", LEVELS[contestant.name], str(size), *_command(shop)))
    return {f"growth {step} {size}": seconds for step, seconds in steps.items()}


def watching(shop: Workshop, contestant: Contestant, size: int, effort: Effort) -> Figures:
    """The share of a core that it takes to watch *size* children."""
    command = python("watching", LEVELS[contestant.name], str(size), str(effort.idle), str(shop.beater))
    shares = _run(shop, [*command, *_command(shop)])
    return {f"watching {case}": share for case, share in shares.items()}


def _command(shop: Workshop) -> list[str]:
    """A child that needs nobody who listens to it."""
    return [str(shop.program), os.devnull, "r"]


def _run(shop: Workshop, command: list[str]) -> Any:
    began = time.monotonic()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=_LIMIT)
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        machine.end_leftovers(_LIMIT - (time.monotonic() - began))
