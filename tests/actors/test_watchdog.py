"""What a silence becomes: a warning, an end, or nothing; on fakes and a mock clock."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from tests.actors.helpers import Opened, brief, child, opened, settle, supervisor

from regrow import DynamicSpec, HangPolicy, InvalidSpecError
from regrow import events as ev
from regrow._actors.checking import check_spec
from regrow._specs.facts import Activity, Evidence, Leaving, SourceFailed, Triggered
from regrow.activity import CpuProgress, Heartbeat
from regrow.exceptions import InvalidStateError
from regrow.limits import RestartAbove
from regrow.testing import FakeLauncher, Script

POLICY = HangPolicy(warn_after=30, terminate_after=35, kill_after=60, activity=Heartbeat())


def watched(name: str = "w", hang: object = POLICY, **settings):
    return child(name, hang=hang, **settings)


def hangs(tree: Opened) -> list[tuple[float, str]]:
    """What the watchdog has done, and when."""
    return [(round(event.at - tree.events[0].at, 1), words(event)) for event in tree.events if words(event)]


def words(event: ev.Event) -> str:
    match event:
        case ev.HangSuspected(path, idle=idle):
            return f"{path} suspected {idle:g}"
        case ev.ChildHung(path, idle=idle, step=step):
            return f"{path} {step} {idle:.2g}"
        case ev.ChildActive(path):
            return f"{path} active"
        case ev.ChildExited():
            return brief(event)
        case ev.WatchdogLate(by=by):
            return f"late {by:g}"
        case ev.ActivityFailed(source=source, why=why, count=count):
            return f"{source} failed: {why} ({count})"
        case _:
            return ""


async def test_a_silent_child_is_warned_of_then_ended_then_restarted(autojump_clock):
    async with opened(supervisor(watched())) as tree:
        await trio.sleep(36)
        assert hangs(tree) == [(30, "w suspected 30"), (35, "w terminate 35"), (35, "w hung")]
        assert tree.running() == ["w#2"]
        assert tree.launcher.processes[0].signals == ["SIGTERM"]


async def test_its_exit_says_how_long_it_was_idle_and_has_the_evidence(autojump_clock):
    async with opened(supervisor(watched(restart="temporary"))) as tree:
        process = tree.launcher.newest("w")
        process.evidence = Evidence(state="stopped", stack="line 7")
        await trio.sleep(1)
        process.beat()
        exit = await tree.handle["w"].wait_exit()
        assert exit.reason == "hung"
        assert exit.reason.is_abnormal
        assert exit.why == "no sign of life for 35 s; the last one was heartbeat"
        assert exit.evidence == Evidence(state="stopped", stack="line 7")


async def test_one_that_beats_is_left_alone(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(beats_every=20))
    async with opened(supervisor(watched()), launcher) as tree:
        await trio.sleep(3600)
        assert hangs(tree) == []


async def test_one_that_stops_beating_is_ended_to_the_moment(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(beats_every=7, beats_for=100))
    async with opened(supervisor(watched(restart="temporary")), launcher) as tree:
        await trio.sleep(200)
        assert hangs(tree) == [(128, "w suspected 30"), (133, "w terminate 35"), (133, "w hung")]


async def test_one_that_beats_again_after_the_warning_is_active(autojump_clock):
    async with opened(supervisor(watched())) as tree:
        await trio.sleep(31)
        tree.launcher.newest("w").beat()
        await trio.sleep(20)
        assert [what for _, what in hangs(tree)] == ["w suspected 30", "w active"]
        assert tree.handle.status()["w"].health == "healthy"


async def test_a_touch_is_a_sign_of_life(autojump_clock):
    async with opened(supervisor(watched(hang=HangPolicy(warn_after=10, terminate_after=20)))) as tree:
        await trio.sleep(9)
        tree.handle["w"].touch()
        await trio.sleep(12)
        tree.handle["w"].touch()
        assert hangs(tree) == [(19, "w suspected 10"), (21, "w active")]
        await trio.sleep(21)
        assert hangs(tree)[2:] == [(31, "w suspected 10"), (41, "w terminate 20"), (41, "w hung")]


async def test_the_status_says_how_idle_it_is_and_by_what(autojump_clock):
    async with opened(supervisor(watched(), "b")) as tree:
        await trio.sleep(7)
        assert (tree.handle["w"].status().idle, tree.handle["w"].status().activity) == (7, "")
        tree.handle["w"].touch()
        await trio.sleep(3)
        status = tree.handle.status()
        assert (status["w"].idle, status["w"].activity) == (3, "touch")
        assert (status["b"].idle, status["b"].activity) == (None, "")


async def test_a_touch_takes_a_process(autojump_clock):
    async with opened(supervisor(child("w", autostart=False))) as tree:
        with pytest.raises(InvalidStateError, match="touch"):
            tree.handle["w"].touch()


async def test_what_a_launcher_tells_by_itself_counts(autojump_clock):
    async with opened(supervisor(watched())) as tree:
        await trio.sleep(29)
        tree.launcher.newest("w").tell(Activity("elsewhere", 5))
        await trio.sleep(24)
        assert hangs(tree) == []
        await trio.sleep(2)
        assert hangs(tree) == [(54, "w suspected 30")]
        assert [event.source for event in tree.events if isinstance(event, ev.HangSuspected)] == ["elsewhere"]


async def test_an_old_sign_changes_nothing(autojump_clock):
    async with opened(supervisor(watched())) as tree:
        await trio.sleep(29)
        tree.launcher.newest("w").tell(Activity("elsewhere", 29))
        await trio.sleep(2)
        assert hangs(tree) == [(30, "w suspected 30")]


async def test_a_stubborn_one_is_killed_when_its_grace_is_over(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ignores="SIGTERM"))
    async with opened(supervisor(watched(restart="temporary", stop=3)), launcher) as tree:
        await trio.sleep(100)
        assert hangs(tree)[1:] == [(35, "w terminate 35"), (38, "w kill 38"), (38, "w hung")]


async def test_kill_after_is_an_upper_bound_of_the_grace(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ignores="SIGTERM"))
    async with opened(supervisor(watched(restart="temporary", stop=100)), launcher) as tree:
        await trio.sleep(100)
        assert hangs(tree)[1:] == [(35, "w terminate 35"), (60, "w kill 60"), (60, "w hung")]
        assert launcher.processes[0].signals == ["SIGTERM", "SIGKILL"]


async def test_without_a_terminate_it_is_killed_without_asking(autojump_clock):
    policy = HangPolicy(warn_after=None, kill_after=10)
    async with opened(supervisor(watched(hang=policy, restart="temporary"))) as tree:
        await trio.sleep(11)
        assert hangs(tree) == [(10, "w kill 10"), (10, "w hung")]
        assert tree.launcher.processes[0].signals == ["SIGKILL"]


async def test_auto_kill_false_warns_twice_and_never_kills(autojump_clock):
    policy = HangPolicy(warn_after=10, terminate_after=20, kill_after=30, auto_kill=False)
    async with opened(supervisor(watched(hang=policy))) as tree:
        await trio.sleep(3600)
        assert hangs(tree) == [(10, "w suspected 10"), (30, "w suspected 30")]
        assert tree.handle.status()["w"].health == "degraded"


async def test_one_that_is_not_ready_is_not_watched(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ready_after=100))
    spec = watched(start_timeout=1000, hang=HangPolicy(warn_after=10))
    async with opened(supervisor(spec), launcher) as tree:
        await trio.sleep(11)
        assert hangs(tree) == [(110, "w suspected 10")]


async def test_the_start_grace_counts_from_the_launch(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ready_after=20))
    spec = watched(hang=HangPolicy(warn_after=10, start_grace=50))
    async with opened(supervisor(spec), launcher) as tree:
        tree.launcher.newest("w").tell(Activity("elsewhere", 0))  # a sign of life, from before it counts
        await trio.sleep(100)
        assert hangs(tree) == [(60, "w suspected 10")]


async def test_one_that_a_limit_was_ending_before_it_was_ready_is_left_to_that(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ready_after=5, ignores="SIGTERM"))
    spec = watched(stop=100, restart="temporary", limits=[RestartAbove(age=3)], hang=HangPolicy(warn_after=10))
    async with opened(supervisor(spec), launcher) as tree:
        await trio.sleep(200)
        assert hangs(tree) == [(103, "w over_limit")]


async def test_one_that_is_being_stopped_is_left_to_that(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(stop_takes=50))
    async with opened(supervisor(watched(stop=100)), launcher) as tree:
        await trio.sleep(29)
        await tree.handle["w"].stop()
        assert hangs(tree) == [(79, "w stopped")]


async def test_a_stop_takes_over_from_the_watchdog(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ignores="SIGTERM"))
    async with opened(supervisor(watched(stop=10)), launcher) as tree:
        await trio.sleep(36)
        await tree.handle["w"].stop()
        assert hangs(tree)[1:] == [(35, "w terminate 35"), (45, "w stopped")]


async def test_one_that_dies_by_itself_in_that_moment_has_crashed(autojump_clock):
    async with opened(supervisor(watched(restart="temporary"))) as tree:
        await trio.sleep(34.9)
        tree.launcher.newest("w").exit(1)
        await trio.sleep(1)
        assert [what for _, what in hangs(tree)] == ["w suspected 30", "w crashed"]


async def test_one_that_had_died_when_it_was_judged_has_crashed(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(exit_after=34.9, exit_code=1, strays=1))
    async with opened(supervisor(watched(restart="temporary", strays=5)), launcher) as tree:
        await trio.sleep(50)
        assert [what for _, what in hangs(tree)] == ["w suspected 30", "w terminate 35", "w crashed"]


async def test_time_in_a_pause_is_no_silence(autojump_clock):
    async with opened(supervisor(watched())) as tree:
        await trio.sleep(29)
        tree.handle["w"].pause()
        await trio.sleep(1000)
        assert hangs(tree) == []
        tree.handle["w"].resume()
        await trio.sleep(2)
        assert hangs(tree) == [(1030, "w suspected 30")]


@pytest.mark.parametrize("how", ["touched", "in its start grace", "twice"])
async def test_a_pause_stops_the_clock_of_one_that_is(how, autojump_clock):
    grace = 50 if how == "in its start grace" else 0
    async with opened(supervisor(watched(hang=HangPolicy(warn_after=30, start_grace=grace)))) as tree:
        await trio.sleep(20)
        tree.handle["w"].pause()
        await trio.sleep(100)
        if how == "touched":
            tree.handle["w"].touch()
        await trio.sleep(100)
        tree.handle["w"].resume()
        if how == "twice":
            tree.handle["w"].pause()
            await trio.sleep(1000)
            tree.handle["w"].resume()
        await trio.sleep(100)
        due = {"touched": 250, "in its start grace": 280, "twice": 1230}
        assert hangs(tree) == [(due[how], "w suspected 30")]


async def test_one_that_leaves_has_the_time_of_a_stop(autojump_clock):
    async with opened(supervisor(watched(stop=50, restart="temporary"))) as tree:
        await trio.sleep(20)
        tree.launcher.newest("w").tell(Leaving())
        await trio.sleep(100)
        told = ["w suspected 75", "w terminate 75", "w hung"]
        assert hangs(tree) == [(75, what) for what in told]


@pytest.mark.parametrize("is_warned", [False, True])
async def test_one_that_asks_for_it_is_hung_at_once(is_warned, autojump_clock):
    async with opened(supervisor(watched(restart="temporary"))) as tree:
        await trio.sleep(32 if is_warned else 3)
        tree.launcher.newest("w").beat()
        tree.launcher.newest("w").tell(Triggered())
        await trio.sleep(1)
        assert [what for _, what in hangs(tree)][-1] == "w hung"
        assert tree.events[-1].at - tree.events[0].at == (32 if is_warned else 3)


async def test_where_only_warnings_are_wanted_it_is_warned_of(autojump_clock):
    async with opened(supervisor(watched(hang=HangPolicy(warn_after=30, activity=Heartbeat())))) as tree:
        await trio.sleep(3)
        tree.launcher.newest("w").tell(Triggered())
        await trio.sleep(1)
        assert hangs(tree) == [(3, "w suspected 3")]
        tree.launcher.newest("w").beat()
        await trio.sleep(40)
        assert [what for _, what in hangs(tree)][1:] == ["w active", "w suspected 30"]


async def test_who_was_not_asked_is_not_watched(autojump_clock):
    async with opened(supervisor("w")) as tree:
        for fact in (Triggered(), Leaving(), SourceFailed("x", "y"), Activity("x", 0)):
            tree.launcher.newest("w").tell(fact)
        await trio.sleep(1000)
        assert hangs(tree) == []


async def test_the_default_is_that_of_the_supervisor(autojump_clock):
    spec = supervisor("a", watched("b", hang="never"), watched("c", hang=HangPolicy(warn_after=7)), hang=POLICY)
    async with opened(spec) as tree:
        await trio.sleep(31)
        assert hangs(tree) == [(7, "c suspected 7"), (30, "a suspected 30")]
        assert tree.handle["a"].spec.hang is None


def test_what_cannot_be_had_of_the_default_is_refused_too():
    spec = supervisor(
        "a", watched("b", hang="never"), DynamicSpec(name="d", template=child("t"), hang=POLICY), hang=POLICY
    )
    launcher = FakeLauncher(problems=lambda spec: [f"{spec.name} beats"] if isinstance(spec.hang, HangPolicy) else [])
    with pytest.raises(InvalidSpecError) as refused:
        check_spec(spec, "app", launcher)
    assert [problem.place for problem in refused.value.problems] == ["app/a", "app/d"]


# -- sources that take their time --------------------------------------------------------------------------------------

LOOKS = HangPolicy(warn_after=8, terminate_after=12, activity=CpuProgress())


async def test_what_must_be_looked_at_is_looked_at_every_quarter(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(beats_every=1.9, beats_for=20))
    async with opened(supervisor(watched(hang=LOOKS, restart="temporary")), launcher) as tree:
        await trio.sleep(100)
        assert [what for _, what in hangs(tree)] == ["w suspected 8", "w terminate 12", "w hung"]


async def test_one_that_is_never_answered_for_delays_nobody(autojump_clock):
    asked_often = HangPolicy(warn_after=1000, look_every=0.7, activity=CpuProgress())
    async with opened(supervisor(watched("a", hang=asked_often), watched("b", restart="temporary"))) as tree:
        tree.launcher.newest("a").answers_after = float("inf")
        await trio.sleep(36)
        told = hangs(tree)
        assert (35, "b terminate 35") in told
        assert (35, "b hung") in told
        assert any("launcher failed: did not answer" in what for _, what in told)


async def test_one_that_beats_is_asked_once_in_so_long(monkeypatch, autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(beats_every=1))
    async with opened(supervisor(watched()), launcher) as tree:
        (actor,) = tree.handle._root.tree.processes
        activity, asked = actor.running.activity, []

        async def counted():
            asked.append(trio.current_time())
            return await activity()

        monkeypatch.setattr(actor.running, "activity", counted)
        for _ in range(20):
            tree.handle["w"].pause()
            tree.handle["w"].resume()
        await trio.sleep(600)
        assert 15 <= len(asked) <= 25
        assert len(tree.handle._root.tree.watchdog._places) == 1  # plans that were changed are not kept


async def test_a_source_that_fails_is_announced_and_counted(autojump_clock):
    async with opened(supervisor(watched())) as tree:
        for _ in range(2):
            tree.launcher.newest("w").tell(SourceFailed("callback f", "it raised"))
        assert [what for _, what in hangs(tree)] == [
            "callback f failed: it raised (1)",
            "callback f failed: it raised (2)",
        ]


class Broken:
    """Controls that raise when they are asked."""

    def __init__(self, controls):
        self._controls = controls

    def __getattr__(self, name):
        return getattr(self._controls, name)

    async def activity(self):
        raise RuntimeError("no idea")

    async def evidence(self, dump=False) -> Evidence | None:
        raise RuntimeError("no idea")


async def test_a_launcher_that_raises_harms_nobody_else(autojump_clock):
    async with opened(supervisor(watched(restart="temporary"), "b")) as tree:
        actor = next(process for process in tree.handle._root.tree.processes if process.spec.name == "w")
        actor.running = Broken(actor.running)
        await trio.sleep(40)
        told = [what for _, what in hangs(tree)]
        assert "launcher failed: RuntimeError('no idea') (1)" in told
        assert told[-1] == "w hung"
        assert tree.running() == ["b#1"]


class Answers(Broken):
    """Controls that are heard of while they are examined."""

    def __init__(self, controls, process):
        super().__init__(controls)
        self._process = process

    async def activity(self):
        return await self._controls.activity()

    async def evidence(self, dump=False) -> Evidence | None:
        await trio.sleep(1)
        if not self._process.signals:
            self._process.beat()
        return Evidence(state="sleeping")


async def test_one_that_is_heard_of_while_it_is_examined_is_left_alone(autojump_clock):
    policy = HangPolicy(warn_after=None, terminate_after=10, activity=Heartbeat())
    async with opened(supervisor(watched(hang=policy))) as tree:
        process = tree.launcher.newest("w")
        (actor,) = tree.handle._root.tree.processes
        actor.running = Answers(actor.running, process)
        await trio.sleep(100)
        assert hangs(tree) == []
        assert process.signals == []


async def test_what_waits_to_be_read_counts(monkeypatch, autojump_clock):
    async with opened(supervisor(watched())) as tree:
        process = tree.launcher.newest("w")
        (actor,) = tree.handle._root.tree.processes
        activity = actor.running.activity

        async def reads_when_asked():
            found = await activity()
            process.beat()
            return found

        monkeypatch.setattr(actor.running, "activity", reads_when_asked)
        await trio.sleep(100)
        assert hangs(tree) == []


async def test_examining_it_delays_no_end_where_there_was_a_warning(monkeypatch, autojump_clock):
    policy = HangPolicy(warn_after=5, terminate_after=10)
    async with opened(supervisor(watched(hang=policy, restart="temporary"))) as tree:
        (actor,) = tree.handle._root.tree.processes
        asked = []
        evidence = actor.running.evidence

        async def slow(dump=False):
            asked.append(dump)
            await trio.sleep(2 if dump else 0)
            return await evidence(dump=dump)

        monkeypatch.setattr(actor.running, "evidence", slow)
        await trio.sleep(11)
        assert hangs(tree)[-1] == (10, "w hung")
        assert asked == [True, False]


@pytest.mark.parametrize("dump", [True, False])
async def test_evidence_that_never_comes_is_not_waited_for(dump, monkeypatch, autojump_clock):
    policy = HangPolicy(warn_after=None, terminate_after=10, dump=dump)
    async with opened(supervisor(watched(hang=policy, restart="temporary"))) as tree:
        (actor,) = tree.handle._root.tree.processes

        async def never(dump=False):
            await trio.sleep_forever()

        monkeypatch.setattr(actor.running, "evidence", never)
        await trio.sleep(20)
        assert hangs(tree) == [(12.5, "w terminate 12"), (12.5, "w hung")]


async def test_what_is_over_leaves_no_place_behind(autojump_clock):
    async with opened(supervisor(watched(), max_restarts=1000)) as tree:
        for _ in range(300):
            await tree.crash("w")
        watchdog = tree.handle._root.tree.watchdog
        assert len(watchdog._watches) == 1
        assert len(watchdog._places) < 100


# -- who is late -------------------------------------------------------------------------------------------------------


async def test_who_wakes_up_late_gives_every_child_its_time_again(mock_clock):
    async with opened(supervisor(watched("a"), watched("b", hang=LOOKS))) as tree:
        await settle()
        mock_clock.jump(1000)
        await settle()
        assert hangs(tree)[0] == (1000, "late 998")
        mock_clock.autojump_threshold = 0
        await trio.sleep(7.9)
        assert len(hangs(tree)) == 1
        await trio.sleep(22.2)
        assert (1030, "a suspected 30") in hangs(tree)


async def test_one_that_is_paused_has_its_own_time(mock_clock):
    async with opened(supervisor(watched("a"), watched("b"))) as tree:
        await trio.testing.wait_all_tasks_blocked()
        tree.handle["a"].pause()
        mock_clock.jump(1000)
        await settle()
        assert hangs(tree) == [(1000, "late 992.5")]
        tree.handle["a"].resume()
        mock_clock.autojump_threshold = 0
        await trio.sleep(31)
        assert sorted(hangs(tree)[1:]) == [(1030, "a suspected 30"), (1030, "b suspected 30")]


async def test_late_for_nobody_is_not_late(mock_clock):
    async with opened(supervisor(watched())) as tree:
        await tree.handle["w"].stop()
        mock_clock.jump(1000)
        await settle()
        assert hangs(tree) == [(0, "w stopped")]


async def test_a_little_late_is_not_late(mock_clock):
    async with opened(supervisor(watched("a", hang=HangPolicy(warn_after=10)))) as tree:
        await settle()
        for seconds in (2.5, 2.5, 2.5, 3.4):
            mock_clock.jump(seconds)
            await settle()
        assert hangs(tree) == [(10.9, "a suspected 10.9")]


async def test_who_was_held_is_late_even_if_nothing_was_due(mock_clock):
    async with opened(supervisor(watched("a", hang=HangPolicy(warn_after=30)))) as tree:
        await settle()
        mock_clock.jump(29)  # whoever touches it was held as well, and has not come to it yet
        await settle()
        assert hangs(tree) == [(29, "late 21.5")]
        tree.handle["a"].touch()
        mock_clock.autojump_threshold = 0
        await trio.sleep(29)
        assert len(hangs(tree)) == 1


async def test_ten_stubborn_ones_are_ended_together(autojump_clock):
    launcher = FakeLauncher(lambda key, spec: Script(ignores="SIGTERM"))
    names = [f"w{number}" for number in range(10)]
    spec = supervisor(*[watched(name, restart="temporary", stop=2) for name in names], order="together")
    async with opened(spec, launcher) as tree:
        await trio.sleep(100)
        assert [when for when, what in hangs(tree) if what.endswith("hung")] == [37] * 10
