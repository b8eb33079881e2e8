"""A running supervisor becomes the one of a new spec, with the fewest starts and stops."""

from __future__ import annotations

import pytest
import trio
from tests.actors.helpers import child, opened, supervisor

from regrow import DynamicSpec
from regrow.exceptions import InvalidSpecError, InvalidStateError, StartFailedError
from regrow.testing import FakeLauncher, Script, children


async def test_an_equal_spec_touches_nothing(autojump_clock):
    async with opened(supervisor("a", "b")) as tree:
        tree.take()
        await tree.handle.apply(supervisor("a", "b"))
        assert tree.take() == ["SpecApplied ."]


async def test_only_what_differs_is_touched_and_the_new_order_is_the_order(autojump_clock):
    async with opened(supervisor("a", "b", "c")) as tree:
        tree.take()
        changed = child("b", command=["other"])
        await tree.handle.apply(supervisor("new", changed, "a"))
        assert tree.take() == [
            *["stopping c", "c stopped", "ChildDeleted c"],
            *["stopping b", "b stopped"],
            *["SpecApplied .", "ChildAdded new"],
            *["started new#1", "ready new", "started b#2", "ready b"],
        ]
        assert [status.name for status in tree.handle.status().children] == ["new", "b", "a"]
    assert [word for word in tree.take() if word.startswith("stopping")] == ["stopping a", "stopping b", "stopping new"]


async def test_settings_of_a_child_that_it_does_not_notice_are_taken_over_in_place(autojump_clock):
    async with opened(supervisor("a")) as tree:
        tree.take()
        await tree.handle.apply(supervisor(child("a", restart="transient", stop=1), max_restarts=7))
        assert tree.take() == ["SpecApplied ."]
        assert tree.handle.status().max_restarts == 7
        assert await tree.after(lambda: tree.launcher.newest("a").exit(0)) == ["a normal"]


async def test_nested_supervisors_apply_their_own(autojump_clock):
    async with opened(supervisor(supervisor("x", "y", name="inner"), "a")) as tree:
        tree.take()
        await tree.handle.apply(supervisor(supervisor("x", "z", name="inner"), "a"))
        words = tree.take()
        assert words == [
            "SpecApplied .",
            *["stopping inner/y", "inner/y stopped", "ChildDeleted inner/y", "SpecApplied inner"],
            "ChildAdded inner/z",
            *["started inner/z#1", "ready inner/z"],
        ]


async def test_what_was_stopped_by_hand_stays_down(autojump_clock):
    async with opened(supervisor("a", "b")) as tree:
        await tree.handle["b"].stop()
        await tree.handle.apply(supervisor("a", child("b", command=["other"])))
        assert tree.running() == ["a#1"]


async def test_a_temporary_child_that_is_removed_is_forgotten(autojump_clock):
    async with opened(supervisor("a", child("t", restart="temporary"))) as tree:
        await tree.handle.apply(supervisor("a"))
        assert [status.name for status in tree.handle.status().children] == ["a"]


async def test_failed_starts_go_up_in_one_group_and_the_rest_is_done(autojump_clock):
    launcher = FakeLauncher()
    async with opened(supervisor("a"), launcher) as tree:
        with pytest.raises(ExceptionGroup) as caught:
            await tree.handle.apply(supervisor("a", child("bad", command=children.missing()), "c"))
        assert caught.group_contains(StartFailedError)
        assert tree.running() == ["a#1", "c#1"]
        assert tree.handle.status()["bad"].state == "down"


async def test_another_kind_or_another_name_is_refused(autojump_clock):
    async with opened(supervisor("a")) as tree:
        with pytest.raises(InvalidStateError, match="not a DynamicSpec"):
            await tree.handle.apply(DynamicSpec(name="app"))
        with pytest.raises(InvalidStateError, match="its name is 'app'"):
            await tree.handle.apply(supervisor("a", name="other"))


async def test_a_dynamic_supervisor_keeps_its_children(autojump_clock):
    async with opened(supervisor(DynamicSpec(name="pool", template=child("w")))) as tree:
        await tree.handle.supervisor("pool").start_child()
        new = DynamicSpec(name="pool", template=child("w", command=["new"]), max_children=1)
        await tree.handle.apply(supervisor(new))
        assert tree.running() == ["pool/w-1#1"]
        with pytest.raises(InvalidStateError, match="max_children"):
            await tree.handle.supervisor("pool").start_child()


async def test_entries_added_at_run_time_are_removed(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("late", Script())
    async with opened(supervisor("a"), launcher) as tree:
        await tree.handle.start_child(child("late"))
        await tree.handle.apply(supervisor("a"))
        assert tree.running() == ["a#1"]


@pytest.mark.parametrize("is_removed", [True, False])
async def test_a_group_restart_meanwhile_does_not_bring_back_what_is_about_to_go(autojump_clock, is_removed):
    launcher = FakeLauncher(script=lambda key, spec: Script(stop_takes=1.0))
    new = supervisor(*([] if is_removed else [child("a", command=["new"])]), "b", strategy="one_for_all")
    async with opened(supervisor("a", "b", strategy="one_for_all"), launcher) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle.apply, new)
            await trio.sleep(0.5)
            launcher.newest("b").exit(1)
        await trio.sleep(20)
        assert {str(process.spec.command) for process in launcher.running if process.key.path == "a"} == (
            set() if is_removed else {"('new',)"}
        )
        assert tree.handle.status()["b"].state == "ready"


async def test_a_nested_supervisor_that_is_restarted_has_what_was_applied_to_it(autojump_clock):
    inner = supervisor("x", name="inner", max_restarts=0)
    async with opened(supervisor(supervisor(inner, name="middle", max_restarts=9))) as tree:
        await tree.handle.supervisor("middle/inner").apply(supervisor("x", "y", name="inner", max_restarts=0))
        assert [spec.name for spec in tree.handle.spec.children[0].children[0].children] == ["x", "y"]
        await tree.crash("middle/inner/x")
        assert [status.name for status in tree.handle.status()["middle/inner"].children] == ["x", "y"]
        await tree.handle["middle"].restart()
        assert tree.running()[-1].startswith("middle/inner/y")


async def test_a_temporary_child_that_ends_while_it_is_removed_is_no_error(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("b", Script(stop_takes=1.0))
    async with opened(supervisor(child("t", restart="temporary"), "b"), launcher) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.handle.apply, supervisor("c"))
            await trio.sleep(0.5)
            launcher.newest("t").exit(0)
        assert tree.running() == ["c#1"]


async def test_an_apply_that_is_cut_off_leaves_no_child_that_group_restarts_forget(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("c", Script(stop_takes=3.0))
    async with opened(supervisor("a", "b", "c", strategy="one_for_all"), launcher) as tree:
        with trio.move_on_after(1):
            await tree.handle.apply(supervisor("b", strategy="one_for_all"))
        await trio.sleep(10)
        await tree.crash("b")
        assert "a#2" in tree.running()


async def test_a_spec_that_its_supervisor_cannot_have_is_refused_and_harms_nobody(autojump_clock):
    async with opened(supervisor(supervisor("x", name="inner"))) as tree:
        bad = supervisor("y", name="inner", restart="transient", significant=True)
        with pytest.raises(InvalidSpecError, match="auto_shutdown"):
            await tree.handle.supervisor("inner").apply(bad)
        assert tree.running() == ["inner/x#1"]
