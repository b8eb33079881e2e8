"""What a supervisor does with its children; the oracle is the list of events."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import Backoff, DynamicSpec, StartFailedError, TooManyRestartsError
from regrow.exceptions import (
    AlreadyRunningError,
    InvalidStateError,
    ProcessNotFoundError,
    SupervisorEndedError,
    TerminateFailedError,
)
from regrow.readiness import Completes, TcpPort
from regrow.testing import FakeLauncher, Script

BOOT = ["started a#1", "ready a", "started b#1", "ready b", "started c#1", "ready c"]


async def test_children_start_in_order_and_stop_in_reverse(autojump_clock):
    async with opened(supervisor("a", "b", "c")) as tree:
        assert tree.take() == ["booting .#1", *BOOT, "booted ."]
    assert tree.take() == [
        "ending .: asked",
        *["stopping c", "c stopped", "stopping b", "b stopped", "stopping a", "a stopped"],
        ". stopped",
    ]


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("one_for_one", ["b crashed", "due b", "started b#2", "ready b"]),
        (
            "rest_for_one",
            ["b crashed", "due b", "stopping c", "c stopped", "started b#2", "ready b", "started c#2", "ready c"],
        ),
        (
            "one_for_all",
            [
                "b crashed",
                "due b",
                "stopping c",
                "c stopped",
                "stopping a",
                "a stopped",
                "started a#2",
                "ready a",
                "started b#2",
                "ready b",
                "started c#2",
                "ready c",
            ],
        ),
    ],
)
async def test_a_crash_restarts_exactly_the_siblings_of_the_strategy(autojump_clock, strategy, wanted):
    async with opened(supervisor("a", "b", "c", strategy=strategy)) as tree:
        assert await tree.crash("b") == wanted


async def test_the_next_child_starts_when_the_one_before_is_ready(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("a", Script(ready_after=3.0))
    began = trio.current_time()
    async with opened(supervisor(child("a", ready=TcpPort(1)), "b"), launcher) as tree:
        assert trio.current_time() - began == pytest.approx(3.0)
        assert tree.take()[1:5] == ["started a#1", "ready a", "started b#1", "ready b"]


async def test_a_failed_start_at_boot_stops_what_is_up_and_goes_up_with_its_tail():
    launcher = FakeLauncher()
    launcher.plan("b", Script(exit_after=0.0, exit_code=3, stderr="no database\n"))
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(supervisor("a", child("b", ready=TcpPort(1)), "c"), launcher):
            pytest.fail("the body must not run")
    (error,) = caught.value.exceptions
    assert isinstance(error, StartFailedError)
    assert (error.path, error.exit.code, error.program) == ("b", 3, "program")
    assert "no database" in str(caught.value)
    assert [str(process.key) for process in launcher.processes] == ["a#1", "b#1"]
    assert not launcher.running


async def test_a_launch_that_takes_for_ever_fails_when_the_start_timeout_is_over(autojump_clock):
    launcher = FakeLauncher()
    launcher.launch_takes = 1000
    with pytest.raises(ExceptionGroup, match="not launched within 3 s"):
        async with opened(supervisor(child("a", start_timeout=3)), launcher):
            pytest.fail("the body must not run")
    assert trio.current_time() == pytest.approx(3.0)
    assert launcher.processes == []


async def test_too_many_restarts_stop_the_rest_in_reverse_and_name_the_culprit(autojump_clock):
    with pytest.raises(ExceptionGroup, match="gave up") as caught:
        async with opened(supervisor("a", "b", "c", max_restarts=1)) as tree:
            await tree.crash("b")
            tree.launcher.newest("b").die_of("SIGSEGV")
            await trio.sleep_forever()
    (error,) = caught.value.exceptions
    assert isinstance(error, TooManyRestartsError)
    assert (error.path, error.culprit, error.exit.signal) == (".", "b", "SIGSEGV")
    assert "supervisor 'app' gave up" in str(error)
    assert "more than 1 restart in 5 s" in str(error)
    assert tree.take()[:4] == ["b crashed", ". gave up on b", "ending .: gave up", "stopping c"]


async def test_giving_up_travels_through_every_level(autojump_clock):
    inner = supervisor("x", name="inner", max_restarts=0)
    middle = supervisor(inner, name="middle", max_restarts=1)
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(supervisor(middle, max_restarts=0)) as tree:
            assert "ready middle/inner/x" in await tree.crash("middle/inner/x")
            await tree.crash("middle/inner/x")
            await trio.sleep_forever()
    (error,) = caught.value.exceptions
    assert isinstance(error, TooManyRestartsError)
    assert error.culprit == "middle"
    assert isinstance(error.exit.error, TooManyRestartsError)
    assert error.exit.error.culprit == "middle/inner"
    assert "middle/inner/x" in str(caught.value)


async def test_the_backoff_grows_and_the_first_restart_is_immediate(autojump_clock):
    backoff = Backoff(initial=1.0, jitter=0.0)
    async with opened(supervisor(child("a", backoff=backoff), max_restarts=10)) as tree:
        assert await tree.crash("a") == ["a crashed", "due a", "started a#2", "ready a"]
        assert await tree.crash("a") == ["a crashed", "due a in 1"]
        await trio.sleep(1.5)
        assert tree.take() == ["started a#3", "ready a"]
        assert await tree.crash("a") == ["a crashed", "due a in 2"]
        status = tree.handle.status()["a"]
        assert (status.state, status.next_retry) == ("restarting", pytest.approx(2.0))


async def test_a_healthy_time_begins_a_new_row(autojump_clock):
    backoff = Backoff(initial=1.0, jitter=0.0, reset_after=10)
    async with opened(supervisor(child("a", backoff=backoff), max_restarts=10)) as tree:
        await tree.crash("a")
        await trio.sleep(10)
        assert await tree.crash("a") == ["a crashed", "due a", "started a#3", "ready a"]


async def test_bystanders_stop_at_once_then_the_backoff_passes_then_all_start(autojump_clock):
    backoff = Backoff(initial=4.0, jitter=0.0, immediate=0)
    spec = supervisor("a", child("b", backoff=backoff), "c", strategy="rest_for_one")
    async with opened(spec) as tree:
        assert await tree.crash("b") == ["b crashed", "due b in 4", "stopping c", "c stopped"]
        await trio.sleep(4)
        await settle()
        assert tree.take() == ["started b#2", "ready b", "started c#2", "ready c"]


async def test_a_slow_stop_delays_nobody_else(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("a", Script(stop_takes=30.0))
    async with opened(supervisor(child("a", stop=60), "b", "c"), launcher) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle["a"].stop)
            await settle()
            began = trio.current_time()
            assert await tree.crash("b") == ["b crashed", "due b", "started b#2", "ready b"]
            await tree.handle["c"].stop()
            assert tree.handle.status()["a"].state == "stopping"
            assert trio.current_time() == began
        assert trio.current_time() - began == pytest.approx(30.0)


async def test_a_slow_start_delays_nobody_else(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor("a", "b"), launcher) as tree:
        launcher.plan("slow", Script(ready_after=25.0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle.start_child, child("slow", ready=TcpPort(1)))
            await settle()
            began = trio.current_time()
            assert await tree.crash("b") == ["b crashed", "due b", "started b#2", "ready b"]
            await tree.handle["a"].restart()
            status = tree.handle.status()["slow"]
            assert (status.state, status.waiting_for) == ("starting", "TCP port 127.0.0.1:1")
            assert trio.current_time() == began


async def test_an_order_to_stop_is_obeyed_during_a_start(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("a", Script(), Script(ready_after=20.0))
    async with opened(supervisor(child("a", ready=None), "b"), launcher) as tree:
        launcher.plan("a", Script(launch_takes=20.0))
        await tree.crash("a")
        began = trio.current_time()
        await tree.handle["a"].stop()
        assert trio.current_time() - began < 1
        assert tree.handle.status()["a"].state == "down"


async def test_a_cancelled_start_is_taken_back(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor("a"), launcher) as tree:
        launcher.plan("new", Script(ready_after=20.0))
        with trio.move_on_after(5):
            await tree.handle.start_child(child("new", ready=TcpPort(1)))
        await settle()
        assert tree.running() == ["a#1"]
        with pytest.raises(ProcessNotFoundError):
            tree.handle["new"].status()


async def test_a_start_that_was_cancelled_while_it_waited_stops_nobody(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("a", Script(stop_takes=3.0))
    async with opened(supervisor(child("a", stop=60)), launcher) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle["a"].restart)
            await settle()
            with trio.move_on_after(1):
                await tree.handle["a"].start()
        assert tree.running() == ["a#2"]


async def test_the_shutdown_interrupts_a_backoff(autojump_clock):
    backoff = Backoff(initial=30.0, immediate=0)
    async with opened(supervisor(child("a", backoff=backoff), "b")) as tree:
        began = trio.current_time()
        await tree.crash("a")
    assert trio.current_time() - began < 1


async def test_a_shutdown_during_a_start_that_is_not_ready_is_obeyed_at_once(autojump_clock):
    launcher = FakeLauncher()
    with trio.move_on_after(5) as scope:
        async with opened(supervisor("a", child("b", ready=TcpPort(1))), launcher):
            pytest.fail("b never gets ready")
    assert scope.cancelled_caught
    assert trio.current_time() < 6
    assert not launcher.running


async def test_together_starts_at_once_and_fails_in_one_group(autojump_clock):
    launcher = FakeLauncher()
    for name in "ab":
        launcher.plan(name, Script(exit_after=1.0, exit_code=5))
    probe = TcpPort(1)
    spec = supervisor(child("a", ready=probe), child("b", ready=probe), child("c", ready=probe), order="together")
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(spec, launcher):
            pytest.fail("the body must not run")
    assert {error.path for error in caught.value.exceptions} == {"a", "b"}
    assert len(launcher.processes) == 3


async def test_together_stops_at_once(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(stop_takes=3.0))
    async with opened(supervisor("a", "b", "c", order="together"), launcher):
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(3.0)


async def test_in_turn_each_stop_begins_when_the_one_before_is_gone(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(stop_takes=3.0))
    async with opened(supervisor("a", "b", "c"), launcher):
        began = trio.current_time()
    assert trio.current_time() - began == pytest.approx(9.0)


async def test_auto_shutdown_ends_the_tree_without_an_error(autojump_clock):
    job = child("job", restart="transient", significant=True)
    async with opened(supervisor("a", job, auto_shutdown="any_significant")) as tree:
        tree.launcher.newest("job").exit(0)
        exit = await tree.handle.wait()
        assert exit.reason == "normal"
        await trio.sleep_forever()
    assert tree.take()[-5:-2] == ["job normal", "ending .: auto-shutdown", "stopping a"]


async def test_an_auto_shutdown_during_the_boot_waits_for_its_end(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("job", Script(exit_after=1.0))
    launcher.plan("slow", Script(ready_after=5.0))
    job = child("job", restart="transient", significant=True)
    spec = supervisor(job, child("slow", ready=TcpPort(1)), auto_shutdown="any_significant")
    async with opened(spec, launcher) as tree:
        assert trio.current_time() == pytest.approx(5.0)
        await trio.sleep_forever()
    assert "booted ." in tree.take()


async def test_a_one_shot_is_ready_when_it_has_ended_well(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("once", Script(exit_after=2.0))
    async with opened(supervisor(child("once", ready=Completes()), "b"), launcher) as tree:
        assert tree.take()[1:5] == ["started once#1", "once normal", "started b#1", "ready b"]
        assert tree.handle.status()["once"].state == "down"
        assert (await tree.handle["once"].wait_exit()).code == 0


async def test_a_one_shot_that_fails_is_a_failed_start(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("once", Script(exit_after=2.0, exit_code=9))
    with pytest.raises(ExceptionGroup, match="exit code 9"):
        async with opened(supervisor(child("once", ready=Completes()), "b"), launcher):
            pytest.fail("the body must not run")


async def test_a_stuck_child_becomes_a_named_state_and_the_rest_goes_on(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("b", Script(unkillable=True, ignores="SIGTERM"))
    async with opened(supervisor("a", "b", "c", strategy="rest_for_one"), launcher) as tree:
        with pytest.raises(TerminateFailedError):
            await tree.handle["b"].stop()
        assert tree.handle.status()["b"].state == "stuck"
        with pytest.raises(AlreadyRunningError):
            await tree.handle["b"].start()
        assert "started a#2" in await tree.crash("a")
        assert "started c#2" in [f"started {p.key}" for p in launcher.processes]
        assert launcher.newest("b").key.incarnation == 1  # no replacement while it lives
        launcher.newest("b").unkillable = False
        words = await tree.after(lambda: launcher.newest("b").die_of("SIGKILL"))
        assert "started b#2" in words


async def test_a_tree_ends_although_a_child_is_stuck(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(unkillable=True, ignores="SIGTERM"))
    async with opened(supervisor("a", "b"), launcher) as tree:
        tree.take()
    words = tree.take()
    assert words[1:5] == ["stopping b", "ChildStuck b", "stopping a", "ChildStuck a"]
    assert words[-3:] == [". stopped", "a stopped", "b stopped"]  # told at last, when the launcher let go of them


async def test_calls_are_refused_by_the_state_of_the_entry(autojump_clock):
    backoff = Backoff(initial=30.0, immediate=0)
    async with opened(supervisor("up", "down", child("waits", backoff=backoff))) as tree:
        handle = tree.handle
        await handle["down"].stop()
        await tree.crash("waits")
        with pytest.raises(AlreadyRunningError):
            await handle["up"].start()
        with pytest.raises(InvalidStateError, match="delete"):
            await handle["up"].delete()
        with pytest.raises(AlreadyRunningError, match="present"):
            await handle.start_child(child("down"))
        with pytest.raises(InvalidStateError, match="restarting"):
            await handle["waits"].start()
        with pytest.raises(InvalidStateError, match="restarting"):
            await handle["waits"].delete()
        await handle["waits"].stop()
        assert handle.status()["waits"].state == "down"
        await handle["down"].delete()
        with pytest.raises(ProcessNotFoundError):
            handle["down"]
        with pytest.raises(ProcessNotFoundError, match="did you mean 'waits'"):
            handle["wait"]


async def test_restart_now_cuts_a_backoff_short_and_is_not_counted(autojump_clock):
    backoff = Backoff(initial=30.0, immediate=0)
    async with opened(supervisor(child("a", backoff=backoff), max_restarts=1)) as tree:
        await tree.crash("a")
        began = trio.current_time()
        await tree.handle["a"].restart()
        await tree.handle["a"].restart()
        assert trio.current_time() == began
        assert tree.handle.status().restarts_left == 0
        assert tree.running() == ["a#3"]


async def test_an_ended_supervisor_says_so_at_once(autojump_clock):
    async with opened(supervisor("a")) as tree:
        handle = tree.handle["a"]
    with pytest.raises(SupervisorEndedError):
        await handle.start()
    assert tree.handle.status().state == "down"


async def test_a_dynamic_supervisor_names_numbers_and_forgets(autojump_clock):
    pool = DynamicSpec(name="pool", template=child("w", restart="transient"), max_children=2, max_restarts=5)
    async with opened(supervisor(pool)) as tree:
        handle = tree.handle.supervisor("pool")
        first = await handle.start_child(args=["one"])
        await handle.start_child(args=["two"])
        assert (first.path, first.spec.command) == ("pool/w-1", ("program", "one"))
        with pytest.raises(InvalidStateError, match="max_children"):
            await handle.start_child()
        assert "started pool/w-1#2" in await tree.crash("pool/w-1")
        assert (await tree.after(lambda: tree.launcher.newest("pool/w-2").exit(0))) == [
            "pool/w-2 normal",
            "ChildForgotten pool/w-2",
        ]
        third = await handle.start_child()
        assert third.path == "pool/w-4"  # number 3 was refused; it never comes back
        assert handle.count_children().entries == 2


async def test_numbers_never_go_back_not_even_after_delete_and_add(autojump_clock):
    async with opened(supervisor("a")) as tree:
        await tree.handle.start_child(child("x"))
        await tree.handle["x"].stop()
        await tree.handle["x"].delete()
        await tree.handle.start_child(child("x"))
        assert tree.launcher.newest("x").key.incarnation == 2


async def test_a_nested_supervisor_that_is_restarted_has_the_children_of_its_spec_only(autojump_clock):
    inner = supervisor("x", name="inner", max_restarts=0)
    async with opened(supervisor(inner)) as tree:
        nested = tree.handle.supervisor("inner")
        await nested.start_child(child("extra"))
        words = await tree.crash("inner/x")
        assert "inner gave up on inner/x" in words
        assert words[-4:] == ["booting inner#2", "started inner/x#2", "ready inner/x", "booted inner"]
        assert [status.name for status in nested.status().children] == ["x"]


async def test_lost_with_one_engine_is_one_restart(autojump_clock):
    async with opened(supervisor("a", "b", "c", max_restarts=1)) as tree:
        await tree.after(lambda: tree.launcher.lose_all("engine-1"))
        assert sorted(tree.running()) == ["a#2", "b#2", "c#2"]
