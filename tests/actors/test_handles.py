"""What a user can do at a path."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import brief, child, opened, settle, supervisor

from regrow import ChildHandle, DynamicSpec, InvalidSpecError, SupervisorHandle
from regrow.exceptions import InvalidStateError, IoError, ProcessNotFoundError, SupervisorEndedError
from regrow.readiness import TcpPort
from regrow.testing import FakeLauncher, Script


def nested():
    return supervisor("a", supervisor("x", "y", name="inner", max_restarts=0), max_restarts=9)


async def test_a_path_leads_to_a_handle_of_its_kind(autojump_clock):
    async with opened(nested()) as tree:
        assert isinstance(tree.handle["a"], ChildHandle)
        assert isinstance(tree.handle["inner"], SupervisorHandle)
        assert tree.handle["inner/x"].path == tree.handle.supervisor("inner")["x"].path == "inner/x"
        assert tree.handle["."] is tree.handle
        assert "inner/x" in repr(tree.handle["inner/x"])
        assert tree.handle.child("inner/x").spec == child("x")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("b", "b: no such child"),
        ("inne", "did you mean 'inner'"),
        ("a/x", "a is a process"),
        ("none/x", "there is no none"),
        ("inner/z", "inner/z: no such child"),
    ],
)
async def test_a_path_that_leads_nowhere_says_where_it_ends(autojump_clock, path, hint):
    async with opened(nested()) as tree:
        with pytest.raises(ProcessNotFoundError, match=hint):
            tree.handle[path]


async def test_the_wrong_kind_is_refused_in_words(autojump_clock):
    async with opened(nested()) as tree:
        with pytest.raises(ProcessNotFoundError, match="it is a supervisor"):
            tree.handle.child("inner")
        with pytest.raises(ProcessNotFoundError, match="it is a process"):
            tree.handle.supervisor("a")


async def test_what_is_below_a_supervisor_that_is_down_is_not_there(autojump_clock):
    async with opened(nested()) as tree:
        below = tree.handle["inner/x"]
        await tree.handle["inner"].stop()
        with pytest.raises(ProcessNotFoundError, match="supervisor inner is down"):
            below.status()
        status = tree.handle.status()["inner"]
        assert (status.state, status.children) == ("down", ())
        with pytest.raises(SupervisorEndedError):
            await tree.handle.supervisor("inner").start_child(child("z"))
        await tree.handle["inner"].start()
        assert below.status().state == "ready"


async def test_a_handle_stays_valid_over_restarts(autojump_clock):
    async with opened(nested()) as tree:
        handle = tree.handle.child("inner/x")
        await tree.crash("inner/x")
        assert (handle.status().incarnation, handle.status().state) == (2, "ready")


async def test_the_root_cannot_be_started_or_deleted(autojump_clock):
    async with opened(supervisor("a")) as tree:
        for call in (tree.handle.start, tree.handle.restart, tree.handle.delete):
            with pytest.raises(InvalidStateError, match="it is the root"):
                await call()


async def test_the_status_is_one_snapshot_of_the_whole_tree(autojump_clock):
    async with opened(nested()) as tree:
        await trio.sleep(3)
        await tree.crash("inner/x")
        status = tree.handle.status()
        assert [entry.path for entry in status.walk()] == [".", "a", "inner", "inner/x", "inner/y"]
        assert status["a"].uptime == pytest.approx(3.0)
        assert status["inner"].restarts == 1
        assert status["inner"].last_exit.reason == "gave_up"
        assert (status.restarts_left, status.restarts_in_window) == (8, (0.0,))
        assert status["inner/x"].pid == tree.launcher.newest("inner/x").pid
        assert status["a"].containment == "guardian"
        with pytest.raises(KeyError):
            status["a/b"]
        with pytest.raises(KeyError):
            status["none"]


async def test_the_status_during_a_boot_says_what_is_waited_for(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor(supervisor("x", name="inner", max_restarts=0)), launcher) as tree:
        launcher.plan("inner/x", Script(launch_takes=2.0))
        await tree.crash("inner/x")
        await trio.sleep(1)
        status = tree.handle.status()
        assert (status["inner"].state, status["inner"].uptime) == ("starting", None)
        assert (status["inner/x"].waiting_for, status["inner/x"].waiting_since) == ("launch", pytest.approx(1.0))


async def test_statistics_count_what_has_happened_here_and_below(autojump_clock):
    async with opened(nested()) as tree:
        await tree.crash("inner/x")
        await tree.handle["a"].restart()
        whole = tree.handle.statistics()
        assert (whole.launches, whole.running, whole.crashes, whole.gave_up) == (6, 3, 1, 1)
        assert tree.handle["inner/x"].statistics().launches == 2
        assert tree.handle["a"].statistics().stops == 1
        assert tree.handle["inner"].statistics().restarts == 1


async def test_which_children_lists_the_youngest_first_and_count_counts(autojump_clock):
    async with opened(nested()) as tree:
        await tree.handle["a"].stop()
        assert [status.name for status in tree.handle.which_children()] == ["inner", "a"]
        count = tree.handle.count_children()
        assert (count.entries, count.active, count.supervisors, count.processes) == (2, 1, 1, 1)


async def test_wait_ready_returns_when_it_is_and_says_when_it_never_will(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("a", Script(), Script(ready_after=4.0))
    async with opened(supervisor(child("a", ready=None)), launcher) as tree:
        launcher.newest("a").exit(1)
        await settle()
        await tree.handle["a"].wait_ready()
        await tree.handle["a"].stop()
        with pytest.raises(InvalidStateError, match="down"):
            await tree.handle["a"].wait_ready()


async def test_wait_ready_is_woken_by_the_end_of_the_tree(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor("a"), launcher) as tree:
        launcher.plan("slow", Script(ready_after=1000))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expect, tree.handle.start_child, child("slow", ready=TcpPort(1), start_timeout=2000))
            await settle()
            nursery.start_soon(_expect, tree.handle["slow"].wait_ready)
            await settle()
            await tree.handle.stop()


async def _expect(call, *args):
    with pytest.raises((SupervisorEndedError, InvalidStateError)):
        await call(*args)


async def test_wait_exit_is_about_the_incarnation_that_lives_now(autojump_clock):
    exits = []

    async def wait(handle):
        exits.append(await handle.wait_exit())

    async with opened(supervisor("a")) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, tree.handle["a"])
            await settle()
            tree.launcher.newest("a").exit(3)
        assert exits[0].code == 3
        await tree.handle["a"].stop()
        assert (await tree.handle["a"].wait_exit()).reason == "stopped"


async def test_what_has_just_ended_is_neither_ready_nor_down_for_good(autojump_clock):
    """`wait_exit` returns before the supervisor has heard of the end; `wait_ready` must not believe the old state."""
    async with opened(supervisor("a")) as tree:
        for number in range(2, 30):
            tree.launcher.newest("a").exit(1)
            await tree.handle["a"].wait_exit()
            assert tree.handle["a"].status().last_exit.code == 1
            await tree.handle["a"].wait_ready()
            assert tree.handle["a"].status().incarnation == number
            await trio.sleep(10)


async def test_wait_waits_until_it_is_down_for_good(autojump_clock):
    async with opened(supervisor(child("a", restart="transient"))) as tree:
        await tree.crash("a")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle["a"].wait)
            await settle()
            tree.launcher.newest("a").exit(0)
        assert (await tree.handle["a"].wait()).reason == "normal"


async def test_wait_returns_also_when_the_child_is_forgotten_meanwhile(autojump_clock):
    async with opened(supervisor("b", child("t", restart="temporary"))) as tree:
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_exits_with, tree.handle["t"], 4)
                await settle()
                tree.launcher.newest("t").exit(4)


async def _exits_with(handle, code):
    assert (await handle.wait()).code == code


async def test_wait_exit_of_what_never_ran_waits_for_it(autojump_clock):
    async with opened(supervisor(child("a", autostart=False))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(_expect, tree.handle["a"].wait_exit)
        await settle()
        nursery.start_soon(tree.handle.stop)


async def test_autostart_false_stays_down_until_somebody_starts_it(autojump_clock):
    spec = supervisor("a", child("b", autostart=False), strategy="one_for_all")
    async with opened(spec) as tree:
        assert tree.handle.status()["b"].incarnation == 0
        await tree.crash("a")
        assert tree.running() == ["a#2"]
        await tree.handle["b"].start()
        await tree.crash("a")
        assert tree.running() == ["a#3", "b#2"]


async def test_output_is_kept_and_an_exit_has_its_end(autojump_clock):
    async with opened(supervisor("a")) as tree:
        handle = tree.handle.child("a")
        fake = tree.launcher.newest("a")
        fake.print("".join(f"line {number}\n" for number in range(30)), stream="stderr")
        fake.print("hello\nwor")
        assert handle.output() == ("hello", "wor")
        assert handle.output("stderr", 1) == ("line 29",)
        fake.exit(1)
        await settle()
        assert handle.status().last_exit.tail == tuple(f"line {number}" for number in range(10, 30))
        assert handle.output() == ()  # the new incarnation's


async def test_output_as_events_comes_line_by_line(autojump_clock):
    async with opened(supervisor(child("a", output="events"))) as tree:
        fake = tree.launcher.newest("a")
        assert await tree.after(lambda: fake.print("one\ntw"), lambda: fake.print("o")) == ["a stdout: one"]
        assert (await tree.after(lambda: fake.exit(0)))[:2] == ["a stdout: two", "a normal"]


async def test_signals_go_to_the_process_and_are_announced(autojump_clock):
    async with opened(supervisor("a")) as tree:
        tree.launcher.newest("a").ignores = {"SIGUSR1"}
        assert await tree.after(lambda: tree.handle.child("a").signal("USR1")) == ["ChildSignalled a"]
        assert "SIGUSR1" in tree.launcher.newest("a").signals
        assert (await tree.after(lambda: tree.handle.child("a").signal(15)))[1] == "a crashed"


async def test_input_is_written_and_closed(autojump_clock):
    async with opened(supervisor(child("a", stdin="pipe"), "b")) as tree:
        handle = tree.handle.child("a")
        await handle.write_stdin(b"hello")
        assert tree.launcher.newest("a").stdin == b"hello"
        handle.close_stdin()
        with pytest.raises(IoError):
            await handle.write_stdin(b"more")
        with pytest.raises(IoError, match="standard input"):
            await tree.handle.child("b").write_stdin(b"x")


async def test_what_needs_a_process_is_refused_without_one(autojump_clock):
    async with opened(supervisor("b")) as tree:
        handle = tree.handle.child("b")
        assert await handle.sample() is not None
        assert await handle.evidence() is not None
        await handle.stop()
        with pytest.raises(InvalidStateError, match="signal while down"):
            handle.signal("TERM")
        with pytest.raises(InvalidStateError):
            await handle.sample()


async def test_events_are_read_as_they_come_and_end_with_the_tree(autojump_clock):
    seen = []

    async def read(handle):
        seen.extend([event.seq async for event in handle.events(start=1)])

    async with trio.open_nursery() as nursery, opened(supervisor("a")) as tree:
        nursery.start_soon(read, tree.handle)
        await tree.crash("a")
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) > 8


async def test_a_dynamic_supervisor_without_a_template_takes_whole_specs(autojump_clock):
    async with opened(supervisor(DynamicSpec(name="pool"))) as tree:
        pool = tree.handle.supervisor("pool")
        with pytest.raises(InvalidStateError, match="no template"):
            await pool.start_child()
        await pool.start_child(child("x"))
        await pool.start_child(supervisor("s", name="sub"))
        assert tree.running() == ["pool/x#1", "pool/sub/s#1"]
        await pool.restart_child("x")
        await pool.stop_child("x")
        with pytest.raises(ProcessNotFoundError):
            await pool.delete_child("x")


@pytest.mark.parametrize("wrong", ["sleep 5", ["sleep", "5"], None.__class__])
async def test_what_is_no_spec_is_refused_and_harms_nobody(autojump_clock, wrong):
    async with opened(supervisor("a")) as tree:
        with pytest.raises(InvalidSpecError, match="must be a spec"):
            await tree.handle.start_child(wrong)
        with pytest.raises(ProcessNotFoundError, match="a name is a string"):
            await tree.handle.stop_child(["a"])
        assert tree.running() == ["a#1"]


async def test_a_spec_that_no_tree_could_have_is_refused_before_it_starts(autojump_clock):
    launcher = FakeLauncher(problems=lambda spec: ["never here"] if spec.name == "no" else [])
    async with opened(supervisor("a"), launcher) as tree:
        with pytest.raises(InvalidSpecError, match="no: never here"):
            await tree.handle.start_child(child("no"))
        with pytest.raises(InvalidSpecError, match="auto_shutdown"):
            await tree.handle.start_child(child("s", significant=True, restart="temporary"))
        with pytest.raises(InvalidSpecError, match="never here"):
            await tree.handle.apply(supervisor("a", "no"))
        with pytest.raises(InvalidSpecError, match="children of a template"):
            await tree.handle.start_child(child("b"), args=["x"])
        assert tree.running() == ["a#1"]


async def test_names_of_a_template_avoid_what_is_there_and_arguments_are_a_list(autojump_clock):
    async with opened(supervisor(DynamicSpec(name="pool", template=child("w")))) as tree:
        pool = tree.handle.supervisor("pool")
        await pool.start_child(name="w-1")
        assert (await pool.start_child()).path == "pool/w-2"
        with pytest.raises(InvalidSpecError, match="not the string"):
            await pool.start_child(args="--port 80")


async def test_what_is_over_as_soon_as_it_is_ready_was_started_all_the_same(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(exit_after=0.0))
    async with opened(supervisor(DynamicSpec(name="pool", template=child("w", restart="temporary"))), launcher) as tree:
        assert (await tree.handle.supervisor("pool").start_child()).path == "pool/w-1"


@pytest.mark.parametrize("how", ["start_child", "start"])
async def test_a_start_that_is_cancelled_in_the_moment_in_which_it_succeeds_is_undone(autojump_clock, how):
    launcher = FakeLauncher()
    late = child("late", ready=TcpPort(1), autostart=False)
    launcher.plan("late", *[Script(ready_after=1.0)] * 2)
    async with opened(supervisor("a", late) if how == "start" else supervisor("a"), launcher) as tree:
        with trio.CancelScope() as scope:
            tree.handle._journal._sinks.append(lambda event: brief(event) == "ready late" and scope.cancel())
            await (tree.handle["late"].start() if how == "start" else tree.handle.start_child(late))
        assert scope.cancelled_caught
        await settle()
        assert tree.running() == ["a#1"]


async def test_calls_by_name_are_calls_on_the_handle(autojump_clock):
    async with opened(supervisor("a")) as tree:
        await tree.handle.stop_child("a")
        await tree.handle.delete_child("a")
        await tree.handle.start_child(child("a"))
        await tree.handle.restart_child("a")
        assert tree.running() == ["a#3"]
