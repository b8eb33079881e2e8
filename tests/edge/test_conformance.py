"""Fake and real launchers keep the same promises."""

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from regrow._edge.local import LocalLauncher
from regrow._specs.protocol import Output
from regrow.testing import LAUNCHER_CHECKS, Conditions, FakeLauncher, check_launcher, children, run_check
from regrow.testing.conformance import open_trial

each_promise = pytest.mark.parametrize("check", LAUNCHER_CHECKS, ids=lambda check: check.__name__)


class Fakes:
    """Makes fakes, and knows of all of them what is alive."""

    def __init__(self, launch_takes=0.0, containment="guardian"):
        self._launch_takes = launch_takes
        self._containment = containment
        self._made = []

    def make(self):
        launcher = FakeLauncher(containment=self._containment)
        launcher.launch_takes = self._launch_takes
        self._made.append(launcher)
        return launcher

    @property
    def conditions(self):
        return Conditions(is_alive=self._is_alive, is_there=self._is_alive, ask=self._ask)

    def _is_alive(self, pid):
        return any(launcher.is_alive(pid) for launcher in self._made)

    async def _ask(self, address):
        for launcher in self._made:
            with suppress(ConnectionRefusedError):
                return await launcher.ask(address)
        raise ConnectionRefusedError(address)


@each_promise
@pytest.mark.parametrize(
    ("launch_takes", "containment"),
    [(0.0, "guardian"), (0.005, "guardian+cgroup"), (0.0, "group")],
    ids=["at_once", "slow", "group"],
)
async def test_a_fake_launcher_keeps_its_promise(check, launch_takes, containment, autojump_clock):
    fakes = Fakes(launch_takes, containment)
    await run_check(check, fakes.make, fakes.conditions)


@each_promise
@pytest.mark.parametrize("tuning", ["compiled", "python_no_epoll_no_pidfd", "group"], indirect=True)
async def test_a_local_launcher_keeps_its_promise(check, tuning):
    await run_check(check, lambda: LocalLauncher(tuning=tuning), Conditions())


@pytest.mark.parametrize(
    "command",
    [
        children.exits(3, 0.01),
        children.dies_of("SIGSEGV"),
        children.prints(["one", "two"], "stderr", 4),
        children.floods(100_000, "stdout", 5),
        children.reads_stdin(),
        children.works(0.01),
        children.describes_itself(["session", "terminal", "descriptors"]),
        children.holds_output(),
        children.crashes_sometimes(0.5, 0.01, 6, 7),
        children.prints_environment(["REGROW_PATH", "NOT_THERE"]),
    ],
    ids=lambda command: command[4],
)
def test_a_fake_ends_as_the_real_program_does(command):
    assert trio.run(ending, FakeLauncher, command, clock=MockClock(autojump_threshold=0)) == trio.run(
        ending, LocalLauncher, command
    )


async def ending(make, command):
    """What a command prints, and how it ends, with a launcher."""
    async with open_trial(make, Conditions()) as trial:
        record = await trial.launch(command)
        exited = await record.wait_exited()
        kinds = [type(fact) for fact in record.facts if not isinstance(fact, Output)]
    return kinds, record.output("stdout"), record.output("stderr"), exited.code, exited.signal


async def test_the_suite_is_one_call(autojump_clock):
    fakes = Fakes()
    await check_launcher(fakes.make, fakes.conditions)
