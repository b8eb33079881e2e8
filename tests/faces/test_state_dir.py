"""`state_dir=`: real supervisors are killed, and what they leave is ended by the next one, before it starts."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio
from tests.edge.recorder import PATIENCE, is_alive
from tests.faces.cli_command import finished, pid_in, running, write_tree

from regrow import ChildSpec, InvalidSpecError, LocalLauncher, SupervisorSpec, open_supervisor, run
from regrow._edge.tuning import Tuning
from regrow.events import ChildStarted, SurvivorEnded
from regrow.exceptions import StateDirInUseError
from regrow.testing import FakeLauncher, check_launcher

assert sys.platform == "linux"

PROGRAM = """
import os, signal, sys, trio
from regrow import ChildSpec, LocalLauncher, SupervisorSpec, open_supervisor
from regrow._edge.tuning import Tuning
state, guardian = sys.argv[1:]
family = "setsid sleep 1000 & echo $!; (setsid sh -c 'echo $$; exec sleep 1000' &); sleep 1000 & echo $!; "
family += "exec sleep 1000"
children = [ChildSpec(name=name, command=["sh", "-c", family]) for name in ("a", "b")]
async def main():
    launcher = LocalLauncher(tuning=Tuning(guardian=guardian), state_dir=state)
    async with open_supervisor(SupervisorSpec(name="app", children=children), launcher=launcher) as supervisor:
        os.write(1, b"%d %d\\n" % tuple(child.pid for child in supervisor.status().children))  # not torn
        await trio.sleep_forever()
