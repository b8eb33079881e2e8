"""What the kernel has counted for a whole tree, and what becomes of it."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

from pathlib import Path
from typing import Any

import pytest
from tests.edge.cgroups.ground import groups_of
from tests.edge.recorder import Lab, python, until

from regrow._edge.cgroups.counting import NOTHING, Counted, count
from regrow._edge.guardian import records
from regrow._edge.guarding.guarded import _ending
from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning
from regrow._specs.exit import Exit, Reason, Usage

BOTH = frozenset({"memory", "pids"})

FILES = {
    "cpu.stat": "usage_usec 3500000\nuser_usec 2000000\nsystem_usec 1500000\nnice_usec 0\n",
    "memory.peak": "1048576\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n",
    "pids.peak": "12\n",
}


@pytest.fixture
def read(tmp_path):
    """The files of a group."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return lambda file: (tmp_path / file).read_bytes()


def test_what_there_is_is_read(read):
    assert count(read, BOTH) == Counted(user=2.0, system=1.5, memory_peak=1048576, tasks_peak=12, oom_kills=1)


def test_what_is_not_counted_is_not_read(read):
    assert count(read, frozenset()) == Counted(user=2.0, system=1.5)
    assert count(read, frozenset({"pids"})) == Counted(user=2.0, system=1.5, tasks_peak=12)


@pytest.mark.parametrize("missing", FILES)
def test_an_older_kernel_has_less(read, tmp_path, missing):
    (tmp_path / missing).unlink()
    found = count(read, BOTH)
    assert (found.user is None) == (missing == "cpu.stat")
    assert (found.memory_peak is None) == (missing == "memory.peak")
    assert (found.tasks_peak is None) == (missing == "pids.peak")
    assert (found.oom_kills == 0) == (missing == "memory.events")


def test_where_there_is_nothing_nothing_is_known(tmp_path):
    assert count(lambda file: (tmp_path / file).read_bytes(), BOTH) == NOTHING


def test_what_makes_no_sense_is_not_known(tmp_path, read):
    for name in FILES:
        (tmp_path / name).write_text("a new format\n")
    assert count(read, BOTH) == NOTHING


def test_usage_is_improved_by_what_is_known():
    usage = Usage(user=1.0, system=0.5, max_rss=10, minor_faults=3)
    assert NOTHING.improve(usage) == usage
    better = Counted(user=2.0, system=1.5, memory_peak=7, tasks_peak=4).improve(usage)
    assert better == Usage(user=2.0, system=1.5, max_rss=10, minor_faults=3, memory_peak=7, tasks_peak=4)


# -- out of memory -----------------------------------------------------------------------------------------------------


def gone(status):
    return records.Gone(id=1, pid=2, status=status, was_stopped=False, strays=0, left_some=False, used=(0,) * 9)


@pytest.mark.parametrize(
    ("status", "kills", "is_so"),
    [(9, 1, True), (9, 0, False), (15, 1, False), (1 << 8, 1, False)],
    ids=["killed", "by others", "another signal", "an exit code"],
)
def test_only_a_kill_was_for_want_of_memory(status, kills, is_so):
    assert _ending(gone(status), Counted(oom_kills=kills)).oom_killed is is_so


def test_it_is_said_in_words():
    assert Exit(Reason.CRASHED, signal="SIGKILL", oom_killed=True).describe() == "crashed (SIGKILL, out of memory)"
    assert Exit(Reason.CRASHED, signal="SIGKILL").describe() == "crashed (SIGKILL)"


def limit(leaf, most):
    (leaf / "memory.max").write_text(str(most))
    if (swap := leaf / "memory.swap.max").exists():
        swap.write_text("0")


async def test_whoever_uses_more_than_it_may_is_out_of_memory(own):
    async with LocalLauncher(tuning=Tuning(cgroup="always")).open() as opened:
        launcher: Any = opened
        leaves = launcher._tools._nests.leaves
        if "memory" not in leaves.branch.counts:
            pytest.skip(f"OUT OF MEMORY IS NOT TESTED: {leaves.branch.place.describe()}")
        lab = Lab(opened)
        life = await lab.launch(python("sys.stdin.read()", "b = bytearray(1 << 28)"), stdin="pipe")
        limit(Path(leaves.branch.path, Path(groups_of(life.pid)).name), 1 << 26)
        life.controls.close_stdin()
        await until(lambda: life.is_over)
        assert life.exited.oom_killed
        assert (life.exited.usage.memory_peak or 0) > 1 << 25
