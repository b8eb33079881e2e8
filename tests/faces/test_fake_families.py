"""What a fake's descendants do, who can reach them, and what it says that it was started with."""

import pytest
import trio

from regrow._specs.child import ChildSpec
from regrow._specs.exit import Usage
from regrow._specs.protocol import Exited, Key, Launched, Stuck
from regrow._specs.stop import KILL, Stop
from regrow.exceptions import InvalidStateError
from regrow.testing import Descendant, FakeLauncher, Script

FAMILY = (Descendant(), Descendant(in_group=False), Descendant(lasts=3.0))
STUCK = Descendant(unkillable=True, why="out of reach: process 7 of user 0")


class Started:
    """One fake that was started from a script, and its facts."""

    def __init__(self, launcher):
        self.launcher = launcher
        self.controls = None
        self.facts = []
        self.began = trio.current_time()

    @property
    def process(self):
        return self.launcher.newest("w")

    @property
    def last(self):
        return self.facts[-1]

    @property
    def passed(self):
        return trio.current_time() - self.began


@pytest.fixture
async def start(request):
    launcher = FakeLauncher(containment=getattr(request, "param", "guardian"))
    async with launcher.open() as opened:

        async def start(script, **fields):
            started = Started(launcher)
            launcher.plan("w", script)
            spec = ChildSpec(name="w", command=["server"], **fields)
            key = Key("tree", "w", len(launcher.processes) + 1)
            started.controls = await opened.launch(key, spec, started.facts.append)
            return started

        yield start


def exited(**facts):
    return Exited(**facts, usage=Usage())


async def test_descendants_have_pids_and_live_until_they_end(start, autojump_clock):
    one = await start(Script(descendants=FAMILY))
    pids = one.process.descendants
    assert len(pids) == 3
    assert all(map(one.launcher.is_alive, pids))
    await trio.sleep(4)
    assert one.process.descendants == pids[:2]
    assert not one.launcher.is_alive(pids[2])


async def test_strays_are_ended_and_counted(start, autojump_clock):
    one = await start(Script(descendants=FAMILY, strays=2))
    one.process.exit(3)
    assert one.last == exited(code=3, strays=5)
    assert one.process.descendants == []


@pytest.mark.parametrize("start", ["group"], indirect=True)
async def test_a_group_reaches_no_other_session(start, autojump_clock):
    one = await start(Script(descendants=FAMILY))
    away = one.process.descendants[1]
    one.process.exit(3)
    assert one.facts[0] == Launched(one.process.pid, "group")
    assert one.last == exited(code=3, strays=2)
    assert one.launcher.is_alive(away)
    one.process.let_go()
    assert not one.launcher.is_alive(away)


async def test_strays_with_time_may_use_it(start, autojump_clock):
    one = await start(Script(descendants=[Descendant(lasts=3.0)]), strays=5)
    one.process.exit()
    assert one.process.is_running
    assert not one.launcher.is_alive(one.process.pid)
    await trio.sleep(4)
    assert one.last == exited(code=0, lingered=3.0)


async def test_strays_are_ended_when_their_time_is_over(start, autojump_clock):
    one = await start(Script(descendants=FAMILY), strays=5)
    one.process.die_of("SEGV")
    await trio.sleep(6)
    assert one.last == exited(signal="SIGSEGV", strays=2, lingered=5.0)


async def test_what_has_died_and_has_strays_takes_no_more_orders(start, autojump_clock):
    one = await start(Script(strays=1), strays=5)
    one.process.exit()
    for order in (one.process.exit, lambda: one.process.print("x")):
        with pytest.raises(InvalidStateError, match="dead, and its strays are not"):
            order()
    one.controls.signal("SIGTERM")
    assert one.process.is_running


async def test_a_stop_ends_strays_that_have_time_left(start, autojump_clock):
    one = await start(Script(strays=1), strays=100)
    one.process.exit()
    await one.controls.stop(Stop(grace=2))
    assert one.passed == 0
    assert one.last == exited(code=0)  # that it heard the polite signal, and obeyed, is no end by force


