"""What only a fake can do: obey, foretell, and let an hour pass in a moment."""

import sys
import time

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from regrow._specs.child import ChildSpec
from regrow._specs.exit import Usage
from regrow._specs.protocol import (
    Exited,
    Key,
    Launched,
    Lost,
    NotLaunched,
    Output,
    Ready,
    ReadyFailed,
    Refusal,
    Stream,
    Stuck,
)
from regrow._specs.readiness import TcpPort
from regrow._specs.stop import KILL, Run, Stop
from regrow.exceptions import InvalidStateError
from regrow.testing import FakeLauncher, Script, children

SLOWER = 1 if sys.gettrace() is None else 10  # under coverage, every line costs
NO_ROOM = NotLaunched(refusal=Refusal.CAPACITY, why="no room")


def spec(command=("server",), **fields):
    return ChildSpec(name="w", command=command, **fields)


def exited(**facts):
    return Exited(**facts, usage=Usage())


class Starter:
    """Starts incarnations of children, each with the next number, and keeps their facts."""

    def __init__(self, opened):
        self._opened = opened
        self._incarnation = 0
        self._changed = trio.Event()
        self.facts = []

    async def __call__(self, path="w", **fields):
        self._incarnation += 1
        return await self._opened.launch(self.key(path), spec(**fields), self.report)

    def report(self, fact):
        self.facts.append(fact)
        self._changed.set()
        self._changed = trio.Event()

    async def next_fact(self):
        await self._changed.wait()
        return self.facts[-1]

    def key(self, path="w"):
        return Key("tree", path, self._incarnation)

    async def revoke(self):
        await self._opened.revoke(self.key())


@pytest.fixture
def launcher():
    return FakeLauncher()


@pytest.fixture
async def start(launcher):
    async with launcher.open() as opened:
        yield Starter(opened)


async def test_a_fake_runs_until_it_is_told_otherwise(launcher, start, autojump_clock):
    await start()
    process = launcher.newest("w")
    await trio.sleep(3600)
    assert process.is_running
    assert process.is_ready
    process.print("hello\n")
    process.exit(3)
    assert start.facts == [
        Launched(process.pid, "guardian"),
        Ready(),
        Output(Stream.STDOUT, b"hello\n"),
        exited(code=3),
    ]


async def test_a_fake_that_is_gone_cannot_be_told_anything(launcher, start, autojump_clock):
    await start()
    process = launcher.newest("w")
    process.die_of("KILL")
    assert start.facts[-1] == exited(signal="SIGKILL")
    for order in (process.exit, process.become_ready, lambda: process.print("x"), lambda: process.lose("m")):
        with pytest.raises(InvalidStateError, match="gone"):
            order()
    assert process.end == start.facts[-1]
    assert len(start.facts) == 3


async def test_the_launcher_lists_what_was_launched_and_what_runs(launcher, start, autojump_clock):
    for path in ("a", "b", "a"):
        await start(path)
    first, b, second = launcher.processes
    assert launcher.newest("a") is second
    first.exit()
    assert launcher.running == [b, second]
    assert [str(process.key) for process in launcher.processes] == ["a#1", "b#2", "a#3"]
    with pytest.raises(LookupError, match="c: never launched; what was: a, b"):
        launcher.newest("c")


async def test_what_has_a_probe_is_ready_when_told(launcher, start, autojump_clock):
    await start(ready=TcpPort(80))
    await trio.sleep(1)
    assert not launcher.newest("w").is_ready
    launcher.newest("w").become_ready()
    await trio.sleep(100)  # beyond its start timeout
    assert [type(fact) for fact in start.facts] == [Launched, Ready]
    with pytest.raises(InvalidStateError, match="settled"):
        launcher.newest("w").fail_ready("too late")


async def test_a_probe_can_fail_before_its_time_is_over(launcher, start, autojump_clock):
    await start(ready=TcpPort(80))
    launcher.newest("w").fail_ready("no such host")
    await trio.sleep(100)
    assert start.facts[1:] == [ReadyFailed("no such host")]
    assert launcher.newest("w").is_running


async def test_what_is_not_ready_in_time_says_so_at_the_very_moment(launcher, start, autojump_clock):
    began = trio.current_time()
    await start(ready=TcpPort(80), start_timeout=7.0)
    assert await start.next_fact() == ReadyFailed("not ready within 7 s")
    assert trio.current_time() - began == 7.0


