"""That nothing outlives the block in which a launcher is open, and nothing is held that it took."""

from __future__ import annotations

import math
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
import trio
from tests.edge.forms import only_group
from tests.edge.recorder import DAEMON, PATIENCE, SLEEPS, Lab, Life, is_there, kill, python, sh, until
from trio.testing import wait_all_tasks_blocked

from regrow._edge import opened as opening
from regrow._edge.grouping import handle as handles
from regrow._edge.grouping import spawning
from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Exited, Lost, Refusal
from regrow._specs.stop import KILL, Run, Stop
from regrow.testing import children

assert sys.platform != "win32"


@pytest.fixture
def launcher(tuning):
    return LocalLauncher(tuning=tuning)


class OnPurposeError(Exception):
    pass


async def several(lab) -> list[Life]:
    """Lives of many kinds; the last is being stopped."""
    lives = [
        await lab.launch(SLEEPS),
        await lab.launch(children.ignores_sigterm()),
        await lab.launch(SLEEPS, ready=Forever()),
        await lab.launch(["/bin/cat"], stdin="pipe"),
        await lab.launch(sh("sleep 1000 & sleep 1000")),
        await lab.launch(sh("kill -STOP $$")),
        await lab.launch(SLEEPS),
    ]
    with trio.CancelScope() as scope:
        scope.cancel()
        await lives[-1].controls.stop(Stop(steps=(Run(sh("sleep 1000")),), grace=math.inf))
    return lives


class Forever:
    async def wait_ready(self, target):
        await trio.sleep_forever()


def assert_ended(lives):
    for life in lives:
        assert isinstance(life.facts[-1], Exited), life.story
        assert (life.exited.asked, life.exited.killed) == (True, True)
        assert not is_there(life.pid)


async def test_leaving_ends_everything(launcher):
    async with launcher.open() as opened:
        lives = await several(Lab(opened))
    assert_ended(lives)


async def test_leaving_by_an_error_ends_everything_and_the_error_goes_on_as_it_is(launcher):
    lives = []
    error = OnPurposeError()

    async def fail():
        async with launcher.open() as opened:
            lives.extend(await several(Lab(opened)))
            raise error

    with pytest.raises(OnPurposeError) as caught:
        await fail()
    assert caught.value is error
    assert_ended(lives)


async def test_leaving_by_cancellation_ends_everything(launcher):
    lives = []
    with trio.CancelScope() as scope:
        async with launcher.open() as opened:
            lives += await several(Lab(opened))
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert_ended(lives)


@only_group
async def test_leaving_does_not_wait_for_output_that_somebody_else_may_print(launcher):
    async with launcher.open() as opened:
        life = await Lab(opened).launch(python(*DAEMON, "print('late', flush=True)", "sys.stdin.read()"), stdin="pipe")
        await life.wait_printed(b"late")
        await until(lambda: not is_there(life.pid))
        assert not life.is_over
    assert (life.exited.code, life.exited.asked) == (0, False)


async def test_opening_can_be_cancelled(launcher):
    with trio.CancelScope() as scope:
        scope.cancel()
        async with launcher.open():
            raise AssertionError("it is cancelled before it is open")
    assert scope.cancelled_caught


async def test_leaving_can_be_cancelled_and_is_not_cut_short(launcher):
    with trio.CancelScope() as scope:
        async with launcher.open() as opened:
            lives = await several(Lab(opened))
            scope.cancel()
    assert_ended(lives)
    assert not scope.cancelled_caught  # nothing in the block was interrupted


@pytest.mark.parametrize("number", range(20))
async def test_leaving_at_any_moment_of_a_burst_of_starts_leaves_nothing(number, launcher):
    with trio.move_on_after(random.Random(number).uniform(0, 0.02)):
        async with launcher.open() as opened:
            lab = Lab(opened)
            async with trio.open_nursery() as nursery:
                for _ in range(30):
                    nursery.start_soon(lab.launch, SLEEPS)


async def test_who_waits_for_a_start_or_a_stop_is_let_go(launcher):
    async with trio.open_nursery() as nursery, launcher.open() as opened:
        lab = Lab(opened)
        life = await lab.launch(children.ignores_sigterm())
        await life.wait_printed(b"armed")
        nursery.start_soon(life.controls.stop, Stop(grace=math.inf))
        other = lab.life()
        nursery.start_soon(lab.start, other, SLEEPS)
        await wait_all_tasks_blocked()
    assert life.is_over
    assert other.is_over or other.refusal.refusal is Refusal.REVOKED


async def test_a_closed_launcher_refuses(launcher):
    async with launcher.open() as opened:
        life = await Lab(opened).launch(SLEEPS)
    await life.controls.stop(KILL)
    await opened.revoke(life.key)
    late = await Lab(opened).launch(SLEEPS)
    assert late.refusal.refusal is Refusal.ENGINE


async def test_two_launchers_do_not_disturb_each_other(launcher):
    async with launcher.open() as one:
        async with launcher.open() as two:
            first, second = await Lab(one).launch(SLEEPS), await Lab(two).launch(SLEEPS)
        assert (second.is_over, first.is_over) == (True, False)


# -- when something breaks ---------------------------------------------------------------------------------------------


class BrokenError(BaseException):
    """Not an Exception: nobody may take it for a probe that says no."""


class Breaks:
    def __init__(self, when):
        self._when = when

    async def wait_ready(self, target):
        await self._when.wait()
        raise BrokenError