trio.run(main)
"""
"""Two children; each has two descendants in sessions of their own and one that stays, and tells their numbers."""

TREE = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=["sleep", "1000"])])


def leave(state: Path, guardian: str, kill) -> set[int]:
    """Have *kill* end a supervisor; all that it had started."""
    command = [sys.executable, "-c", PROGRAM, str(state), guardian]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [[int(pid) for pid in process.stdout.readline().split()] for _ in range(7)]
        kill(process)
    pids = {pid for line in lines for pid in line}
    assert len(pids) == 8
    if guardian != "none":  # it takes the main process with it, in a moment
        deadline = time.monotonic() + PATIENCE
        while any(map(is_alive, max(lines, key=len))):
            assert time.monotonic() < deadline
    return pids


def kill_alone(process: subprocess.Popen[Any]) -> None:
    process.kill()


def kill_with_all_guardians(process: subprocess.Popen[Any]) -> None:
    """What no guardian survives: none of them has a moment to do its work in."""
    (nest,) = psutil.Process(process.pid).children()
    shims = nest.children()
    process.send_signal(signal.SIGSTOP)
    for guardian in (nest, *shims):
        guardian.suspend()
    for guardian in (*shims, nest):  # the death of the one above would wake the one below
        guardian.kill()
    process.kill()


def launcher(state: Path) -> LocalLauncher:
    return LocalLauncher(tuning=Tuning(guardian="none"), state_dir=state)


@pytest.mark.parametrize(("guardian", "kill"), [("none", kill_alone), ("python", kill_with_all_guardians)])
async def test_what_survives_is_ended_before_anything_is_started(tmp_path, guardian, kill):
    state = tmp_path / "state"
    pids = leave(state, guardian, kill)
    survivors = {pid for pid in pids if is_alive(pid)}
    assert len(survivors) >= (8 if guardian == "none" else 6)  # the target of a guardian dies with it
    async with open_supervisor(TREE, launcher=launcher(state)) as supervisor:
        assert not any(map(is_alive, pids))
        seen = []
        async for event in supervisor.events(start=1):
            seen.append(event)
            if isinstance(event, ChildStarted):
                break
    ended = [event for event in seen if isinstance(event, SurvivorEnded)]
    assert {event.pid for event in ended} == survivors
    assert {(event.path, event.incarnation) for event in ended} == {("a", 1), ("b", 1)}
    assert seen[: len(ended)] == ended


async def test_while_one_lives_the_next_is_refused_and_touches_nothing(tmp_path):
    state = tmp_path / "state"
    leave(state, "none", kill_alone)
    async with open_supervisor(TREE, launcher=launcher(state)) as supervisor:
        pid = supervisor.status().children[0].pid
        with pytest.raises(StateDirInUseError, match=f"by this very process \\({os.getpid()}\\) since"):
            async with open_supervisor(TREE, launcher=launcher(state)):
                raise AssertionError("two at once")
        assert is_alive(pid)
    async with open_supervisor(TREE, launcher=launcher(state)):
        pass


async def test_a_clean_end_leaves_nothing_behind_for_the_next(tmp_path):
    state = tmp_path / "state"
    for _ in range(2):
        async with open_supervisor(TREE, launcher=launcher(state)) as supervisor:
            assert (state / "processes").read_bytes().count(b'"runs"') == 1
            assert not [event for event in await first(supervisor, 3) if isinstance(event, SurvivorEnded)]
        assert not (state / "processes").exists()


async def first(supervisor, count):
    stream = supervisor.events(start=1)
    return [await stream.__anext__() for _ in range(count)]


async def test_many_restarts_leave_a_small_list(tmp_path):
    state = tmp_path / "state"
    often = ChildSpec(name="a", command=["true"], backoff=None)
    tree = SupervisorSpec(name="app", children=[often], max_restarts=300, window=float("inf"))
    with pytest.raises(ExceptionGroup):
        async with open_supervisor(tree, launcher=launcher(state)) as supervisor:
            async for event in supervisor.events():
                assert (state / "processes").stat().st_size < 200_000, event
            await trio.sleep_forever()


async def test_a_launcher_that_remembers_keeps_all_promises(tmp_path):
    numbers = itertools.count()
    await check_launcher(lambda: LocalLauncher(state_dir=tmp_path / str(next(numbers))))


async def test_a_launcher_and_a_directory_are_one_too_many(tmp_path):
    with pytest.raises(InvalidSpecError, match="state_dir: is the launcher's"):
        async with open_supervisor(TREE, launcher=FakeLauncher(), state_dir=tmp_path):
            pass


def test_run_takes_a_directory_too(tmp_path):
    once = ChildSpec(name="a", command=["true"], restart="temporary", significant=True)
    tree = SupervisorSpec(name="app", children=[once], auto_shutdown="any_significant")
    assert run(tree, sinks=[], state_dir=tmp_path / "state") == 0
    assert (tmp_path / "state" / "lock").exists()


# -- the command -------------------------------------------------------------------------------------------------------

SLEEPER = """
import regrow._edge.guarding.hatching
regrow._edge.guarding.hatching.locate = lambda kind: None  # as where there are no guardians
app = SupervisorSpec(name="app", children=[ChildSpec(name="a", command=children.sleeps())])
"""


def test_the_command_refuses_a_second_one_in_words(tmp_path):
    write_tree(tmp_path, SLEEPER)
    words = ["run", "--state-dir", "state", "tree.py"]
    with running(*words, cwd=tmp_path) as command:
        command.stderr.wait_for("app  ready")
        second, code = finished(*words, cwd=tmp_path)
        assert code == 69
        told = f"regrow: the state directory 'state' is in use by process {command.pid} ("
        assert str(second.stderr).startswith(told)
        assert f"stop it first (kill {command.pid}), or use another directory" in str(second.stderr)
        command.send(signal.SIGTERM)
        assert command.end() == 0


def test_the_command_tells_of_survivors_and_ends_them_first(tmp_path):
    write_tree(tmp_path, SLEEPER)
    words = ["run", "--state-dir", "state", "tree.py"]
    with running(*words, cwd=tmp_path) as command:
        pid = pid_in(command.stderr.wait_for("a    started"))
        command.stderr.wait_for("app  ready")
        command.send(signal.SIGKILL)
        command.process.wait(PATIENCE)
        assert is_alive(pid)
        with running(*words, cwd=tmp_path) as second:
            line = second.stderr.wait_for(f"process {pid} had survived the last supervisor, and was ended")
            assert line.split()[1] == "a"
            second.stderr.wait_for("app  ready")
            assert not is_alive(pid)
            second.send(signal.SIGTERM)
            assert second.end() == 0
