"""A child that ended by itself, and whose strays last, are kept, or cannot be ended."""

from __future__ import annotations

import attrs
import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import Backoff
from regrow import events as ev
from regrow.exceptions import AlreadyRunningError, TerminateFailedError
from regrow.readiness import Completes, TcpPort
from regrow.testing import Descendant, FakeLauncher, Script

WHY = "out of reach: process 4194305 of user 0"
LEAVES_STUCK = Script(descendants=[Descendant(unkillable=True, why=WHY)])


def leaving_stuck(*paths: str) -> FakeLauncher:
    launcher = FakeLauncher()
    for path in paths:
        launcher.plan(path, LEAVES_STUCK)
    return launcher


async def test_what_leaves_something_that_cannot_be_ended_is_stuck_until_that_is_gone(autojump_clock):
    launcher = leaving_stuck("a")
    async with opened(supervisor("a", "b"), launcher) as tree:
        assert await tree.crash("a") == []  # the exit is announced when all of it is gone
        await trio.sleep(6)
        assert tree.take() == ["ChildStuck a"]
        status = tree.handle.child("a").status()
        assert (status.state, status.why, status.last_exit) == ("stuck", WHY, None)
        words = await tree.after(launcher.newest("a").let_go)
        assert words == ["a crashed", "due a", "started a#2", "ready a"]
        status = tree.handle.child("a").status()
        assert (status.state, status.why, status.restarts) == ("ready", "", 1)


async def test_its_event_says_why_and_no_stop_is_announced(autojump_clock):
    async with opened(supervisor("a"), leaving_stuck("a")) as tree:
        await tree.crash("a")
        await trio.sleep(6)
        (event,) = tree.events
        assert isinstance(event, ev.ChildStuck)
        assert (event.incarnation, event.pid, event.why) == (1, tree.launcher.newest("a").pid, WHY)


async def test_nothing_replaces_it_and_a_stop_of_it_says_why(autojump_clock):
    launcher = leaving_stuck("a")
    async with opened(supervisor("a", "b"), launcher) as tree:
        await tree.crash("a")
        await trio.sleep(6)
        with pytest.raises(AlreadyRunningError, match="stuck"):
            await tree.handle["a"].start()
        with pytest.raises(TerminateFailedError, match=WHY) as caught:
            await tree.handle["a"].stop()
        assert caught.value.why == WHY
        assert await tree.after(launcher.newest("a").let_go) == ["a crashed"]  # and it is not wanted any more
        assert tree.handle["a"].status().state == "down"


async def test_a_stop_that_comes_before_it_is_called_stuck_says_so_too(autojump_clock):
    async with opened(supervisor("a"), leaving_stuck("a")) as tree:
        await tree.crash("a")
        with pytest.raises(TerminateFailedError, match=WHY):
            await tree.handle["a"].stop()
        assert tree.take() == ["stopping a", "ChildStuck a"]
        assert tree.handle["a"].status().state == "stuck"


async def test_the_others_go_on_and_a_tree_ends_although_it_is_stuck(autojump_clock):
    launcher = leaving_stuck("a")
    async with opened(supervisor("a", "b", strategy="one_for_all"), launcher) as tree:
        await tree.crash("a")
        await trio.sleep(6)
        tree.take()
        assert await tree.crash("b") == ["b crashed", "due b", "started b#2", "ready b"]
        tree.take()
    assert tree.take() == ["ending .: asked", "stopping b", "b stopped", ". stopped", "a lost"]


async def test_when_its_supervisor_comes_back_it_waits_for_it(autojump_clock):
    launcher = leaving_stuck("inner/x")
    inner = supervisor(child("x", start_timeout=20), "y", name="inner", max_restarts=0)
    async with opened(supervisor(inner), launcher) as tree:
        await tree.crash("inner/x")
        await trio.sleep(6)
        assert (await tree.crash("inner/y"))[-1] == "booting inner#2"
        await trio.sleep(3)
        assert tree.running() == ["inner/x#1"]
        words = await tree.after(launcher.newest("inner/x").let_go)
        assert words[:2] == ["inner/x crashed", "started inner/x#2"]


@pytest.mark.parametrize("ready", [Completes(), TcpPort(80)])
async def test_a_start_that_leaves_something_stuck_has_failed(autojump_clock, ready):
    launcher = FakeLauncher(lambda key, spec: attrs.evolve(LEAVES_STUCK, exit_after=1.0))
    with pytest.raises(ExceptionGroup, match="out of reach"):
        async with opened(supervisor(child("once", ready=ready)), launcher):
            pytest.fail("the body must not run")


