"""The way down: what each step does, who takes over from whom, and what is left when nothing helps."""

from __future__ import annotations

import errno
import math
import os
import signal
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest
import trio
from tests.edge.forms import only_group
from tests.edge.recorder import PATIENCE, SLEEPS, is_alive, is_there, kill, python, sh, until, wait_dead
from trio.testing import wait_all_tasks_blocked

from regrow._edge.grouping import handle as handles
from regrow._edge.guarding.nest import Nest
from regrow._specs.check import leniently
from regrow._specs.protocol import Stuck
from regrow._specs.stop import KILL, CloseStdin, Run, Signal, Stop
from regrow.testing import children

assert sys.platform != "win32"

LONG = Stop(grace=PATIENCE)


async def test_the_terminal_fact_comes_before_the_return(lab):
    life = await lab.launch(SLEEPS)
    await life.controls.stop(LONG)
    assert (life.exited.signal, life.exited.asked, life.exited.killed) == ("SIGTERM", True, False)
    assert not is_there(life.pid)


async def test_what_is_deaf_is_killed_when_its_grace_is_over(lab):
    life = await lab.launch(children.ignores_sigterm())
    await life.wait_printed(b"armed")
    begun = trio.current_time()
    await life.controls.stop(Stop(grace=0.1))
    assert 0.1 <= trio.current_time() - begun < PATIENCE
    assert (life.exited.signal, life.exited.asked, life.exited.killed) == ("SIGKILL", True, True)


async def test_what_is_stopped_obeys_at_once(lab):
    life = await lab.launch(SLEEPS)
    life.controls.signal("SIGSTOP")
    await life.controls.stop(LONG)
    assert (life.exited.signal, life.exited.killed) == ("SIGTERM", False)


MEMBER = "(trap 'echo member; exit' TERM; echo up; while :; do sleep 0.01; done) &"


async def test_the_signal_goes_to_the_whole_group(lab):
    life = await lab.launch(sh(f"trap 'wait; exit 5' TERM\n{MEMBER}\nwait"))
    await life.wait_printed(b"up")
    await life.controls.stop(LONG)
    assert life.exited.code == 5
    assert b"member" in life.stdout


async def test_a_signal_that_the_process_dies_of_by_itself_is_not_a_stop(lab):
    life = await lab.launch(SLEEPS)
    life.controls.signal("SIGKILL")
    await life.wait_for(lambda: life.is_over)
    assert (life.exited.asked, life.exited.killed) == (False, False)


@only_group  # a guardian has to be told by the kernel, too, before it can tell us
async def test_a_process_that_was_dead_when_it_was_to_be_stopped_was_not_asked(lab):
    life = await lab.launch(sh("read line; exit 3"), stdin="pipe")
    life.controls.close_stdin()
    wait_dead(life.pid)  # and the loop had no turn to see it
    await life.controls.stop(LONG)
    assert (life.exited.code, life.exited.asked) == (3, False)


async def test_closing_stdin_can_be_a_step(lab):
    life = await lab.launch(["/bin/cat"], stdin="pipe")
    await life.controls.stop(Stop(steps=(CloseStdin(),), grace=PATIENCE))
    assert (life.exited.code, life.exited.asked, life.exited.killed) == (0, True, False)


async def test_steps_are_taken_in_order_each_after_the_wait_of_the_one_before(lab):
    life = await lab.launch(
        python(
            "def say(number, frame): os.write(1, b'%d\\n' % number)",
            "for number in 15, 1: signal.signal(number, say)",
            "os.write(1, b'armed\\n')",
            "sys.stdin.read(); os.write(1, b'END\\n')",
            "while True: signal.pause()",
        ),
        stdin="pipe",
    )
    await life.wait_printed(b"armed")
    steps = (Signal("TERM", wait=0.05), CloseStdin(wait=0.2), Signal("HUP", wait=0.05), Signal("USR1", wait=PATIENCE))
    begun = trio.current_time()
    await life.controls.stop(Stop(steps=steps))
    assert trio.current_time() - begun >= 0.3
    assert life.stdout == b"armed\n15\nEND\n1\n"
    assert (life.exited.signal, life.exited.killed) == ("SIGUSR1", False)


async def test_a_signal_that_this_system_does_not_have_is_passed_over(lab):
    with leniently():  # as in a spec that comes from another system
        ladder = Stop(steps=(Signal("SIGBREAK", wait=PATIENCE), Signal("SIGUSR1", wait=PATIENCE)))
    life = await lab.launch(SLEEPS)
    with trio.fail_after(PATIENCE / 2):
        await life.controls.stop(ladder)
    assert life.exited.signal == "SIGUSR1"


async def test_without_steps_and_without_grace_the_kill_comes_at_once(lab):
    for ladder in (KILL, Stop(grace=0)):
        life = await lab.launch(children.ignores_sigterm())
        await life.wait_printed(b"armed")
        with trio.fail_after(PATIENCE):
            await life.controls.stop(ladder)
        assert (life.exited.signal, life.exited.killed) == ("SIGKILL", True)


# -- commands ----------------------------------------------------------------------------------------------------------


