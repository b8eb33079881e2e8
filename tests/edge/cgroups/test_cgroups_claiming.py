"""Groups that belong to somebody as long as he lives, and what becomes of them when he is dead."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import os
import resource
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest
from tests.edge.cgroups.ground import NOBODY, PATIENCE, sleep_in

from regrow._edge.cgroups.claiming import claim, disclaim, sweep
from regrow._edge.cgroups.group import remove

HOLD = """
import signal, sys
from regrow._edge.cgroups.claiming import claim
print(claim(sys.argv[1]).name, flush=True)
signal.pause()
"""


@contextmanager
def owner(place):
    """Somebody else who has claimed a group in *place*, and the group."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, place / process.stdout.readline().strip()
        finally:
            process.kill()


def soon():
    return time.monotonic() + PATIENCE


def test_what_is_claimed_can_be_given_back(ground):
    claimed = claim(str(ground.path))
    assert ground.inside() == [claimed.name]
    disclaim(str(ground.path), claimed, soon())
    assert ground.inside() == []


def test_nobody_takes_what_belongs_to_the_living(ground):
    with owner(ground.path) as (_, theirs):
        process = sleep_in(theirs)
        ours = claim(str(ground.path))
        assert sweep(str(ground.path), soon()).removed == ()
        assert ground.inside() == sorted([theirs.name, ours.name])
        assert process.poll() is None
        process.kill()
        process.wait()
        disclaim(str(ground.path), ours, soon())


def test_one_who_is_stopped_lives(ground):
    with owner(ground.path) as (process, theirs):
        process.send_signal(signal.SIGSTOP)
        assert sweep(str(ground.path), soon()).removed == ()
        assert theirs.exists()


def test_what_the_dead_have_left_is_ended_and_removed(ground):
    with owner(ground.path) as (process, theirs):
        (theirs / "1").mkdir()
        left = sleep_in(theirs / "1")
        process.kill()
    assert sweep(str(ground.path), soon()).removed == (str(theirs),)
    assert left.wait(PATIENCE) == -signal.SIGKILL
    assert ground.inside() == []


def test_a_fork_of_the_owner_owns_it_too(ground):
    claimed = claim(str(ground.path))
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    os.close(claimed.directory)
    assert sweep(str(ground.path), soon()).removed == ()
    os.close(write)
    os.wait()
    assert sweep(str(ground.path), soon()).removed == (str(ground.path / claimed.name),)


@pytest.mark.parametrize(
    "name", ["regrow", "regrow-1", "regrow-x-01234567", "regrow-1-0123456", "regrow-test-01234567"]
)
def test_what_has_another_name_is_left_alone(ground, name):
    ground.make(name)
    sweep(str(ground.path), soon())
    assert ground.inside() == [name]


def test_what_cannot_be_ended_is_told(ground, unkillable):
    left = ground.make("regrow-1-01234567")
    process = sleep_in(left)
    held = unkillable(process.pid)
    swept = sweep(str(ground.path), time.monotonic() + 0.1)
    assert swept.removed == ()
    assert swept.left == (f"{left}: something in it is still there after the kill",)
    held.let_go()
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert sweep(str(ground.path), soon()).removed == (str(left),)


def test_what_is_not_ours_to_end_is_told(ground, as_root):
    ground.make("regrow-1-01234567")
    lines = ["import time", "from regrow._edge.cgroups.claiming import sweep", f"swept = sweep('{ground.path}', 1e9)"]
    said = ground.run(*lines[:2], "drop()", lines[2], "print(swept)")
    assert "Permission denied" in said
    assert ground.inside() == ["regrow-1-01234567"]


def test_there_may_be_no_place_to_sweep(tmp_path):
    assert sweep(str(tmp_path / "none"), soon()).removed == ()


def test_deep_groups_are_removed_with_few_descriptors(ground):
    directory = os.open(ground.make("deep"), os.O_RDONLY)
    for _ in range(200):
        os.mkdir("g", dir_fd=directory)
        below = os.open("g", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    parent = os.open(ground.path, os.O_RDONLY)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (parent + 20, hard))
    try:
        remove(parent, "deep", soon())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(parent)
    assert ground.inside() == []


def test_many_groups_are_removed(ground):
    above = ground.make("many")
    for number in range(300):
        (above / str(number)).mkdir()
        (above / str(number) / "below").mkdir()
    process = sleep_in(above / "7" / "below")
    parent = os.open(ground.path, os.O_RDONLY)
    remove(parent, "many", soon())
    os.close(parent)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert ground.inside() == []


def test_a_group_that_is_gone_is_removed_already(ground):
    parent = os.open(ground.path, os.O_RDONLY)
    remove(parent, "none", soon())
    os.close(parent)


def test_whoever_sweeps_while_we_claim_takes_nothing_from_us(ground):
    sweeping = "while True: sweep(sys.argv[1], time.monotonic() + 1)"
    code = f"import sys, time\nfrom regrow._edge.cgroups.claiming import sweep\nprint(flush=True)\n{sweeping}"
    with subprocess.Popen([sys.executable, "-c", code, str(ground.path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            for _ in range(200):
                claimed = claim(str(ground.path))
                (ground.path / claimed.name / "leaf").mkdir()
                disclaim(str(ground.path), claimed, soon())
        finally:
            process.kill()


@pytest.mark.parametrize("user", [NOBODY])
def test_whoever_holds_our_lock_keeps_us_from_nothing(ground, as_root, user):
    """Everybody may lock what everybody may open: then it is not removed, which is no harm."""
    left = ground.make("regrow-1-01234567")
    code = f"import fcntl, os, signal; os.setuid({user}); fcntl.flock(os.open('{left}', 0), 2); print(flush=True)\n"
    with subprocess.Popen([sys.executable, "-c", code + "signal.pause()"], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert sweep(str(ground.path), soon()).removed == ()
        claimed = claim(str(ground.path))
        disclaim(str(ground.path), claimed, soon())
        process.kill()
    assert sweep(str(ground.path), soon()).removed == (str(left),)


def test_what_is_swept_between_two_of_our_steps_is_not_ours(ground):
    lines = (
        "from regrow._edge.cgroups.claiming import claim",
        f"place = {str(ground.path)!r}",
        "left = [1]",
        "def hook(event, arguments):",
        "    if event == 'fcntl.flock' and left:",
        "        left.clear()",
        "        for name in os.listdir(place):",
        "            if name.startswith('regrow-'): os.rmdir(f'{place}/{name}')",
        "sys.addaudithook(hook)",
        "print(os.path.exists(f'{place}/{claim(place).name}'), left)",
    )
    assert ground.run(*lines) == "True []"
