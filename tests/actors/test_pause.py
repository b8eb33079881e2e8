"""Pauses: of a child, and of all below a supervisor."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import Backoff, DynamicSpec, Health, Reason, State
from regrow import events as ev
from regrow._specs.hang import HangPolicy
from regrow.exceptions import (
    InvalidStateError,
    IoError,
    PlatformNotSupportedError,
    ProcessNotFoundError,
    TerminateFailedError,
)
from regrow.readiness import TcpPort
from regrow.testing import FakeLauncher, Script


def nested(**settings):
    inner = supervisor("x", "y", name="inner", max_restarts=9, **settings)
    return supervisor("a", inner, max_restarts=9)


# -- a child -----------------------------------------------------------------------------------------------------------


async def test_a_paused_child_is_held_still_until_it_is_resumed(autojump_clock):
    async with opened(supervisor("a", "b")) as tree:
        a = tree.handle.child("a")
        tree.take()
        a.pause()
        assert tree.launcher.newest("a").is_paused
        assert not tree.launcher.newest("b").is_paused
        assert (a.status().state, a.status().paused_for) == (State.PAUSED, 0.0)
        await trio.sleep(3)
        assert a.status().paused_for == pytest.approx(3)
        a.resume()
        assert not tree.launcher.newest("a").is_paused
        assert (a.status().state, a.status().paused_for) == (State.READY, None)
        paused, resumed = tree.events
        assert [paused, resumed] == [ev.ChildPaused("a", 1), ev.ChildResumed("a", 1)]
        assert isinstance(resumed, ev.ChildResumed)
        assert resumed.paused_for == pytest.approx(3)


async def test_a_child_cannot_be_paused_twice_nor_resumed_without(autojump_clock):
    async with opened(supervisor("a")) as tree:
        a = tree.handle.child("a")
        with pytest.raises(InvalidStateError, match="a: cannot resume while not paused"):
            a.resume()
        a.pause()
        with pytest.raises(InvalidStateError, match="a: cannot pause while paused; resume it"):
            a.pause()
        a.resume()
        with pytest.raises(InvalidStateError, match="not paused"):
            a.resume()


async def test_what_does_not_run_can_neither_be_paused_nor_resumed(autojump_clock):
    async with opened(supervisor("a")) as tree:
        a = tree.handle.child("a")
        await a.stop()
        for call in (a.pause, a.resume):
            with pytest.raises(InvalidStateError, match="while down"):
                call()
        await a.delete()
        with pytest.raises(ProcessNotFoundError):
            a.pause()


async def test_what_is_being_stopped_cannot_be_paused(autojump_clock):
    async with opened(supervisor(child("a", stop=5))) as tree, trio.open_nursery() as nursery:
        tree.launcher.newest("a").ignores.add("SIGTERM")
        nursery.start_soon(tree.handle["a"].stop)
        await settle()
        with pytest.raises(InvalidStateError, match="cannot pause while stopping"):
            tree.handle.child("a").pause()


async def test_what_is_stuck_cannot_be_paused(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(unkillable=True, ignores="SIGTERM"))
    async with opened(supervisor("a"), launcher) as tree:
        with pytest.raises(TerminateFailedError):
            await tree.handle["a"].stop()
        with pytest.raises(InvalidStateError, match="cannot pause while stuck"):
            tree.handle.child("a").pause()
        launcher.newest("a").die_of("SIGKILL")


async def test_a_paused_child_is_stopped_at_once(autojump_clock):
    async with opened(supervisor(child("a", stop=60))) as tree:
        tree.handle.child("a").pause()
        began = trio.current_time()
        await tree.handle["a"].stop()
        assert trio.current_time() == began
        assert tree.launcher.newest("a").signals == ["SIGTERM"]
        status = tree.handle.status()["a"]
        assert (status.state, status.paused_for) == (State.DOWN, None)
        assert not [event for event in tree.events if isinstance(event, ev.ChildResumed)]


async def test_what_is_stopped_is_not_paused_any_more(autojump_clock):
    async with opened(supervisor(child("a", stop=60))) as tree, trio.open_nursery() as nursery:
        tree.launcher.newest("a").stop_takes = 5
        a = tree.handle.child("a")
        a.pause()
        nursery.start_soon(a.stop)
        await settle()
        assert (a.status().state, a.status().paused_for) == (State.STOPPING, None)
        with pytest.raises(InvalidStateError, match="cannot resume while not paused"):
            a.resume()


async def test_a_child_that_dies_while_it_is_paused_comes_back_unpaused(autojump_clock):
    async with opened(supervisor("a")) as tree:
        tree.handle.child("a").pause()
        tree.launcher.newest("a").die_of("SIGKILL")
        await settle()
        status = tree.handle.status()["a"]
        assert (status.state, status.incarnation, status.paused_for) == (State.READY, 2, None)
        assert not tree.launcher.newest("a").is_paused
        with pytest.raises(InvalidStateError, match="not paused"):
            tree.handle.child("a").resume()


async def test_a_tree_can_be_left_while_it_is_paused(autojump_clock):
    async with opened(nested()) as tree:
        tree.handle.pause()
    assert [str(process.end.signal) for process in tree.launcher.processes] == ["SIGTERM"] * 3


async def test_a_system_that_cannot_pause_says_so_before_anything_is_touched(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(can_pause=False))
    async with opened(nested(), launcher) as tree:
        tree.take()
        for handle in (tree.handle.child("a"), tree.handle, tree.handle.supervisor("inner")):
            with pytest.raises(PlatformNotSupportedError, match="pause: not supported on"):
                handle.pause()
            assert handle.status().state is State.READY
        assert tree.take() == []


async def test_a_pause_of_a_tree_is_whole_or_nothing(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(can_pause=key.path != "inner/y"))
    async with opened(nested(), launcher) as tree:
        with pytest.raises(PlatformNotSupportedError):
            tree.handle.pause()
        assert not any(process.is_paused for process in launcher.running)
        assert {status.state for status in tree.handle.status().walk()} == {State.READY}
        with pytest.raises(InvalidStateError, match="not paused"):
            tree.handle.resume()


class Foreign:
    """The controls of a process that has become somebody else's."""

    def pause(self):
        raise PermissionError(1, "Operation not permitted")

    resume = pause