async def test_what_breaks_in_a_task_of_ours_ends_everything_and_goes_up(launcher):
    lives = []
    now = trio.Event()
    with pytest.RaisesGroup(BrokenError, flatten_subgroups=True):
        async with launcher.open() as opened:
            lab = Lab(opened)
            lives += await several(lab)
            lives.append(await lab.launch(SLEEPS, ready=Breaks(now)))
            now.set()
            await trio.sleep_forever()
    assert_ended(lives)


async def test_what_breaks_does_not_hide_the_error_of_the_block(launcher):
    now = trio.Event()
    with pytest.RaisesGroup(BrokenError, flatten_subgroups=True) as caught:
        async with launcher.open() as opened:
            await Lab(opened).launch(SLEEPS, ready=Breaks(now))
            try:
                now.set()
                await trio.sleep_forever()
            finally:
                raise OnPurposeError
    assert isinstance(caught.value.__cause__, OnPurposeError)


@only_group
async def test_what_does_not_die_is_lost_and_holds_nobody(launcher, monkeypatch):
    monkeypatch.setattr(opening, "_END", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(handles, "kill_group", lambda group, number: None)
        async with launcher.open() as opened:
            life = await Lab(opened).launch(SLEEPS, stdin="pipe")
    assert isinstance(life.facts[-1], Lost)
    assert "still there 0.1 s after the kill" in life.facts[-1].why
    kill(life.pid)  # the fixture sees whether it is reaped when the kernel lets go


@only_group
@pytest.mark.parametrize("close", [0.05, 5], ids=["after the launcher", "while its threads end"])
async def test_a_start_that_hangs_in_its_exec_is_ended_when_it_comes_back(close, launcher, monkeypatch):
    monkeypatch.setattr(opening, "_END", 0.05)
    monkeypatch.setattr("regrow._edge.tools._CLOSE", close)
    begun = threading.Event()
    spawned = []

    def spawn(order, sockets, **options):
        begun.set()
        time.sleep(0.5)  # a filesystem that hangs
        spawned.append(spawning.spawn(order, sockets, **options))
        return spawned[0]

    monkeypatch.setattr("regrow._edge.grouping.grouped.spawn", spawn)
    async with trio.open_nursery() as nursery, launcher.open() as opened:
        lab = Lab(opened)
        life = lab.life()
        nursery.start_soon(lab.start, life, SLEEPS)
        await until(begun.is_set)
    assert life.refusal.refusal is Refusal.ENGINE
    assert bool(spawned) == (close > 1)
    await until(lambda: spawned and not is_there(spawned[0].handle.pid))


@only_group
def test_a_start_that_comes_back_when_the_whole_run_is_over_is_ended_too(launcher, monkeypatch):
    monkeypatch.setattr(opening, "_END", 0.05)
    monkeypatch.setattr("regrow._edge.tools._CLOSE", 0.05)
    begun = threading.Event()

    def spawn(order, sockets, **options):
        begun.set()
        time.sleep(0.5)
        return spawning.spawn(order, sockets, **options)

    monkeypatch.setattr("regrow._edge.grouping.grouped.spawn", spawn)

    async def main():
        async with trio.open_nursery() as nursery, launcher.open() as opened:
            lab = Lab(opened)
            nursery.start_soon(lab.start, lab.life(), SLEEPS)
            await until(begun.is_set)

    trio.run(main)  # the fixtures see what is left


INTERRUPTED = """
import itertools, sys, trio
from regrow._edge.local import LocalLauncher
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Key

async def main():
    spec = ChildSpec(name="w", command=["/bin/sleep", "1000"], output="discard")
    async with LocalLauncher().open() as opened:
        print("open", flush=True)
        for number in itertools.count(1):
            process = await opened.launch(Key("t", "w", number), spec, lambda fact: None)
            if number % 3 == 0:
                await opened.revoke(Key("t", "w", number))

try:
    trio.run(main)
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.mark.parametrize("number", range(15))
def test_ctrl_c_loses_no_child(number):
    # Only the fixtures see a child that was lost: it has our tag in its environment.
    program = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert program.stdout.readline() == b"open\n"
        time.sleep(random.Random(number).uniform(0, 0.1))
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE) == 7
    finally:
        program.stdout.close()
        program.kill()
        program.wait()


# -- what it says of itself --------------------------------------------------------------------------------------------


def test_it_names_its_containment_and_can_do_everything():
    assert LocalLauncher().containment in {"guardian", "guardian+cgroup"}  # as ordinary users with a group have it
    assert list(LocalLauncher().check(ChildSpec(name="w", command=SLEEPS))) == []


# -- mistakes of ours --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["regrow._edge.grouping.waiting.Deaths.watch", "regrow._edge.tools.Tools.order"])
async def test_an_error_that_nobody_has_thought_of_ends_the_launcher_and_all_that_it_has(monkeypatch, where):
    def break_down(*args):
        raise RuntimeError("nobody has thought of this")

    monkeypatch.setattr("regrow._edge.opened._END", 0.2)  # without a watch, its death is not noticed
    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="nobody has thought"), flatten_subgroups=True):
        async with LocalLauncher(tuning=Tuning(guardian="none")).open() as opened:
            monkeypatch.setattr(where, break_down)
            with trio.fail_after(PATIENCE):
                await Lab(opened).launch(SLEEPS)
                await trio.sleep_forever()
