"""A tree for a block: what comes out at the top. SEMANTICS section 11."""

from __future__ import annotations

import time

import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import ChildSpec, InvalidSpecError, SupervisorSpec, TooManyRestartsError, open_supervisor
from regrow._decisions.ledger import Ledger
from regrow._specs.check import leniently
from regrow.exceptions import InvalidStateError, SupervisorEndedError
from regrow.readiness import TcpPort
from regrow.testing import FakeLauncher, Script


class OurError(Exception):
    pass


async def test_a_body_that_is_done_stops_everything_and_returns(autojump_clock):
    async with opened(supervisor("a")) as tree:
        assert tree.handle.status().state == "ready"
    assert tree.handle.status().state == "down"


async def test_an_error_of_the_body_goes_on_as_it_is_after_everything_is_stopped(autojump_clock):
    with pytest.raises(OurError):
        async with opened(supervisor("a", "b")) as tree:
            tree.take()
            raise OurError
    assert tree.take()[-2:] == ["a stopped", ". stopped"]


async def test_errors_of_the_body_and_of_the_tree_go_up_in_one_group(autojump_clock):
    with pytest.raises(BaseExceptionGroup) as caught:
        async with opened(supervisor("a", max_restarts=0)) as tree:
            try:
                tree.launcher.newest("a").exit(1)
                await trio.sleep_forever()
            finally:
                raise OurError
    assert caught.group_contains(OurError)
    assert caught.group_contains(TooManyRestartsError)


async def test_a_tree_that_ends_by_itself_cancels_the_body(autojump_clock):
    job = child("job", restart="temporary", significant=True)
    async with opened(supervisor(job, auto_shutdown="all_significant")) as tree:
        tree.launcher.newest("job").exit(4)
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled = True
            raise
    assert cancelled


async def test_wait_tells_the_body_how_the_tree_ended(autojump_clock):
    job = child("job", restart="temporary", significant=True)
    async with opened(supervisor(job, auto_shutdown="all_significant")) as tree:
        tree.launcher.newest("job").exit(4)
        exit = await tree.handle.wait()
        assert (exit.reason, exit.code) == ("normal", 4)


async def test_cancelling_from_outside_stops_in_reverse_and_lets_the_cancellation_go_on(autojump_clock):
    launcher = FakeLauncher(script=lambda key, spec: Script(stop_takes=1.0))
    with trio.move_on_after(5) as scope:
        async with opened(supervisor("a", "b"), launcher) as tree:
            tree.take()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert tree.take()[1:5] == ["stopping b", "b stopped", "stopping a", "a stopped"]
    assert trio.current_time() == pytest.approx(7.0)


async def test_an_invalid_tree_starts_nothing_and_tells_every_problem():
    with leniently():
        spec = SupervisorSpec(
            name="app",
            children=[ChildSpec(name="a/b", command=["x"]), ChildSpec(name="c", command="ls -l")],
        )
    launcher = FakeLauncher()
    with pytest.raises(InvalidSpecError) as caught:
        async with open_supervisor(spec, launcher=launcher):
            pytest.fail("the body must not run")
    assert [problem.place for problem in caught.value.problems] == ["app/a/b.name", "app/c.command"]
    assert launcher.processes == []


async def test_what_the_launcher_cannot_do_is_refused_before_anything_starts():
    launcher = FakeLauncher(problems=lambda spec: ["not here"] if spec.name == "b" else [])
    with pytest.raises(InvalidSpecError, match="app/b: not here"):
        async with open_supervisor(supervisor("a", "b"), launcher=launcher):
            pytest.fail("the body must not run")
    assert launcher.processes == []


async def test_a_root_that_is_a_child_is_refused():
    with pytest.raises(InvalidSpecError, match="must be a SupervisorSpec"):
        async with open_supervisor(child("a"), launcher=FakeLauncher()):
            pytest.fail("the body must not run")


def test_without_trio_the_error_says_what_to_do():
    opening = open_supervisor(supervisor("a"), launcher=FakeLauncher())
    with pytest.raises(InvalidStateError, match=r"trio\.run"):
        opening.__aenter__().send(None)