async def test_a_pause_that_the_system_refuses_is_an_error_of_it(autojump_clock):
    async with opened(supervisor("a")) as tree:
        a = tree.handle.child("a")
        actor = tree.handle._root.children["a"]
        real, actor.running = actor.running, Foreign()
        for call in (a.pause, tree.handle.pause):
            with pytest.raises(IoError, match="pause: Operation not permitted"):
                call()
        assert a.status().state is State.READY
        actor.running = real
        a.pause()
        actor.running = Foreign()
        with pytest.raises(IoError, match="a: resume: Operation not permitted"):
            a.resume()
        assert a.status().state is State.PAUSED
        actor.running = real
        a.resume()
        tree.handle.pause()
        actor.running = Foreign()
        tree.handle.resume()  # the others are to go on
        actor.running = real
        assert a.status().state is State.PAUSED
        a.resume()


# -- time stands still -------------------------------------------------------------------------------------------------


async def test_the_time_to_become_ready_stands_still(autojump_clock):
    launcher = FakeLauncher()
    spec = supervisor(child("a", ready=TcpPort(1), start_timeout=10, autostart=False))
    async with opened(spec, launcher) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(tree.handle["a"].start)
        await settle()
        await trio.sleep(6)
        tree.handle.child("a").pause()
        assert tree.handle.status()["a"].state is State.PAUSED
        await trio.sleep(100)
        tree.handle.child("a").resume()
        await trio.sleep(3.9)
        assert tree.handle.status()["a"].state is State.STARTING
        launcher.newest("a").become_ready()


async def test_the_silence_of_a_paused_child_does_not_count(autojump_clock):
    policy = HangPolicy(warn_after=None, terminate_after=10)
    async with opened(supervisor(child("a", hang=policy))) as tree:
        await trio.sleep(6)
        tree.handle.pause()
        await trio.sleep(1000)
        tree.handle.resume()
        await trio.sleep(3.5)
        assert tree.handle.status()["a"].incarnation == 1
        await trio.sleep(1)
        assert tree.handle.status()["a"].last_exit.reason is Reason.HUNG