async def test_a_command_has_the_environment_and_the_directory_of_the_child_and_its_pid(lab, tmp_path):
    life = await lab.launch(SLEEPS, cwd=tmp_path, env={"COLOUR": "red"})
    script = "echo $COLOUR $REGROW_PID $REGROW_PATH $PWD > report; kill -USR1 $REGROW_PID"
    await life.controls.stop(Stop(steps=(Run(sh(script)),), grace=PATIENCE))
    assert life.exited.signal == "SIGUSR1"
    assert (tmp_path / "report").read_text() == f"red {life.pid} {life.key.path} {tmp_path}\n"


async def test_what_a_command_prints_is_discarded(lab):
    life = await lab.launch(SLEEPS)
    await life.controls.stop(Stop(steps=(Run(sh("echo loud; echo loud >&2; kill $REGROW_PID")),), grace=PATIENCE))
    assert (life.stdout, life.stderr) == (b"", b"")


async def test_a_command_that_hangs_is_killed_with_its_group_when_its_time_is_over(lab, tmp_path):
    life = await lab.launch(SLEEPS)
    hangs = Run(sh(f"sleep 1000 & echo $! $$ > {tmp_path}/pids; wait"), wait=0.2)
    await life.controls.stop(Stop(steps=(hangs, Signal("TERM", wait=PATIENCE))))
    assert life.exited.signal == "SIGTERM"
    await are_gone(tmp_path)


async def test_a_command_that_is_not_done_when_the_process_is_dead_is_waited_for(lab, tmp_path):
    life = await lab.launch(SLEEPS)
    slow = Run(sh(f"kill $REGROW_PID; sleep 0.1; touch {tmp_path}/cleaned"))
    await life.controls.stop(Stop(steps=(slow,), grace=PATIENCE))
    assert (tmp_path / "cleaned").exists()
    assert (life.exited.signal, life.exited.killed) == ("SIGTERM", False)


async def test_a_command_that_hangs_does_not_hold_the_end_of_a_process_that_is_dead(lab):
    life = await lab.launch(SLEEPS)
    await life.controls.stop(Stop(steps=(Run(sh("kill $REGROW_PID; sleep 1000"), wait=0.1),), grace=PATIENCE))
    assert life.exited.signal == "SIGTERM"


async def test_a_command_that_cannot_be_executed_is_passed_over(lab):
    life = await lab.launch(SLEEPS)
    with trio.fail_after(PATIENCE / 2):
        await life.controls.stop(Stop(steps=(Run(["/no/such/command"]), Signal("USR1")), grace=PATIENCE))
    assert life.exited.signal == "SIGUSR1"


async def test_who_takes_over_ends_a_command_that_runs(lab, tmp_path):
    life = await lab.launch(SLEEPS)
    async with trio.open_nursery() as nursery:
        hangs = Run(sh(f"echo $$ > {tmp_path}/pids; sleep 1000"), wait=math.inf)
        nursery.start_soon(life.controls.stop, Stop(steps=(hangs,)))
        await until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())
        await life.controls.stop(LONG)
    assert life.exited.signal == "SIGTERM"
    await are_gone(tmp_path)


async def test_a_command_that_outlives_a_dead_process_can_be_hurried(lab):
    life = await lab.launch(SLEEPS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.controls.stop, Stop(steps=(Run(sh("kill $REGROW_PID; sleep 1000")),), grace=math.inf))
        await until(lambda: not is_there(life.pid))
        assert not life.is_over
        await life.controls.stop(KILL)
    assert (life.exited.signal, life.exited.killed) == ("SIGTERM", False)


async def test_a_command_that_comes_too_late_is_ended_at_once(lab, monkeypatch):
    life = await lab.launch(SLEEPS)
    steps = (Run(sh("sleep 1000"), wait=0), Signal("USR1", wait=PATIENCE))  # its time is over before it is spawned
    await life.controls.stop(Stop(steps=steps))
    assert life.exited.signal == "SIGUSR1"


async def are_gone(tmp_path):
    """The processes whose pids are there; one that was orphaned is a body until init has looked."""
    for pid in (tmp_path / "pids").read_text().split():
        await until(partial(is_dead, int(pid)))


def is_dead(pid):
    return not is_alive(pid)


# -- several stops -----------------------------------------------------------------------------------------------------


async def test_a_shorter_ladder_takes_over_and_all_callers_return(lab):
    life = await lab.launch(children.ignores_sigterm())
    await life.wait_printed(b"armed")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.controls.stop, Stop(grace=math.inf))
        nursery.start_soon(life.controls.stop, Stop(grace=1000))
        await wait_all_tasks_blocked()
        assert not life.is_over
        nursery.start_soon(life.controls.stop, KILL)
    assert life.exited.killed


async def test_a_longer_ladder_does_not_take_over(lab):
    life = await lab.launch(children.ignores_sigterm())
    await life.wait_printed(b"armed")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.controls.stop, Stop(grace=0.1))
        await wait_all_tasks_blocked()
        with trio.fail_after(PATIENCE):
            await life.controls.stop(Stop(grace=1000))
    assert life.exited.killed


