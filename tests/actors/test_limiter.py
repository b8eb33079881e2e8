"""Limits carried out: who is sampled, who is warned of, who is ended."""

from __future__ import annotations

import attrs
import pytest
import trio
from tests.actors.helpers import child, opened, settle, supervisor

from regrow import Backoff, Health, Reason, State
from regrow import events as ev
from regrow._specs.protocol import Evidence
from regrow.exceptions import StartFailedError
from regrow.limits import RestartAbove, WarnAbove
from regrow.readiness import Completes, TcpPort
from regrow.testing import FakeLauncher, Script
from regrow.testing._fake.controls import FakeControls

MIB = 1024**2


def use(tree, path, **values):
    """Have the newest incarnation use so much from now on."""
    process = tree.launcher.newest(path)
    process.sample = attrs.evolve(process.sample, **values)


def of_limits(events):
    return [e for e in events if isinstance(e, ev.LimitWarned | ev.LimitExceeded | ev.HealthChanged)]


async def test_what_is_above_its_limit_is_stopped_by_its_own_ladder_and_comes_back(autojump_clock):
    limit = RestartAbove(memory="100M")
    async with opened(supervisor(child("a", limits=limit, stop=5))) as tree:
        tree.launcher.newest("a").stop_takes = 2
        await trio.sleep(10.5)
        tree.take()
        use(tree, "a", rss=300 * MIB)
        began = trio.current_time()
        await trio.sleep(5)
        status = tree.handle.status()["a"]
        assert (status.incarnation, status.state, status.restarts) == (2, State.READY, 1)
        exit = status.last_exit
        assert (exit.reason, exit.code, exit.why) == (Reason.OVER_LIMIT, 0, "memory above 100 MiB: 300 MiB")
        assert tree.launcher.processes[0].signals == ["SIGTERM"]
        exceeded, health, stopping, exited = tree.events[:4]
        assert exceeded == ev.LimitExceeded("a", 1, limit)
        assert isinstance(exceeded, ev.LimitExceeded)
        assert exceeded.value == 300 * MIB
        assert exceeded.at - began <= 1
        assert health == ev.HealthChanged("a", Health.UNHEALTHY)
        assert isinstance(health, ev.HealthChanged)
        assert health.why == exit.why
        assert stopping == ev.ChildStopping("a", 1)
        assert exited == ev.ChildExited("a", 1, exit)
        assert exited.at - exceeded.at == pytest.approx(2)


async def test_what_it_was_doing_is_kept_with_its_exit(autojump_clock):
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5)))) as tree:
        tree.launcher.newest("a").evidence = Evidence(state="disk sleep", waits_in="the kernel")
        use(tree, "a", threads=9)
        await trio.sleep(1.5)
        assert tree.handle.status()["a"].last_exit.evidence == Evidence(state="disk sleep", waits_in="the kernel")


async def test_it_is_ended_also_if_nobody_can_say_what_it_is_doing(autojump_clock, monkeypatch):
    async def never(controls, dump=False):
        await trio.sleep_forever()

    monkeypatch.setattr(FakeControls, "evidence", never)
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5)))) as tree:
        use(tree, "a", threads=9)
        await trio.sleep(1.5)
        assert tree.handle.status()["a"].incarnation == 1
        await trio.sleep(1)
        exit = tree.handle.status()["a"].last_exit
        assert (exit.reason, exit.evidence) == (Reason.OVER_LIMIT, None)


async def test_a_stop_that_comes_before_it_is_ended_is_a_stop(autojump_clock, monkeypatch):
    async def never(controls, dump=False):
        await trio.sleep_forever()

    monkeypatch.setattr(FakeControls, "evidence", never)
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5)))) as tree:
        use(tree, "a", threads=9)
        await trio.sleep(1.5)
        await tree.handle["a"].stop()
        await trio.sleep(5)
        assert tree.handle.status()["a"].last_exit.reason is Reason.STOPPED


async def test_it_counts_as_a_crash(autojump_clock):
    spec = supervisor(child("a", limits=RestartAbove(threads=5), restart="transient"), max_restarts=0)
    with pytest.raises(ExceptionGroup, match=r"a: over limit .*: threads above 5: 9"):
        async with opened(spec) as tree:
            use(tree, "a", threads=9)
            await trio.sleep_forever()


async def test_a_limit_that_lasts_waits_for_its_time(autojump_clock):
    limit = RestartAbove(descriptors=100, for_=10)
    async with opened(supervisor(child("a", limits=limit))) as tree:
        use(tree, "a", open_files=200)
        await trio.sleep(9.5)
        assert tree.handle.status()["a"].incarnation == 1
        await trio.sleep(2.5)
        assert tree.handle.status()["a"].last_exit.why == "descriptors above 100 for 10 s: 200 for 10 s"


async def test_a_share_of_a_core_is_measured_between_samples(autojump_clock):
    async with opened(supervisor(child("a", limits=RestartAbove(cpu=0.5)))) as tree:
        use(tree, "a", cpu=1000.0)
        await trio.sleep(5.5)
        assert tree.handle.status()["a"].incarnation == 1
        use(tree, "a", cpu=1000.8)
        await trio.sleep(1)
        assert tree.handle.status()["a"].last_exit.why == "cpu above 0.5 of a core: 0.8 of a core"