async def test_a_backoff_stands_still_while_its_supervisor_is_paused(autojump_clock):
    backoff = Backoff(initial=8, jitter=0, immediate=0)
    async with opened(supervisor(child("a", backoff=backoff), "b")) as tree:
        await tree.crash("a")
        await trio.sleep(3)
        assert tree.handle.status()["a"].next_retry == pytest.approx(5)
        tree.handle.pause()
        await trio.sleep(100)
        assert tree.handle.status()["a"].next_retry == pytest.approx(5)
        assert tree.handle.status()["a"].state is State.RESTARTING
        tree.handle.resume()
        await trio.sleep(4.9)
        assert tree.handle.status()["a"].next_retry == pytest.approx(0.1)
        assert tree.handle.status()["a"].state is State.RESTARTING
        await trio.sleep(0.2)
        assert tree.handle.status()["a"].state is State.READY


async def test_a_backoff_that_begins_while_its_supervisor_is_paused_waits_for_its_end(autojump_clock):
    backoff = Backoff(initial=8, jitter=0, immediate=0)
    async with opened(supervisor(child("a", backoff=backoff))) as tree:
        tree.handle.pause()
        tree.launcher.newest("a").die_of("SIGKILL")
        await trio.sleep(100)
        assert tree.handle.status()["a"].next_retry == pytest.approx(8)
        tree.handle.resume()
        await trio.sleep(8.1)
        assert tree.handle.status()["a"].state is State.READY


# -- all below a supervisor --------------------------------------------------------------------------------------------


async def test_a_paused_supervisor_holds_all_that_is_below_it(autojump_clock):
    async with opened(nested()) as tree:
        inner = tree.handle.supervisor("inner")
        tree.take()
        inner.pause()
        assert [str(process.key) for process in tree.launcher.running if process.is_paused] == [
            "inner/x#1",
            "inner/y#1",
        ]
        assert tree.take() == ["ChildPaused inner/x", "ChildPaused inner/y", "SupervisorPaused inner"]
        await trio.sleep(2)
        status = tree.handle.status()
        assert (status.state, status["a"].state) == (State.READY, State.READY)
        assert (status["inner"].state, status["inner"].paused_for) == (State.PAUSED, pytest.approx(2))
        assert (status["inner/x"].state, status["inner/x"].paused_for) == (State.PAUSED, pytest.approx(2))
        inner.resume()
        assert not any(process.is_paused for process in tree.launcher.running)
        resumed = tree.events[-1]
        assert tree.take() == ["ChildResumed inner/x", "ChildResumed inner/y", "SupervisorResumed inner"]
        assert isinstance(resumed, ev.SupervisorResumed)
        assert resumed.paused_for == pytest.approx(2)


async def test_a_supervisor_cannot_be_paused_twice_nor_resumed_without(autojump_clock):
    async with opened(nested()) as tree:
        inner = tree.handle.supervisor("inner")
        with pytest.raises(InvalidStateError, match="inner: cannot resume while not paused"):
            inner.resume()
        inner.pause()
        with pytest.raises(InvalidStateError, match="inner: cannot pause while paused; resume it"):
            inner.pause()
        inner.resume()
        await inner.stop()
        for call in (inner.pause, inner.resume):
            with pytest.raises(InvalidStateError, match="while down"):
                call()


async def test_what_was_paused_by_itself_stays_so_when_its_supervisor_is_resumed(autojump_clock):
    async with opened(nested()) as tree:
        x = tree.handle.child("inner/x")
        x.pause()
        tree.handle.pause()
        tree.handle.resume()
        assert [str(process.key) for process in tree.launcher.running if process.is_paused] == ["inner/x#1"]
        x.resume()
        assert tree.launcher.newest("inner/x").is_paused is False


async def test_pauses_at_each_level_must_all_be_over(autojump_clock):
    async with opened(nested()) as tree:
        inner, x = tree.handle.supervisor("inner"), tree.handle.child("inner/x")
        inner.pause()
        tree.handle.pause()
        with pytest.raises(
            InvalidStateError, match=r"inner/x: cannot resume while it is paused with inner; resume inner"
        ):
            x.resume()
        x.pause()  # it is to stay so
        tree.handle.resume()
        assert not tree.launcher.newest("a").is_paused
        assert tree.launcher.newest("inner/y").is_paused
        x.resume()
        assert tree.launcher.newest("inner/x").is_paused  # with `inner`
        assert x.status().state is State.PAUSED
        inner.resume()
        assert not any(process.is_paused for process in tree.launcher.running)


async def test_a_supervisor_below_a_paused_one_is_paused_with_it(autojump_clock):
    async with opened(nested()) as tree:
        tree.handle.pause()
        assert tree.handle.status()["inner"].state is State.PAUSED
        with pytest.raises(InvalidStateError, match="inner: cannot resume while it is paused with the root"):
            tree.handle.supervisor("inner").resume()