async def test_cancelling_the_caller_does_not_stop_the_stop(lab):
    life = await lab.launch(children.ignores_sigterm())
    await life.wait_printed(b"armed")
    with trio.CancelScope() as scope:
        scope.cancel()
        await life.controls.stop(Stop(grace=0.05))
    assert scope.cancelled_caught
    assert (await life.wait_exited()).killed


async def test_a_stop_after_the_end_does_nothing(lab):
    life = await lab.launch(sh("exit 0"))
    await life.wait_exited()
    with trio.fail_after(PATIENCE):
        await life.controls.stop(LONG)
    assert not life.exited.asked


# -- stuck -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def unkillable(monkeypatch):
    """Nothing that is sent to it arrives: what the kernel does with a process that hangs in it."""
    with monkeypatch.context() as patch:
        patch.setattr(handles, "kill_group", lambda group, number: None)
        patch.setattr(Nest, "order", lambda nest, child, request: None)
        yield patch


async def test_what_is_still_there_after_the_kill_is_stuck_until_it_is_gone(lab, unkillable):
    life = await lab.launch(SLEEPS)
    await life.controls.stop(Stop(grace=0.01, kill_wait=0.05))
    assert life.facts[-1] == Stuck(0.05)
    assert is_there(life.pid)
    with trio.fail_after(PATIENCE):
        await life.controls.stop(LONG)  # it does not wait again for what is stuck
    assert life.facts[-1] == Stuck(0.05)
    kill(life.pid)  # the kernel lets go
    exited = await life.wait_exited()
    assert (exited.asked, exited.killed, exited.signal) == (True, True, "SIGKILL")


async def test_what_is_stuck_is_killed_again_when_asked_again(lab, unkillable):
    life = await lab.launch(SLEEPS)
    await life.controls.stop(Stop(grace=0, kill_wait=0.05))
    unkillable.undo()
    await life.controls.stop(KILL)
    assert (await life.wait_exited()).killed


async def test_a_revoke_of_what_is_stuck_returns(lab, unkillable, monkeypatch):
    monkeypatch.setattr("regrow._edge.opened.KILL", Stop(steps=(), kill_wait=0.05))
    life = await lab.launch(SLEEPS)
    with trio.fail_after(PATIENCE):
        await lab.opened.revoke(life.key)
    assert life.facts[-1] == Stuck(0.05)
    unkillable.undo()
    await life.controls.stop(KILL)
    await life.wait_exited()


@only_group
async def test_a_signal_that_is_not_allowed_does_not_end_the_ladder(lab, monkeypatch):
    life = await lab.launch(SLEEPS)

    def refuse(group, number):
        raise PermissionError

    monkeypatch.setattr(handles, "kill_group", refuse)
    await life.controls.stop(Stop(grace=0.01, kill_wait=0.05))
    assert life.facts[-1] == Stuck(0.05)
    monkeypatch.undo()
    await life.controls.stop(KILL)
    await life.wait_exited()


# -- signals -----------------------------------------------------------------------------------------------------------


async def test_a_paused_group_does_nothing_until_it_is_resumed(lab):
    life = await lab.launch(sh("cat | cat"), stdin="pipe")
    await life.controls.write_stdin(b"one\n")
    await life.wait_printed(b"one\n")
    life.controls.pause()
    await until(lambda: is_held(life.pid))
    await life.controls.write_stdin(b"two\n")
    with trio.move_on_after(0.1):
        await life.wait_printed(b"two\n")
    assert life.stdout == b"one\n"
    life.controls.resume()
    await life.wait_printed(b"two\n")


def is_held(pid):
    """Whether a process is stopped, and all that descend from it; or all of its control group."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return all(one.status() == psutil.STATUS_STOPPED for one in family) or is_frozen(pid)


def is_frozen(pid):
    with open(f"/proc/{pid}/cgroup") as groups:
        group = next((line[3:].strip() for line in groups if line.startswith("0::")), "/")
    with open("/proc/mounts") as mounts:
        tops = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    return any("frozen 1" in Path(f"{top}{group}/cgroup.events").read_text() for top in tops if group != "/")


async def test_a_signal_goes_to_the_main_process_alone(lab):
    life = await lab.launch(sh("trap 'echo got' USR1; sh -c 'echo up; exec sleep 1000' & while :; do wait; done"))
    await life.wait_printed(b"up")
    life.controls.signal("SIGUSR1")
    await life.wait_printed(b"got")
    assert (await life.controls.sample()).descendants == 1


async def test_a_signal_that_this_system_does_not_have_is_an_error(lab):
    life = await lab.launch(SLEEPS)
    with pytest.raises(OSError, match="SIGBREAK is not a signal") as caught:
        life.controls.signal("SIGBREAK")
    assert caught.value.errno == errno.EINVAL


@only_group  # a guardian that may not signal has nobody to tell
async def test_a_process_that_is_not_ours_to_signal_is_an_error(lab, monkeypatch):
    life = await lab.launch(SLEEPS)

    def refuse(*args):
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(PermissionError):
        life.controls.signal("SIGTERM")