async def test_a_warning_is_one_event_each_time_and_degrades(autojump_clock):
    limit = WarnAbove(memory="100M")
    async with opened(supervisor(child("a", limits=[limit]))) as tree:
        a = tree.handle.child("a")
        await trio.sleep(1.5)
        assert a.health() is tree.handle.health() is Health.HEALTHY
        tree.take()
        use(tree, "a", rss=300 * MIB)
        await trio.sleep(5)
        assert a.health() is tree.handle.health() is Health.DEGRADED
        use(tree, "a", rss=3 * MIB)
        await trio.sleep(5)
        assert a.health() is Health.HEALTHY
        use(tree, "a", rss=300 * MIB)
        await trio.sleep(5)
        assert of_limits(tree.events) == [
            ev.LimitWarned("a", 1, limit),
            ev.HealthChanged("a", Health.DEGRADED),
            ev.HealthChanged("a", Health.HEALTHY),
            ev.LimitWarned("a", 1, limit),
            ev.HealthChanged("a", Health.DEGRADED),
        ]
        assert of_limits(tree.events)[1].why == "memory above 100 MiB: 300 MiB"
        assert a.status().incarnation == 1


async def test_a_warning_before_it_is_ready_is_told_and_its_health_is_from_then_on(autojump_clock):
    spec = supervisor(child("a", limits=WarnAbove(threads=5), ready=TcpPort(1), autostart=False))
    async with opened(spec) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(tree.handle["a"].start)
        await settle()
        use(tree, "a", threads=9)
        await trio.sleep(2)
        assert tree.handle.child("a").health() is Health.UNKNOWN
        tree.launcher.newest("a").become_ready()
        await settle()
        assert tree.handle.child("a").health() is Health.DEGRADED
        assert of_limits(tree.events) == [ev.LimitWarned("a", 1, spec.children[0].limits[0])]


async def test_who_is_near_a_restart_is_degraded(autojump_clock):
    async with opened(supervisor(child("a", limits=[RestartAbove(threads=100)]))) as tree:
        use(tree, "a", threads=95)
        await trio.sleep(1.5)
        assert tree.handle.child("a").health() is Health.DEGRADED
        changed = tree.events[-1]
        assert isinstance(changed, ev.HealthChanged)
        assert changed.why == "threads near 100: 95"


async def test_an_old_child_is_replaced_to_the_moment_and_never_sampled(autojump_clock):
    async with opened(supervisor(child("a", limits=[RestartAbove(age=60), WarnAbove(age=30)]))) as tree:
        tree.take()
        began = trio.current_time()
        await trio.sleep(100)
        warned, degraded, exceeded = tree.events[:3]
        assert [type(event).__name__ for event in (warned, degraded, exceeded)] == [
            "LimitWarned", "HealthChanged", "LimitExceeded",
        ]  # fmt: skip
        assert warned.at - began == pytest.approx(30)
        assert exceeded.at - began == pytest.approx(60)
        status = tree.handle.status()["a"]
        assert status.last_exit.why == "age above 60 s: 60 s"
        assert (status.incarnation, status.uptime, status.sample) == (2, pytest.approx(40), None)


async def test_samples_are_in_the_status_of_who_has_limits(autojump_clock):
    async with opened(supervisor(child("a", limits=WarnAbove(cpu=9)), "b")) as tree:
        use(tree, "a", rss=77, threads=3)
        await trio.sleep(1.5)
        status = tree.handle.status()
        assert (status["a"].sample.rss, status["a"].sample.threads) == (77, 3)
        assert status["b"].sample is None
        await tree.handle["a"].stop()
        assert tree.handle.status()["a"].sample is None


async def test_over_two_limits_at_once_it_is_ended_once(autojump_clock):
    limits = [RestartAbove(threads=5), RestartAbove(memory=10)]
    async with opened(supervisor(child("a", limits=limits))) as tree:
        use(tree, "a", threads=9)
        await trio.sleep(1.5)
        assert [e for e in tree.events if isinstance(e, ev.LimitExceeded)] == [ev.LimitExceeded("a", 1, limits[0])]


async def test_a_stop_that_comes_in_between_is_a_stop(autojump_clock):
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5), stop=10))) as tree:
        tree.launcher.newest("a").stop_takes = 5
        use(tree, "a", threads=9)
        await trio.sleep(2)
        await tree.handle["a"].stop()
        assert tree.handle.status()["a"].last_exit.reason is Reason.STOPPED


async def test_who_is_being_stopped_is_left_alone(autojump_clock):
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5), stop=10))) as tree:
        tree.launcher.newest("a").stop_takes = 5
        use(tree, "a", threads=9)
        await tree.handle["a"].stop()
        assert tree.handle.status()["a"].last_exit.reason is Reason.STOPPED
        assert of_limits(tree.events) == []


