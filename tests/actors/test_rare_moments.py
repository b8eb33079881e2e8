"""What happens seldom: lost, stuck, refused, hurried, asked too late."""

from __future__ import annotations

import errno

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import Backoff
from regrow._actors.mailbox import Request
from regrow._actors.messages import Adopt, Ask, dismiss
from regrow._decisions.calls import StopChild
from regrow._decisions.ledger import Ledger
from regrow.abc import Activity, Exited, NotLaunched, OutputGap, Refusal, Stream
from regrow.exceptions import (
    AlreadyRunningError,
    InvalidStateError,
    IoError,
    ProcessNotFoundError,
    StartFailedError,
    SupervisorEndedError,
    TerminateFailedError,
)
from regrow.readiness import TcpPort
from regrow.testing import FakeLauncher, Script
from regrow.testing._fake.controls import FakeControls

NO_ROOM = NotLaunched(refusal=Refusal.CAPACITY, why="no room", errno=errno.EAGAIN)


async def test_a_start_that_is_refused_for_capacity_is_tried_again_and_not_counted(autojump_clock):
    async with opened(supervisor("a", max_restarts=1)) as tree:
        tree.launcher.refuse_next("a", NO_ROOM, times=5)
        words = await tree.crash("a")
        assert words == ["a crashed", "due a", "failed a", "due a in 0.2"]
        await trio.sleep(2)
        assert tree.running() == ["a#7"]
        assert tree.handle.status().restarts_left == 0


async def test_patience_with_a_refused_start_ends_with_the_start_timeout(autojump_clock):
    with pytest.raises(ExceptionGroup, match="no room"):
        async with opened(supervisor(child("a", start_timeout=3), max_restarts=1)) as tree:
            tree.launcher.refuse_next("a", NO_ROOM, times=1000)
            await tree.crash("a")
            await trio.sleep(60)
    assert 3 <= trio.current_time() < 10


async def test_a_refused_start_at_boot_is_a_failed_start():
    launcher = FakeLauncher()
    launcher.refuse_next("a", NO_ROOM)
    with pytest.raises(ExceptionGroup, match="no room"):
        async with opened(supervisor("a"), launcher):
            pytest.fail("the body must not run")


async def test_a_child_that_is_lost_before_it_is_ready_is_a_failed_start(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor("b"), launcher) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(_expect_failure, tree.handle.start_child, child("a", ready=TcpPort(1)))
        await settle()
        launcher.newest("a").lose("machine-1", "the machine is gone")


async def _expect_failure(call, spec):
    with pytest.raises(Exception, match="the machine is gone"):
        await call(spec)


async def test_an_exit_whose_status_somebody_else_took_is_never_a_good_end(autojump_clock):
    async with opened(supervisor(child("a", restart="transient"))) as tree:
        await tree.after(lambda: tree.launcher.newest("a").vanish(Exited()))
        exit = tree.handle.status()["a"].last_exit
        assert exit.reason == "crashed"
        assert "taken by other code" in exit.why
        assert exit.returncode is None
        assert tree.running() == ["a#2"]


async def test_output_that_could_not_be_passed_on_is_announced(autojump_clock):
    async with opened(supervisor("a")) as tree:
        words = await tree.after(lambda: tree.launcher.newest("a").tell(OutputGap(Stream.STDOUT, 5)))
        assert words == ["OutputMissed a"]


async def test_a_tree_in_a_hurry_kills_what_is_being_stopped_and_what_will_be(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(stop_takes=1000.0))
    spec = supervisor(child("a", stop=2000), child("b", stop=2000))
    async with trio.open_nursery() as nursery, opened(spec, launcher) as tree:
        began = trio.current_time()
        nursery.start_soon(_hurry_after, tree.handle._root.tree, 3)
    assert trio.current_time() - began == pytest.approx(3.0)
    assert tree.take().count("a stopped") == 1


async def _hurry_after(tree, seconds):
    await trio.sleep(seconds)
    tree.hurry()


async def test_a_signal_that_the_system_refuses_is_an_error_of_ours(autojump_clock, monkeypatch):
    def refuse(self, name, to):
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(FakeControls, "signal", refuse)
    async with opened(supervisor("a")) as tree:
        with pytest.raises(IoError, match="a: signal SIGUSR1: not permitted") as caught:
            tree.handle.child("a").signal("USR1")
        assert caught.value.errno == errno.EPERM


async def test_a_sign_of_life_is_of_no_account_yet(autojump_clock):
    async with opened(supervisor("a")) as tree:
        assert await tree.after(lambda: tree.launcher.newest("a").tell(Activity("heartbeat", 0.1))) == []


async def test_waiting_for_what_is_stuck_ends_with_the_tree(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(unkillable=True, ignores="SIGTERM"))
    exits = []

    async def wait(handle):
        exits.append(await handle.wait_exit())

    async with trio.open_nursery() as nursery, opened(supervisor("a"), launcher) as tree:
        nursery.start_soon(wait, tree.handle["a"])
        await settle()
    assert (exits[0].reason, "still there" in exits[0].why) == ("stopped", True)