async def test_a_one_shot_that_leaves_something_stuck_in_a_restart_is_tried_again_when_that_is_gone(autojump_clock):
    launcher = FakeLauncher()
    launcher.plan("once", Script(exit_after=1.0), LEAVES_STUCK, Script(exit_after=1.0))
    once = child("once", ready=Completes())
    async with opened(supervisor("a", once, "b", strategy="rest_for_one"), launcher) as tree:
        await tree.crash("a")
        launcher.newest("once").exit(0)
        await trio.sleep(6)
        assert tree.handle.status()["once"].state == "stuck"
        assert tree.handle.status()["b"].state == "down"
        launcher.newest("once").let_go()
        await trio.sleep(2)
        assert launcher.newest("once").key.incarnation == 3
        exit = tree.handle.status()["once"].last_exit
        assert (exit.reason, tree.handle.status()["b"].state) == ("normal", "ready")
    failed = [event for event in tree.events if isinstance(event, ev.ChildStartFailed)]
    assert [event.exit.why for event in failed] == ["it ended well, but a stray of it was still there after the kill"]


async def test_strays_that_take_their_time_are_no_time_that_it_was_healthy(autojump_clock):
    """Else a crash loop would never wait longer: its strays would make it look healthy."""
    backoff = Backoff(initial=1, factor=10, jitter=0, immediate=0, reset_after=10)
    launcher = FakeLauncher(lambda key, spec: Script(exit_after=0.5, exit_code=1, strays=1))
    async with opened(supervisor(child("a", strays=20, backoff=backoff), max_restarts=9), launcher) as tree:
        await trio.sleep(50)
        waits = [event.delay for event in tree.events if isinstance(event, ev.RestartScheduled)]
        exits = [event.exit for event in tree.events if isinstance(event, ev.ChildExited)]
        assert waits == [1, 10]
        assert [(exit.ran_for, exit.healthy_for, exit.strays) for exit in exits] == [(0.5, 0.5, 1)] * 2


@pytest.mark.parametrize(("containment", "level"), [("auto", "guardian"), ("namespace", "guardian+namespace")])
async def test_the_status_says_what_contains_each_incarnation(autojump_clock, containment, level):
    async with opened(supervisor(child("a", containment=containment, strays="keep"), child("b"))) as tree:
        a, b = tree.handle.child("a").status(), tree.handle.child("b").status()
        assert (a.containment, b.containment) == (level, "guardian")
        assert (a.keeps_strays, b.keeps_strays) == (True, False)
        started = [event for event in tree.events if isinstance(event, ev.ChildStarted)]
        assert [event.containment for event in started] == [level, "guardian"]


async def test_before_it_was_launched_its_containment_is_that_of_the_launcher(autojump_clock):
    async with opened(supervisor(child("a", autostart=False)), FakeLauncher(containment="group")) as tree:
        assert tree.handle.child("a").status().containment == "group"


async def test_what_cannot_be_had_is_refused_before_anything_starts(autojump_clock):
    launcher = FakeLauncher(containment="group")
    with pytest.raises(ValueError, match="containment='proven' cannot be had"):
        async with opened(supervisor("a", child("b", containment="proven")), launcher):
            pytest.fail("the body must not run")
    assert launcher.processes == []


@pytest.mark.parametrize(("to", "wanted"), [("main", {"main"}), ("group", {"main", "g"}), ("tree", {"main", "g", "s"})])
async def test_a_signal_reaches_whom_it_is_sent_to(autojump_clock, to, wanted):
    family = [Descendant(ignores="HUP", hears="g"), Descendant(ignores="HUP", hears="s", in_group=False)]
    launcher = FakeLauncher(lambda key, spec: Script(ignores="HUP", hears="main", descendants=family))
    async with opened(supervisor("a"), launcher) as tree:
        tree.handle.child("a").signal("HUP", to)
        await settle()
        assert {line.split()[0] for line in tree.handle.child("a").output()} == wanted
        assert tree.events[-1] == ev.ChildSignalled("a", 1, "SIGHUP", to)


async def test_a_signal_to_nobody_is_an_error(autojump_clock):
    async with opened(supervisor("a")) as tree:
        with pytest.raises(ValueError, match="everyone"):
            tree.handle.child("a").signal("HUP", "everyone")