async def test_limits_count_before_a_child_is_ready(autojump_clock):
    spec = supervisor(child("job", ready=Completes(), limits=RestartAbove(threads=5)))
    launcher = FakeLauncher()
    with pytest.raises(ExceptionGroup) as raised:
        async with trio.open_nursery() as nursery:

            async def grow():
                await settle()
                process = launcher.newest("job")
                process.sample = attrs.evolve(process.sample, threads=9)

            nursery.start_soon(grow)
            async with opened(spec, launcher):
                pass
    assert raised.group_contains(StartFailedError, match="threads above 5: 9")


async def test_a_pause_holds_the_clocks_of_limits(autojump_clock):
    limits = [RestartAbove(age=60), RestartAbove(threads=5, for_=10)]
    async with opened(supervisor(child("a", limits=limits), child("b", limits=limits[:1]))) as tree:
        use(tree, "a", threads=9)
        await trio.sleep(5.5)
        tree.handle.pause()
        await trio.sleep(1000)
        assert tree.handle.status()["a"].incarnation == 1
        tree.handle.resume()
        await trio.sleep(4)
        assert tree.handle.status()["a"].incarnation == 1
        await trio.sleep(2.5)
        assert tree.handle.status()["a"].last_exit.why == "threads above 5 for 10 s: 9 for 10.5 s"
        await trio.sleep(47.5)
        assert tree.handle.status()["b"].incarnation == 1
        await trio.sleep(1)
        assert tree.handle.status()["b"].last_exit.why == "age above 60 s: 60 s"


async def test_who_is_paused_while_it_is_sampled_is_left_alone(autojump_clock, monkeypatch):
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5)))) as tree:
        use(tree, "a", threads=9)
        launcher = tree.handle._root.tree.launcher
        real = launcher.sample_all

        async def pause_meanwhile(keys):
            found = await real(keys)
            if not tree.launcher.newest("a").is_paused:
                tree.handle.child("a").pause()
            return found

        monkeypatch.setattr(launcher, "sample_all", pause_meanwhile)
        await trio.sleep(50)
        assert tree.handle.status()["a"].incarnation == 1


async def test_nobody_with_limits_costs_nothing(autojump_clock):
    """The mock clock jumps as far as to the next moment at which something is to be done."""
    async with opened(supervisor("a", child("b", limits=RestartAbove(age=80_000)))) as tree:
        limiter = tree.handle._root.tree.limiter
        await settle()
        assert limiter._sleep.deadline == pytest.approx(trio.current_time() + 80_000)
        await tree.handle["b"].stop()
        await trio.sleep(80_000)
        await settle()
        assert limiter._sleep.deadline == float("inf")


async def test_a_launcher_that_finds_nobody_does_no_harm(autojump_clock, monkeypatch):
    async with opened(supervisor(child("a", limits=RestartAbove(threads=5)))) as tree:

        async def nobody(keys):
            await trio.lowlevel.checkpoint()
            return {}

        monkeypatch.setattr(tree.handle._root.tree.launcher, "sample_all", nobody)
        await trio.sleep(5)
        assert tree.handle.status()["a"].state is State.READY


# -- health ------------------------------------------------------------------------------------------------------------


async def test_a_child_that_nothing_judges_is_unknown(autojump_clock):
    async with opened(supervisor("a", child("b", ready=TcpPort(1))), FakeLauncher(_ready_at_once)) as tree:
        status = tree.handle.status()
        assert (status["a"].health, status["b"].health) == (Health.UNKNOWN, Health.HEALTHY)
        assert tree.handle.health() is Health.UNKNOWN


def _ready_at_once(key, spec):
    return Script(ready_after=0)


async def test_what_is_down_after_a_crash_is_unhealthy_and_what_was_stopped_does_not_count(autojump_clock):
    b = child("b", ready=TcpPort(1))
    backed_off = attrs.evolve(child("a"), backoff=child("x").backoff)
    async with opened(supervisor(backed_off, b, max_restarts=9), FakeLauncher(_ready_at_once)) as tree:
        tree.launcher.plan("a", Script(launch_takes=5))
        await tree.crash("a")
        assert tree.handle.child("a").health() is Health.UNKNOWN  # it is starting
        await tree.handle["a"].stop()
        assert tree.handle.health() is Health.HEALTHY


async def test_a_supervisor_that_gave_up_is_unhealthy(autojump_clock):
    inner = supervisor("x", name="inner", max_restarts=0, restart="transient")
    async with opened(supervisor(inner, "b", max_restarts=9)) as tree:
        tree.launcher.plan("inner/x", Script(launch_takes=50))
        await tree.crash("inner/x")
        assert tree.handle.supervisor("inner").health() is Health.UNKNOWN
        await tree.handle["inner"].stop()
        assert tree.handle.supervisor("inner").health() is Health.UNKNOWN


async def test_a_child_in_its_backoff_is_unhealthy(autojump_clock):
    async with opened(supervisor(child("a", backoff=Backoff(initial=5, immediate=0)))) as tree:
        await tree.crash("a")
        assert tree.handle.child("a").health() is tree.handle.health() is Health.UNHEALTHY
        await trio.sleep(6)
        assert tree.handle.child("a").health() is Health.UNKNOWN