async def test_what_is_stuck_is_not_replaced_by_a_supervisor_that_is_started_again(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("inner/x", Script(unkillable=True, ignores="SIGTERM"))
    inner = supervisor(child("x", start_timeout=20), name="inner")
    async with opened(supervisor(inner), launcher) as tree:
        with pytest.raises(TerminateFailedError, match="inner/x"):
            await tree.handle["inner"].restart()
        with pytest.raises(StartFailedError, match=r"inner/x#1 is still there after the kill"):
            await tree.handle["inner"].start()
        assert tree.running() == ["inner/x#1"]
        stuck = launcher.newest("inner/x")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle["inner"].start)
            await trio.sleep(5)
            tree.take()
            stuck.die_of("SIGKILL")
        assert tree.take()[0] == "inner/x stopped"
        assert tree.running() == ["inner/x#3"]  # number 2 was never launched


async def test_stopping_a_supervisor_says_what_is_left_of_it(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("inner/x", Script(unkillable=True, ignores="SIGTERM"))
    async with opened(supervisor(supervisor("x", name="inner")), launcher) as tree:
        with pytest.raises(TerminateFailedError, match="inner/x"):
            await tree.handle["inner"].stop()
        assert tree.handle.status()["inner"].last_exit.left == ("inner/x",)


async def test_a_wait_that_was_cancelled_before_it_began_is_cancelled_all_the_same(autojump_clock):
    backoff = Backoff(initial=5, immediate=0, jitter=0)
    async with opened(supervisor(child("a", backoff=backoff), max_restarts=9)) as tree:
        for _ in range(10):
            root = tree.handle._root
            tree.launcher.newest("a").exit(1)
            await tree.handle["a"].wait_exit()
            root.ref.tell(Ask(StopChild("a"), Request()))
            await settle()
            assert root.waits == {}
            await tree.handle["a"].start()
            await trio.sleep(60)
        assert tree.handle.status().state == "ready"


async def test_a_start_asked_for_while_its_child_is_up_is_refused_also_if_that_dies_meanwhile(autojump_clock):
    launcher = FakeLauncher()
    spec = supervisor("a", child("b", ready=TcpPort(1)), strategy="one_for_all")
    launcher.plan("b", Script(ready_after=0))
    async with opened(spec, launcher) as tree:
        launcher.newest("a").exit(1)
        await settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expect_running, tree.handle["a"].start)
            await settle()
            launcher.newest("a").exit(1)
            await settle()
            launcher.newest("b").become_ready()
            await settle()
            launcher.newest("b").become_ready()
        await settle()
        assert tree.running() == ["a#3", "b#3"]


async def _expect_running(call):
    with pytest.raises(AlreadyRunningError):
        await call()


async def test_waiting_for_a_child_of_a_supervisor_that_is_stopped_ends(autojump_clock):
    backoff = Backoff(initial=20, immediate=0)
    async with opened(supervisor(supervisor(child("x", backoff=backoff), name="inner"))) as tree:
        handle = tree.handle["inner/x"]
        async with trio.open_nursery() as nursery:
            tree.launcher.newest("inner/x").exit(1)
            await settle()
            nursery.start_soon(_expect_no_ready, handle.wait_ready)
            nursery.start_soon(handle.wait)
            await settle()
            with trio.fail_after(5):
                await tree.handle["inner"].stop()
        with pytest.raises(ProcessNotFoundError):
            await handle.wait()


async def test_who_waits_for_a_bystander_waits_until_it_is_back(autojump_clock):
    backoff = Backoff(initial=5, immediate=0)
    async with opened(supervisor(child("a", backoff=backoff), "b", strategy="rest_for_one")) as tree:
        tree.launcher.newest("a").exit(1)
        await settle()
        assert tree.handle.status()["b"].state == "down"
        await tree.handle["b"].wait_ready()
        assert tree.running() == ["a#2", "b#2"]


async def test_who_waits_for_a_bystander_is_woken_when_the_restart_is_cancelled(autojump_clock):
    backoff = Backoff(initial=5, immediate=0)
    async with opened(supervisor(child("a", backoff=backoff), "b", strategy="rest_for_one")) as tree:
        tree.launcher.newest("a").exit(1)
        await settle()
        with trio.fail_after(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_expect_no_ready, tree.handle["b"].wait_ready)
                await settle()
                nursery.start_soon(tree.handle["a"].stop)


async def test_who_waits_below_a_supervisor_in_its_backoff_waits_until_it_is_back(autojump_clock):
    inner = supervisor("x", name="inner", max_restarts=0, backoff=Backoff(initial=5, immediate=0))
    async with opened(supervisor(inner)) as tree:
        handle = tree.handle["inner/x"]
        tree.launcher.newest("inner/x").exit(1)
        await settle()
        await handle.wait_ready()
        assert tree.running() == ["inner/x#2"]


