"""Children in control groups of their own: what a launcher does with them."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import errno
import os
import resource
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio
from tests.edge.cgroups.ground import groups_of, members
from tests.edge.conftest import descriptors
from tests.edge.recorder import SLEEPS, Lab, is_alive, kill, python, sh, until
from tests.guardian.compiling import ensure_compiled

from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning
from regrow._specs.protocol import Exited, Launched, Lost, Refusal, Stuck
from regrow._specs.stop import KILL, Stop, To

BOTH = "guardian+cgroup"

FORMS = {
    "compiled": Tuning(guardian="compiled", cgroup="always"),
    "python": Tuning(guardian="python", cgroup="always"),
    "python_no_epoll_no_pidfd": Tuning(guardian="python", cgroup="always", epoll=False, pidfd=False),
}


@pytest.fixture(params=FORMS, ids=str)
def tuning(request, own) -> Tuning:
    if request.param == "compiled" and ensure_compiled() is None:
        pytest.skip("THE COMPILED GUARDIAN IS NOT TESTED: there is none here")
    return FORMS[request.param]


@pytest.fixture
def branch(lab) -> Path:
    """The group of the launcher."""
    return branch_of(lab.opened)


def branch_of(opened: Any) -> Path:
    return Path(opened._tools._nests.leaves.branch.path)


def is_there(group: Path) -> bool:
    return group.exists()


def leaf_of(branch, life) -> Path:
    return branch / Path(groups_of(life.pid)).name


def leaves(branch) -> list[Path]:
    """Those in which somebody is."""
    return [path.parent for path in branch.glob("*/cgroup.events") if "populated 1" in path.read_text()]


def above(pid) -> list[int]:
    """Its shim and its nest."""
    return [parent.pid for parent in psutil.Process(pid).parents()[:2]]


async def daemon(lab, **settings):
    """A child with a descendant in a session of its own, and the number of that."""
    lines = (
        "ours, theirs = os.pipe()",
        "if os.fork(): os.read(ours, 1); signal.pause()",
        "os.setsid(); print(os.getpid(), flush=True); os.write(theirs, b'x'); signal.pause()",
    )
    life = await lab.launch(python(*lines), **settings)
    await life.wait_printed(b"\n")
    return life, int(life.stdout)


# -- a life in a group -------------------------------------------------------------------------------------------------


async def test_each_child_has_a_group_of_its_own(lab, branch):
    lives = [await lab.launch(SLEEPS) for _ in range(3)]
    assert {life.containment for life in lives} == {BOTH}
    found = {leaf_of(branch, life) for life in lives}
    assert len(found) == 3
    assert all(members(leaf) == [life.pid] for leaf, life in zip(map(leaf_of, [branch] * 3, lives), lives, strict=True))


async def test_nothing_of_its_group_is_open_while_it_runs(lab, branch):
    lives = [await lab.launch(SLEEPS) for _ in range(3)]
    assert {life.containment for life in lives} == {BOTH}
    assert {path for _, path in descriptors() if str(branch) in path} == {str(branch)}


async def test_its_guardians_are_elsewhere(lab, branch):
    life = await lab.launch(SLEEPS)
    assert {groups_of(pid) for pid in above(life.pid)} == {groups_of(os.getpid())}


async def test_its_group_ends_with_it(lab, branch):
    life, stray = await daemon(lab)
    leaf = leaf_of(branch, life)
    assert sorted(members(leaf)) == sorted([life.pid, stray])
    await life.controls.stop(Stop(grace=5))
    assert life.exited.signal == "SIGTERM"
    await until(lambda: not leaf.exists())


async def test_many_at_once_have_one_each(lab, branch):
    lives = []

    async def launch():
        lives.append(await lab.launch(SLEEPS, output="discard"))

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(launch)
    assert {life.containment for life in lives} == {BOTH}
    assert len(leaves(branch)) == 30
    async with trio.open_nursery() as nursery:
        for life in lives:
            nursery.start_soon(life.controls.stop, KILL)
    await until(lambda: not leaves(branch))


async def test_a_start_that_fails_leaves_none(lab, branch):
    for _ in range(20):
        assert (await lab.launch(["/bin/none"])).refusal.errno == errno.ENOENT
        assert (await lab.launch(SLEEPS, cwd="/none")).refusal.errno == errno.ENOENT
    await until(lambda: len(list(branch.glob("[0-9]*"))) <= 16)
    assert leaves(branch) == []


async def test_what_is_left_when_the_launcher_ends_is_ended(tuning):
    async with LocalLauncher(tuning=tuning).open() as opened:
        lab = Lab(opened)
        life, stray = await daemon(lab)
        branch = branch_of(opened)
    assert life.exited.killed
    assert not is_alive(stray)
    assert not is_there(branch)


async def test_strays_that_are_kept_keep_their_group(tuning):
    async with LocalLauncher(tuning=tuning).open() as opened:
        lab = Lab(opened)
        branch = branch_of(opened)
        life = await lab.launch(sh("setsid sleep 1000 > /dev/null 2>&1 & echo up"), strays="keep")
        await life.wait_exited()
        (leaf,) = leaves(branch)
        await (await lab.launch(["/bin/true"])).wait_exited()
        assert leaves(branch) == [leaf]
        (kept,) = members(leaf)
    assert not is_alive(kept)
    assert not is_there(branch)


# -- held still --------------------------------------------------------------------------------------------------------


def is_frozen(leaf) -> bool:
    return "frozen 1" in (leaf / "cgroup.events").read_text()


async def test_a_pause_holds_all_of_it_still(lab, branch):
    life = await lab.launch(sh("setsid cat"), stdin="pipe")
    leaf = leaf_of(branch, life)
    life.controls.pause()
    await until(lambda: is_frozen(leaf))
    assert (await life.controls.evidence()).state == "stopped"
    await life.controls.write_stdin(b"one\n")
    with trio.move_on_after(0.1):
        await life.wait_printed(b"one\n")
    assert life.stdout == b""
    life.controls.resume()
    await life.wait_printed(b"one\n")
    assert (await life.controls.evidence()).state != "stopped"


async def test_what_is_paused_hears_that_it_is_to_end(lab, branch):
    life = await lab.launch(sh("trap 'echo bye; exit 3' TERM; echo armed; while :; do sleep 0.01; done"))
    await life.wait_printed(b"armed")
    life.controls.pause()
    await until(lambda: is_frozen(leaf_of(branch, life)))
    await life.controls.stop(Stop(grace=20))
    assert (life.exited.code, life.exited.killed) == (3, False)


@pytest.mark.parametrize("to", list(To))
async def test_what_is_paused_can_be_killed(lab, branch, to):
    life, stray = await daemon(lab)
    life.controls.pause()
    await until(lambda: is_frozen(leaf_of(branch, life)))
    await life.controls.stop(Stop(grace=0, to=to))
    assert not is_alive(stray)


async def test_what_is_stopped_by_others_goes_on_when_it_is_resumed(lab):
    life = await lab.launch(["/bin/cat"], stdin="pipe")
    life.controls.signal("SIGSTOP")
    await until(lambda: psutil.Process(life.pid).status() == psutil.STATUS_STOPPED)
    life.controls.resume()
    await life.controls.write_stdin(b"one\n")
    await life.wait_printed(b"one\n")


# -- counted -----------------------------------------------------------------------------------------------------------

BURN = "import time\nwhile time.process_time() < 0.3: pass\nos._exit(0)"


async def test_the_cpu_time_of_whom_nobody_waited_for_is_counted(lab):
    lines = (
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",  # so the kernel reaps, and adds nothing to anybody's account
        "ours, theirs = os.pipe()",
        "if not os.fork():",
        *(f"    {line}" for line in BURN.splitlines()),
        "os.close(theirs); os.read(ours, 1)",
    )
    life = await lab.launch(python(*lines))
    usage = (await life.wait_exited()).usage
    assert usage.user + usage.system >= 0.3


# -- out of reach, or not ----------------------------------------------------------------------------------------------


async def test_one_that_leaves_its_group_is_ended_by_its_guardian(lab, branch):
    elsewhere = branch.parent / "cgroup.procs"
    script = f"(setsid sh -c 'echo 0 > {elsewhere} && echo out $$ && exec sleep 1000' &); exec sleep 1000"
    life = await lab.launch(sh(script))
    await life.wait_printed(b"\n")
    out = int(life.stdout.split()[1])
    leaf = leaf_of(branch, life)
    assert members(leaf) == [life.pid]
    await life.controls.stop(Stop(grace=5))
    assert not is_alive(out)
    await until(lambda: not leaf.exists())


async def test_groups_that_a_child_makes_in_its_own_end_with_it(lab, branch):
    script = (
        f"cd {branch}/$(sed -n 's,^0::.*/,,p' /proc/self/cgroup) && mkdir -p a/b/c a/d &&"
        " (setsid sh -c 'echo 0 > a/b/c/cgroup.procs; exec sleep 1000' &) && echo up && exec sleep 1000"
    )
    life = await lab.launch(sh(script))
    await life.wait_printed(b"up")
    leaf = leaf_of(branch, life)
    await until(lambda: members(leaf / "a" / "b" / "c"))
    await life.controls.stop(Stop(grace=5))
    await until(lambda: not leaf.exists())


async def test_without_its_guardians_it_is_lost_and_all_of_it_gone(lab, branch):
    life, stray = await daemon(lab)
    leaf = leaf_of(branch, life)
    for guardian in above(life.pid):
        kill(guardian)
    await life.wait_for(lambda: life.is_over)
    assert isinstance(life.facts[-1], Lost)
    assert not is_alive(stray)
    assert not life.has(Stuck)
    await until(lambda: not leaf.exists())
    assert (await lab.launch(SLEEPS)).containment == BOTH


async def test_without_its_shim_alone_it_is_lost_and_all_of_it_gone(lab, branch):
    life, stray = await daemon(lab)
    kill(above(life.pid)[0])
    await life.wait_for(lambda: life.is_over)
    assert isinstance(life.facts[-1], Lost)
    assert not is_alive(stray)


async def test_what_is_stuck_without_its_guardians_is_told_and_waited_for(lab, branch, unkillable):
    life = await lab.launch(SLEEPS, stop=Stop(kill_wait=0.2))
    other = await lab.launch(SLEEPS)
    guardians = above(life.pid)
    held = unkillable(life.pid)
    for guardian in guardians:
        kill(guardian)
    await life.wait_for(lambda: life.has(Stuck))
    (stuck,) = (fact for fact in life.facts if isinstance(fact, Stuck))
    assert "something in its control group is still there after the kill" in stuck.why
    assert not life.is_over
    await other.wait_for(lambda: other.is_over)
    held.let_go()
    await life.wait_for(lambda: life.is_over)
    assert isinstance(life.facts[-1], Lost)


# -- a place that goes bad ---------------------------------------------------------------------------------------------


async def test_where_there_is_no_room_children_go_without(lab, branch):
    (branch / "cgroup.max.descendants").write_text("0")
    life = await lab.launch(SLEEPS)
    assert life.containment == "guardian"
    assert groups_of(life.pid) == groups_of(os.getpid())
    (branch / "cgroup.max.descendants").write_text("max")
    assert (await lab.launch(SLEEPS)).containment == BOTH


async def test_no_room_for_descriptors_is_not_the_fault_of_the_program(lab):
    await lab.launch(SLEEPS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = [os.dup(0) for _ in range(100)]  # so that the free numbers are those from the last one on
    lives = []
    try:
        for spare in range(20):
            resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1] + 1 + spare, hard))
            lives.append(await lab.launch(SLEEPS, stdin="pipe"))
            if lives[-1].has(Launched):
                break
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    assert lives.pop().containment == BOTH
    assert len(lives) > 4
    assert {(life.refusal.refusal, life.refusal.errno) for life in lives} == {(Refusal.CAPACITY, errno.EMFILE)}


async def test_where_nobody_can_be_put_children_go_without(lab, branch):
    await (await lab.launch(SLEEPS)).controls.stop(KILL)
    await until(lambda: {leaf.name for leaf in branch.glob("[0-9]*")} == {"2", "3"})
    (branch / "3" / "cgroup.type").write_text("threaded")  # then its neighbours take nobody
    life = await lab.launch(SLEEPS, stdin="pipe")
    assert life.containment == "guardian"
    assert "no process can be put into" in lab.opened._tools._nests.leaves.trouble
    assert (await lab.launch(SLEEPS)).containment == "guardian"


async def test_where_the_place_has_vanished_children_go_without(lab, branch):
    for leaf in branch.glob("[0-9]*"):
        leaf.rmdir()
    branch.rmdir()
    lives = [await lab.launch(SLEEPS) for _ in range(2)]
    assert {life.containment for life in lives} == {"guardian"}


async def test_two_launchers_are_in_each_others_way_nowhere(lab, tuning):
    life = await lab.launch(SLEEPS)
    async with LocalLauncher(tuning=tuning).open() as opened:
        other = await Lab(opened).launch(SLEEPS)
        assert groups_of(other.pid) != groups_of(life.pid)
    assert isinstance(other.facts[-1], Exited)
    assert [type(fact) for fact in life.facts][:1] == [Launched]
    assert not life.is_over
    assert is_alive(life.pid)


async def test_a_signal_from_elsewhere_is_a_crash_as_any(lab):
    life = await lab.launch(SLEEPS)
    os.kill(life.pid, signal.SIGKILL)
    exited = await life.wait_exited()
    assert (exited.signal, exited.oom_killed, exited.asked) == ("SIGKILL", False, False)


# -- sampled for its limits --------------------------------------------------------------------------------------------


async def sampled(lab, life):
    return (await lab.opened.sample_all([life.key]))[life.key]


async def test_a_daemon_that_is_no_descendant_any_more_is_sampled_too(lab):
    life, _ = await daemon(lab)
    assert (await sampled(lab, life)).descendants == 1


async def test_what_has_ended_has_used_its_time(lab):
    """A descendant that is gone, and that nobody has waited for, takes nothing along."""
    burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
    life = await lab.launch(sh(f"(setsid sh -c '{burn}; echo done' &) ; exec sleep 1000"))
    await life.wait_printed(b"done")
    found = await sampled(lab, life)
    assert (await life.controls.sample()).cpu < 0.02 < found.cpu


async def test_a_paused_one_is_sampled_all_the_same(lab, branch):
    life = await lab.launch(SLEEPS)
    life.controls.pause()
    await until(lambda: is_frozen(leaf_of(branch, life)))
    assert (await sampled(lab, life)).threads == 1