async def test_a_plan_says_what_the_next_incarnations_do(launcher, start, autojump_clock):
    launcher.plan("w", Script(exit_after=5.0, exit_code=1), Script(ready_after=2.0, stdout="up\n"))
    await start()
    await trio.sleep(5.1)
    assert start.facts[-1] == exited(code=1)
    await start(ready=TcpPort(80))
    assert start.facts[-1] == Output(Stream.STDOUT, b"up\n")
    await trio.sleep(2.1)
    assert start.facts[-1] == Ready()
    await start()  # the plan is used up
    await trio.sleep(3600)
    assert launcher.newest("w").is_running


async def test_a_function_can_say_what_every_incarnation_does(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(die_of="SIGSEGV", exit_after=0.0) if key.path == "a" else None)
    async with launcher.open() as opened:
        start = Starter(opened)
        await start("a")
        assert start.facts[-1] == exited(signal="SIGSEGV")
        await start("b", command=children.exits(4))
        assert start.facts[-1] == exited(code=4)


async def test_an_exit_at_once_comes_before_the_answer_and_a_later_one_after_it(launcher, start, autojump_clock):
    launcher.plan("w", Script(exit_after=0.0), Script(exit_after=0.001))
    await start()
    assert len(start.facts) == 3
    await start()
    assert len(start.facts) == 5


async def test_starts_can_be_refused_a_number_of_times(launcher, start, autojump_clock):
    launcher.plan("w", Script(exit_code=7, exit_after=0.0))
    launcher.refuse_next("w", NO_ROOM, times=2)
    assert await start() == NO_ROOM
    assert await start() == NO_ROOM
    assert start.facts == []
    await start()
    assert start.facts[-1] == exited(code=7)  # its plan has waited


async def test_a_script_can_refuse_after_a_while(launcher, start, autojump_clock):
    launcher.plan("w", Script(launch_takes=3.0, refuse=NO_ROOM))
    began = trio.current_time()
    assert await start() == NO_ROOM
    assert trio.current_time() - began == 3.0


async def test_a_start_whose_caller_is_cancelled_goes_on_until_it_is_revoked(launcher, start, autojump_clock):
    launcher.launch_takes = 1.0
    for revoked in (False, True):
        with trio.move_on_after(0.5):
            await start()
        if revoked:
            await start.revoke()
        await trio.sleep(1)
        assert [process.key for process in launcher.running] == [Key("tree", "w", 1)]
    assert len(start.facts) == 2


async def test_losing_everything_gives_each_its_terminal_fact(launcher, start, autojump_clock):
    for path in ("a", "b"):
        await start(path)
    launcher.lose_all("machine-7", "no answer")
    assert start.facts[-2:] == [Lost("no answer", "machine-7")] * 2
    assert launcher.running == []
    await start("a")
    assert len(launcher.running) == 1


async def test_while_the_engine_is_down_every_start_is_refused(launcher, start, nursery, autojump_clock):
    launcher.launch_takes = 1.0
    answers = []

    async def note():
        answers.append(await start())

    nursery.start_soon(note)
    await wait_all_tasks_blocked()
    launcher.go_down("engine", "the engine is down")
    await note()
    assert [answer.refusal for answer in answers] == [Refusal.ENGINE] * 2
    launcher.come_back()
    await start()
    assert start.facts[-1] == Ready()


async def test_what_ignores_a_stop_is_killed_after_its_grace(launcher, start, autojump_clock):
    controls = await start()
    process = launcher.newest("w")
    process.ignores = {"SIGTERM"}
    began = trio.current_time()
    await controls.stop(Stop(grace=60))
    assert trio.current_time() - began == 60
    assert process.signals == ["SIGTERM", "SIGKILL"]
    assert start.facts[-1] == exited(signal="SIGKILL", asked=True, killed=True)


async def test_what_stops_slowly_takes_that_long(launcher, start, autojump_clock):
    controls = await start()
    launcher.newest("w").stop_takes = 4.0
    began = trio.current_time()
    await controls.stop(Stop(grace=60))
    assert trio.current_time() - began == 4.0
    assert start.facts[-1] == exited(code=0, asked=True)