async def test_wait_ready_for_what_restarts_for_ever_ends_with_the_tree(autojump_clock):
    backoff = Backoff(initial=30, immediate=0)
    async with trio.open_nursery() as nursery, opened(supervisor(child("a", backoff=backoff))) as tree:
        await tree.crash("a")
        nursery.start_soon(_expect_no_ready, tree.handle["a"].wait_ready)
        await settle()


async def _expect_no_ready(call):
    with pytest.raises((SupervisorEndedError, InvalidStateError)):
        await call()


async def test_two_who_wait_at_one_path_are_both_woken(autojump_clock):
    exits = []

    async def wait(handle):
        exits.append(await handle.wait_exit())

    async with opened(supervisor("a")) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, tree.handle["a"])
            nursery.start_soon(wait, tree.handle["a"])
            await settle()
            tree.launcher.newest("a").exit(3)
        assert [exit.code for exit in exits] == [3, 3]


async def test_waiting_for_what_is_forgotten_ends(autojump_clock):
    async with opened(supervisor("b", child("t", restart="temporary"))) as tree:
        handle = tree.handle["t"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(handle.wait_exit)
            await settle()
            tree.launcher.newest("t").exit(0)
        with pytest.raises(ProcessNotFoundError):
            handle.status()
        with pytest.raises(InvalidStateError):
            await handle.wait_ready()


async def test_a_supervisor_that_was_never_started_cannot_be_asked(autojump_clock):
    inner = supervisor("x", name="inner", autostart=False)
    async with opened(supervisor("a", inner)) as tree:
        nested = tree.handle.supervisor("inner")
        with pytest.raises(InvalidStateError, match="down"):
            nested.count_children()
        assert tree.handle.status()["inner"].incarnation == 0
        await nested.start()
        assert nested.count_children().active == 1


async def test_what_is_told_to_an_ended_supervisor_is_refused_not_lost(autojump_clock):
    async with opened(supervisor("a")) as tree:
        root = tree.handle._root
        spec = root.ledger.spec
        asked, adopted = Ask(StopChild("a"), Request()), Adopt(spec, Request())
        root.stop()
        await settle()
    with pytest.raises(SupervisorEndedError):
        await root.adopt(spec)
    dismiss([asked, adopted], root.path)
    for message in (asked, adopted):
        with pytest.raises(SupervisorEndedError):
            await message.request.wait()


async def test_the_status_of_a_tree_that_boots_or_stops_says_so(autojump_clock):
    states = []
    launcher = FakeLauncher()
    launcher.plan("a", Script(ready_after=1.0, stop_takes=5.0))

    async with opened(supervisor(child("a", ready=TcpPort(1))), launcher) as tree:
        tree.handle._root.stop()
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        states.append(tree.handle.status().state)
    assert states == ["stopping"]


async def test_a_child_that_is_not_ready_in_time_is_stopped_and_its_start_has_failed(autojump_clock):
    launcher = FakeLauncher()
    with pytest.raises(ExceptionGroup, match="not ready within 4 s"):
        async with opened(supervisor("a", child("b", ready=TcpPort(1), start_timeout=4)), launcher):
            pytest.fail("the body must not run")
    assert launcher.newest("b").signals == ["SIGTERM"]
    assert trio.current_time() == pytest.approx(4.0)


async def test_wait_ready_for_what_is_stuck_ends_with_the_tree(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(unkillable=True, ignores="SIGTERM"))
    async with trio.open_nursery() as nursery, opened(supervisor("a"), launcher) as tree:
        with pytest.raises(TerminateFailedError):
            await tree.handle["a"].stop()
        nursery.start_soon(_expect_no_ready, tree.handle["a"].wait_ready)
        await settle()


async def test_waiting_for_a_child_of_a_supervisor_that_breaks_down_ends(autojump_clock, monkeypatch):
    def broken(self, name, exit, now):
        raise RuntimeError("a bug of ours")

    with pytest.raises(ExceptionGroup):
        async with trio.open_nursery() as nursery, opened(supervisor("a", "b")) as tree:
            nursery.start_soon(_expect_ended, tree.handle["b"].wait_exit)
            await settle()
            monkeypatch.setattr(Ledger, "on_gone", broken)
            tree.launcher.newest("a").exit(1)
            await trio.sleep_forever()


async def _expect_ended(call):
    with pytest.raises(SupervisorEndedError), trio.CancelScope(shield=True):
        await call()


async def test_what_becomes_ready_while_it_is_being_stopped_is_not_ready(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("b", Script(stop_takes=5.0))
    async with opened(supervisor("a"), launcher) as tree:
        with trio.move_on_after(1):
            await tree.handle.start_child(child("b", ready=TcpPort(1), stop=60))
        await settle()
        tree.take()
        launcher.newest("b").become_ready()
        await trio.sleep(10)
        assert tree.take() == ["b stopped", "ChildForgotten b"]
