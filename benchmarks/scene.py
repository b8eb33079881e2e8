"""One contestant at work: set up, seen from outside, and cleared away whatever happened."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

from benchmarks import machine
from benchmarks.beacon import Fifo, Opened, Record
from benchmarks.contestant import Contestant, ContestantError, Running, Wanted
from benchmarks.workshop import Workshop

START = 60.0
"""Seconds that all children have to start."""

_LOOK = 0.05  # seconds between two looks at the machine, while nothing is measured


@attrs.frozen(kw_only=True)
class Scene:
    """A contestant that is ready to go, and what sees its children."""

    shop: Workshop
    running: Running
    wanted: Wanted
    fifo: Fifo

    def start(self) -> tuple[float, list[Record]]:
        """Have it start all children, and wait until they run: how many seconds that took, and who they are."""
        self.running.load()
        began = time.monotonic()
        self.running.go()
        records = self.fifo.wait_for(self.wanted.count, START)
        if len(records) < self.wanted.count:
            raise ContestantError(f"only {len(records)} of {self.wanted.count} children run after {START:g} s")
        return max(record.at for record in records) - began, records

    def start_sleepers(self) -> list[int]:
        """The same for /bin/sleep, which tells nobody: not to be measured."""
        self.running.load()
        self.running.go()
        until = time.monotonic() + START
        while time.monotonic() < until:
            time.sleep(_LOOK)
            found = machine.running(self.shop.sleep)
            if len(found) >= self.wanted.count:
                time.sleep(_LOOK)
                return found
        raise ContestantError("/bin/sleep does not get started often enough")

    def stop(self, within: float) -> float:
        """Have it stop all children: seconds until all are dead and it says so; `inf` if that takes too long."""
        began = time.monotonic()
        self.running.stop()
        if self.fifo.wait_for_silence(within) and self.running.wait_stopped(within):
            return time.monotonic() - began
        return float("inf")

    def supervising(self) -> list[int]:
        """The contestant's process, and all its helpers."""
        children = set(machine.running(self.shop.program))
        return [pid for pid in machine.descendants(self.running.pid) if pid not in children]


@contextmanager
def open_scene(shop: Workshop, contestant: Contestant, count: int, mode: str) -> Iterator[Scene]:
    """A scene with *count* empty programs in *mode* (see `program.c`), or with what is called `sleep` or `ordinary`."""
    directory = shop.scene()
    fifo = Fifo(directory / "fifo")
    commands = {"sleep": [str(shop.sleep), "1000000"], "ordinary": [str(shop.ordinary), fifo.path]}
    command = commands.get(mode, [str(shop.program), fifo.path, mode])
    wanted = Wanted(command=command, count=count, directory=directory, environment=shop.environment())
    try:
        running = contestant.prepare(wanted)
        try:
            yield Scene(shop=shop, running=running, wanted=wanted, fifo=fifo)
        finally:
            running.kill()
    finally:
        machine.end_leftovers()
        fifo.close()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def watching(directory: Workshop) -> Iterator[Opened]:
    """See each start of /bin/sleep in the block."""
    opened = Opened(directory.locales)
    try:
        yield opened
    finally:
        opened.close()


def pick(pids: Sequence[int], count: int) -> list[int]:
    """So many of them, at random, each once."""
    return random.sample(pids, min(count, len(pids)))