async def test_what_is_unkillable_becomes_stuck_and_may_end_later(launcher, start, autojump_clock):
    controls = await start()
    process = launcher.newest("w")
    process.unkillable = True
    began = trio.current_time()
    await controls.stop(Stop(steps=(), kill_wait=5.0))
    assert trio.current_time() - began == 5.0
    assert start.facts[-1] == Stuck(5.0)
    assert process.is_running
    await controls.stop(KILL)  # another kill, but nobody waits again
    assert trio.current_time() - began == 5.0
    process.unkillable = False
    await controls.stop(KILL)
    assert start.facts[-2:] == [Stuck(5.0), exited(signal="SIGKILL", asked=True, killed=True)]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_what_cannot_be_killed_is_lost_when_the_launcher_closes(launcher, is_cancelled, autojump_clock):
    facts = []
    with trio.CancelScope() as scope:
        async with launcher.open() as opened:
            await opened.launch(Key("tree", "w", 1), spec(), facts.append)
            launcher.newest("w").unkillable = True
            if is_cancelled:
                scope.cancel()
                await trio.sleep_forever()
    assert facts[2] == Stuck(5.0)
    assert facts[3] == Lost("still there after the kill when its launcher was closed", "fake launcher")
    assert len(facts) == 4


async def test_a_stop_command_is_noted_and_need_not_help(launcher, start, autojump_clock):
    controls = await start()
    await controls.stop(Stop(steps=(Run(["nginx", "-s", "quit"], wait=2.0),)))
    assert launcher.newest("w").commands == [("nginx", "-s", "quit")]
    assert start.facts[-1] == exited(signal="SIGKILL", asked=True, killed=True)


async def test_input_is_noted(launcher, start, autojump_clock):
    controls = await start(stdin="pipe")
    await controls.write_stdin(b"one ")
    await controls.write_stdin(b"two")
    assert launcher.newest("w").stdin == b"one two"
    controls.close_stdin()
    assert launcher.newest("w").stdin_is_closed
    with pytest.raises(BrokenPipeError):
        await controls.write_stdin(b"three")


async def test_the_answers_of_a_fake_can_be_laid_down(launcher, start, autojump_clock):
    controls = await start()
    sample = launcher.newest("w").sample
    assert await controls.sample() is sample
    assert (await controls.evidence()).state == "sleeping"
    assert list(launcher.check(spec())) == []
    assert list(FakeLauncher(problems=lambda spec: [f"{spec.name} is odd"]).check(spec())) == ["w is odd"]
    assert launcher.containment == "guardian"


async def test_a_launcher_can_be_opened_again_and_remembers(launcher, autojump_clock):
    for _ in range(2):
        async with launcher.open() as opened:
            start = Starter(opened)
            await start()
            with pytest.raises(RuntimeError, match="open already"):
                async with launcher.open():
                    pass
        assert (await start()).refusal is Refusal.ENGINE
    assert len(launcher.processes) == 1  # the key of the second one was used before


async def test_an_error_of_the_block_goes_on_as_it_is(launcher, autojump_clock):
    with pytest.raises(ZeroDivisionError):
        async with launcher.open():
            raise ZeroDivisionError


async def test_a_chance_of_crashing_is_the_same_for_the_same_seed(launcher, start, autojump_clock):
    after = children.crash_after(0.1, 1.0, 42, "w", 1)
    began = trio.current_time()
    await start(command=children.crashes_sometimes(0.1, 1.0, 9, 42))
    assert await start.next_fact() == exited(code=9)
    assert trio.current_time() - began == after


async def test_nothing_wakes_up_for_what_was_called_off(launcher, start, autojump_clock):
    controls = await start(ready=TcpPort(80), start_timeout=1000.0)
    await controls.stop(KILL)
    began = trio.current_time()
    moments = Moments()
    trio.lowlevel.add_instrument(moments)
    await trio.sleep(5000)
    trio.lowlevel.remove_instrument(moments)
    assert moments.seen <= {began, began + 5000}


class Moments(trio.abc.Instrument):
    """The times at which the run was awake."""

    def __init__(self):
        self.seen = set()

    def after_io_wait(self, timeout):
        self.seen.add(trio.current_time())


async def test_an_hour_of_crashes_takes_less_than_a_second(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(exit_after=1.0, exit_code=1))
    server = spec()
    began, began_at = time.process_time(), trio.current_time()
    async with launcher.open() as opened:
        for incarnation in range(1, 3601):
            over = trio.Event()

            def report(fact, over=over):
                if isinstance(fact, Exited):
                    over.set()

            await opened.launch(Key("tree", "w", incarnation), server, report)
            await over.wait()
    assert trio.current_time() - began_at == pytest.approx(3600)
    assert time.process_time() - began < 1.0 * SLOWER
    assert len(launcher.processes) == 3600


async def test_thousands_of_idle_fakes_have_no_task_each(launcher, start, autojump_clock):
    tasks = trio.lowlevel.current_statistics().tasks_living
    for number in range(2000):
        await start(f"w{number}")
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    began = time.process_time()
    await trio.sleep(3600)
    assert time.process_time() - began < 0.1 * SLOWER
    assert len(launcher.running) == 2000