async def test_nothing_is_started_below_a_paused_supervisor(autojump_clock):
    async with opened(nested()) as tree:
        inner = tree.handle.supervisor("inner")
        inner.pause()
        tree.launcher.newest("inner/x").die_of("SIGKILL")
        await trio.sleep(100)  # longer than a start may take
        status = tree.handle.status()["inner/x"]
        assert (status.state, status.incarnation, status.pid) == (State.STARTING, 2, None)
        assert status.waiting_for == "inner to be resumed"
        assert tree.launcher.newest("inner/x").key.incarnation == 1
        inner.resume()
        await settle()
        status = tree.handle.status()["inner/x"]
        assert (status.state, status.uptime) == (State.READY, 0.0)
        await tree.crash("inner/x")
        assert tree.handle.status()["inner/x"].last_exit.ran_for == 0.0


async def test_a_start_that_waits_for_the_end_of_a_pause_can_be_taken_back(autojump_clock):
    async with opened(supervisor("a", child("b", autostart=False))) as tree:
        tree.handle.pause()
        with trio.move_on_after(5) as waited:
            await tree.handle["b"].start()
        assert waited.cancelled_caught
        await settle()
        assert tree.handle.status()["b"].state is State.DOWN
        tree.handle.resume()
        await settle()
        assert tree.running() == ["a#1"]


async def test_a_launch_that_is_under_way_is_held_as_soon_as_it_runs(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor("a"), launcher) as tree, trio.open_nursery() as nursery:
        launcher.plan("b", Script(launch_takes=5))
        nursery.start_soon(tree.handle.start_child, child("b"))
        await trio.sleep(1)
        tree.handle.pause()
        await trio.sleep(10)
        assert launcher.newest("b").is_paused
        assert tree.handle.status()["b"].state is State.PAUSED
        tree.handle.resume()
        assert not launcher.newest("b").is_paused


async def test_a_launch_under_way_on_a_system_that_cannot_pause_runs(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor(), launcher) as tree, trio.open_nursery() as nursery:
        launcher.plan("b", Script(launch_takes=5, can_pause=False))
        nursery.start_soon(tree.handle.start_child, child("b"))
        await trio.sleep(1)
        tree.handle.pause()
        await trio.sleep(10)
        assert tree.handle.status()["b"].state is State.READY
        tree.handle.resume()


async def test_a_supervisor_that_is_started_again_is_not_paused(autojump_clock):
    async with opened(nested()) as tree:
        tree.handle.supervisor("inner").pause()
        await tree.handle["inner"].restart()
        assert tree.handle.status()["inner"].state is State.READY
        assert not tree.launcher.newest("inner/x").is_paused


async def test_what_is_being_stopped_is_not_held_by_a_pause_of_its_supervisor(autojump_clock):
    async with opened(supervisor(child("a", stop=5), "b")) as tree, trio.open_nursery() as nursery:
        tree.launcher.newest("a").stop_takes = 1
        nursery.start_soon(tree.handle["a"].stop)
        await settle()
        tree.handle.pause()
        await trio.sleep(2)
        assert tree.handle.status()["a"].state is State.DOWN
        tree.handle.resume()


async def test_a_supervisor_that_stops_cannot_be_paused(autojump_clock):
    async with opened(supervisor(child("a", stop=5))) as tree:
        tree.launcher.newest("a").stop_takes = 1
        tree.handle._root.stop()
        await settle()
        with pytest.raises(InvalidStateError, match="cannot pause while stopping"):
            tree.handle.pause()


async def test_a_dynamic_supervisor_is_paused_with_its_children(autojump_clock):
    async with opened(supervisor(DynamicSpec(name="pool", template=child("worker")))) as tree:
        pool = tree.handle.supervisor("pool")
        await pool.start_child(args=["x"])
        pool.pause()
        assert tree.launcher.newest("pool/worker-1").is_paused
        assert pool.health() is Health.UNKNOWN
        pool.resume()


async def test_who_waits_for_the_root_to_be_ready_does_not_mind_a_pause(autojump_clock):
    async with opened(supervisor("a")) as tree:
        tree.handle.pause()
        with trio.fail_after(1):
            await tree.handle.wait_ready()
            await tree.handle["a"].wait_ready()