async def test_stopping_the_root_from_the_body_ends_the_block(autojump_clock):
    async with opened(supervisor("a")) as tree:
        await tree.handle.stop()
        assert tree.handle.status().state == "down"
        with pytest.raises(SupervisorEndedError):
            await tree.handle["a"].start()


async def test_two_trees_live_side_by_side(autojump_clock):
    async with opened(supervisor("a")) as one, opened(supervisor("a")) as two:
        assert one.launcher.newest("a").key.tree != two.launcher.newest("a").key.tree


async def test_a_broken_supervisor_leaves_nothing_behind_and_its_error_goes_up(autojump_clock, monkeypatch):
    def broken(self, name, exit, now):
        raise OurError("a bug of ours")

    with pytest.raises(ExceptionGroup) as caught:
        async with opened(supervisor("a", "b")) as tree:
            monkeypatch.setattr(Ledger, "on_gone", broken)
            tree.launcher.newest("a").exit(1)
            await trio.sleep_forever()
    assert caught.group_contains(OurError)
    assert not tree.launcher.running


async def test_calls_that_a_broken_supervisor_has_taken_are_answered(autojump_clock, monkeypatch):
    def broken(self, name, exit, now):
        raise OurError("a bug of ours")

    launcher = FakeLauncher()
    launcher.plan("inner/a", Script(stop_takes=100))
    async with opened(
        supervisor(supervisor(child("a", stop=200), "b", name="inner"), max_restarts=5), launcher
    ) as tree:
        with trio.fail_after(500):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_expect_ended, tree.handle["inner/a"].stop)
                await settle()
                with monkeypatch.context() as patch:
                    patch.setattr(Ledger, "on_gone", broken)
                    launcher.newest("inner/b").exit(1)
                    await settle()
        await tree.handle.stop()


async def _expect_ended(call):
    with pytest.raises(SupervisorEndedError):
        await call()


async def test_whoever_broke_a_supervisor_is_answered_too(autojump_clock, monkeypatch):
    def broken(self, spec):
        raise OurError("a bug of ours")

    async with opened(supervisor(supervisor("a", name="inner"))) as tree:
        with monkeypatch.context() as patch, trio.fail_after(5), pytest.raises(SupervisorEndedError):
            patch.setattr(Ledger, "adopt", broken)
            await tree.handle.supervisor("inner").apply(supervisor("a", name="inner"))
        await tree.handle["inner"].wait_ready()


async def test_keyboard_interrupt_in_the_body_stops_everything_first(autojump_clock):
    with pytest.raises(KeyboardInterrupt):
        async with opened(supervisor("a")) as tree:
            raise KeyboardInterrupt
    assert not tree.launcher.running


async def test_a_simulated_hour_of_crashes_takes_well_under_a_second(autojump_clock):
    spec = supervisor(*"abcde", max_restarts=10**6)
    began = time.process_time()
    async with opened(spec) as tree:
        for number in range(360):
            tree.launcher.newest("abcde"[number % 5]).exit(1)
            await trio.sleep(10)
        assert trio.current_time() >= 3600
        assert tree.handle.statistics().restarts == 360
    assert time.process_time() - began < 3  # 0.2 s on an idle machine


@pytest.mark.parametrize("how", ["boot", "backoff", "stop"])
async def test_leaving_at_a_bad_moment_leaves_nothing(autojump_clock, how):
    launcher = FakeLauncher()
    if how == "boot":
        launcher.plan("b", Script(ready_after=100))
    if how == "stop":
        launcher.plan("a", Script(stop_takes=100))
    spec = supervisor("a", child("b", ready=TcpPort(1) if how == "boot" else None, start_timeout=200))
    with trio.move_on_after(3):
        async with opened(spec, launcher) as tree:
            await settle()
            if how == "backoff":
                tree.launcher.newest("a").exit(1)
            await trio.sleep_forever()
    assert launcher.running == []