async def test_a_stop_kills_strays_that_ignore_it(start, autojump_clock):
    one = await start(Script(descendants=[Descendant(ignores="TERM")]), strays=100)
    one.process.exit()
    await one.controls.stop(Stop(grace=2))
    assert one.passed == 2
    assert one.last == exited(code=0, strays=1, lingered=2.0)


async def test_kept_strays_outlive_the_exit_but_not_the_launcher(autojump_clock):
    for containment, is_left in (("guardian", False), ("group", True)):
        launcher = FakeLauncher(containment=containment)
        facts = []
        async with launcher.open() as opened:
            launcher.plan("w", Script(strays=1))
            spec = ChildSpec(name="w", command=["server"], strays="keep")
            await opened.launch(Key("tree", "w", 1), spec, facts.append)
            launcher.newest("w").exit()
            assert facts[-1] == exited(code=0)
            (stray,) = launcher.newest("w").descendants
            assert launcher.is_alive(stray)
        assert launcher.is_alive(stray) is is_left


async def test_what_cannot_be_ended_makes_it_stuck_without_a_stop(start, autojump_clock):
    one = await start(Script(descendants=[STUCK, Descendant()]))
    one.process.exit(1)
    await trio.sleep(6)
    assert one.last == Stuck(5.0, STUCK.why)
    assert one.process.is_stuck
    await one.controls.stop(Stop(grace=50))  # nobody waits for what is stuck
    assert one.passed == 6
    one.process.let_go()
    assert one.facts[-2:] == [Stuck(5.0, STUCK.why), exited(code=1, strays=1, lingered=6.0)]


async def test_what_cannot_be_ended_makes_a_stop_end_in_stuck(start, autojump_clock):
    one = await start(Script(descendants=[STUCK]))
    await one.controls.stop(KILL)
    assert one.last == Stuck(5.0, STUCK.why)
    one.process.let_go()
    assert one.last == exited(signal="SIGKILL", asked=True, killed=True, lingered=5.0)


async def test_what_is_lost_is_lost_with_all_that_belongs_to_it(start, autojump_clock):
    one = await start(Script(strays=1))
    one.process.lose("machine")
    assert one.process.descendants == []


async def test_one_can_be_born_by_a_signal(start, autojump_clock):
    one = await start(Script(descendants=[Descendant(born_on="SIGHUP")], ignores="HUP"))
    assert one.process.descendants == []
    one.controls.signal("SIGHUP")
    one.controls.signal("SIGHUP")
    assert len(one.process.descendants) == 1


async def test_a_test_can_see_what_it_was_started_with(start, autojump_clock):
    sockets = ["127.0.0.1:0", "127.0.0.1:80", "127.0.0.1:0"]
    one = await start(Script(), sockets=sockets, env={"A": "b"}, inherit_env=False, umask=0o27)
    process = one.process
    assert process.spec.umask == 0o27
    assert process.addresses == ("127.0.0.1:50000", "127.0.0.1:80", "127.0.0.1:50001")
    assert process.environment == {
        "A": "b",
        "REGROW_PATH": "w",
        "REGROW_INCARNATION": "1",
        "LISTEN_FDS": "3",
        "LISTEN_FDNAMES": "unknown:unknown:unknown",
        "LISTEN_PID": str(process.pid),
    }


async def test_who_waits_at_a_socket_that_is_closed_is_told(start, nursery, autojump_clock):
    one = await start(Script(), sockets=["127.0.0.1:0"])
    (address,) = one.process.addresses

    async def close():
        await trio.sleep(1)
        one.process.exit()
        await start(Script())  # its spec names no socket

    nursery.start_soon(close)
    with pytest.raises(ConnectionResetError):
        await one.launcher.ask(address)
    with pytest.raises(ConnectionRefusedError):
        await one.launcher.ask(address)


def test_what_cannot_be_had_is_said_beforehand():
    proven = ChildSpec(name="w", command=["x"], containment="proven")
    assert list(FakeLauncher().check(proven)) == []
    (problem,) = FakeLauncher(containment="group").check(proven)
    assert problem == "fake: containment='proven' cannot be had, only 'group'"
