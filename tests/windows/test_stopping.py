"""How a child on Windows is asked, ended, held still and looked at; and what is said when that cannot be."""

import errno

import pytest
import trio
from tests.edge.recorder import PATIENCE, Lab, until
from tests.windows.conftest import open_with
from tests.windows.fake import FakeJob
from tests.windows.processes import CONTROL_C_EXIT
from tests.windows.programs import sleeps

from regrow._specs.protocol import Launched, Lost, Stuck
from regrow._specs.stop import KILL, Signal, Stop, To
from regrow.testing import children


def process_of(windows, life):
    return windows.processes[life.pid]


async def test_it_says_what_contains_it(lab):
    life = await lab.launch(children.sleeps())
    assert life.facts[0] == Launched(life.pid, "job")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_a_polite_signal_is_ctrl_break_for_its_group(lab, windows, name):
    life = await lab.launch(children.leaves("group", stays=True))
    await life.wait_printed(b"\n")
    await life.controls.stop(Stop(steps=[Signal(name)]))
    assert windows.breaks == [life.pid]
    assert (life.exited.code, life.exited.asked, life.exited.killed) == (CONTROL_C_EXIT, True, False)
    assert not windows.alive


async def test_a_kill_has_an_exit_code_by_which_it_is_known(lab, windows):
    life = await lab.launch(children.ignores_sigterm())
    await life.wait_printed(b"armed")
    await life.controls.stop(KILL)
    assert (life.exited.code, life.exited.signal, life.exited.killed) == (137, None, True)
    assert windows.breaks == []


async def test_who_ends_by_itself_with_another_code_while_it_is_killed_was_not_killed(lab, windows):
    life = await lab.launch(children.sleeps())
    process_of(windows, life).terminate(5)
    await life.controls.stop(KILL)
    assert (life.exited.code, life.exited.killed) == (5, False)


async def test_without_a_console_nobody_waits_for_what_cannot_be_heard(windows):
    windows.console = False
    with windows.running():
        async with open_with(windows) as opened:
            lab = Lab(opened)
            life = await lab.launch(children.sleeps())
            assert not process_of(windows, life).program.with_console
            with pytest.raises(OSError, match="Ctrl-Break goes by the console"):
                life.controls.signal("SIGTERM")
            with trio.fail_after(PATIENCE):
                await life.controls.stop(Stop(grace=3600))
            assert life.exited.killed
            assert windows.breaks == []


async def test_a_signal_that_windows_does_not_have_is_refused_in_words(lab):
    life = await lab.launch(children.sleeps())
    with pytest.raises(OSError, match="only SIGTERM, SIGINT, SIGBREAK and SIGKILL") as caught:
        life.controls.signal("SIGUSR1")
    assert caught.value.errno == errno.ENOTSUP


async def test_a_step_that_windows_does_not_have_is_passed_over(lab, windows):
    life = await lab.launch(children.sleeps())
    with trio.fail_after(PATIENCE):
        await life.controls.stop(Stop(steps=[Signal("SIGUSR1"), Signal("SIGTERM")], grace=3600))
    assert life.exited.code == CONTROL_C_EXIT


async def test_nobody_is_sent_ctrl_break_when_the_root_of_the_group_has_ended(lab, windows):
    life = await lab.launch(children.leaves(), strays=3600)
    await life.wait_printed(b"\n")
    await until(lambda: not windows.is_alive(life.pid))
    life.controls.signal("SIGTERM")
    assert windows.breaks == []
    await life.controls.stop(KILL)


async def test_sigkill_ends_the_main_process_alone_or_all_of_its_job(lab, windows):
    life = await lab.launch(children.leaves("session", stays=True), strays="keep")
    await life.wait_printed(b"\n")
    life.controls.signal("SIGKILL", To.MAIN)
    assert (await life.wait_exited()).code == 137
    assert [process.pid for process in windows.alive] == [int(life.stdout.split()[1])]
    life = await lab.launch(children.leaves("session", stays=True), strays="keep")
    await life.wait_printed(b"\n")
    life.controls.signal("SIGKILL", To.TREE)
    await life.wait_exited()
    assert len(windows.alive) == 1  # that of the first one


async def test_kept_strays_end_with_the_launcher(windows):
    with windows.running():
        async with open_with(windows) as opened:
            life = await Lab(opened).launch(children.leaves(), strays="keep")
            await life.wait_exited()
            assert len(windows.alive) == 1
        await until(lambda: not windows.alive)
        assert windows.left() == {}


async def test_the_main_process_is_none_of_its_strays_although_its_job_counts_it_for_a_moment(lab, windows):
    windows.ends_late = 0.02
    life = await lab.launch(children.exits(3))
    assert (await life.wait_exited()).strays == 0


async def test_a_stop_gives_strays_no_time_of_their_own(lab, windows):
    life = await lab.launch(children.leaves(stays=True), strays=3600)
    await life.wait_printed(b"\n")
    with trio.fail_after(PATIENCE):
        await life.controls.stop(Stop(grace=3600))
    assert life.exited.code == CONTROL_C_EXIT
    assert not windows.alive


async def test_nobody_complains_of_strays_that_have_ended(lab):
    life = await lab.launch(children.leaves(), stop=Stop(kill_wait=0.05))
    assert (await life.wait_exited()).strays == 1
    await trio.sleep(0.1)  # for a fact that should not come: `report` would refuse it


# -- what does not die -------------------------------------------------------------------------------------------------


async def test_one_that_cannot_be_ended_is_stuck_and_its_exit_still_comes(lab, windows):
    life = await lab.launch(children.sleeps())
    process_of(windows, life).is_unkillable = True
    await life.controls.stop(Stop(steps=(), kill_wait=0.05))
    (stuck,) = (fact for fact in life.facts if isinstance(fact, Stuck))
    assert stuck.why == "1 of its processes are still in its job after the kill"
    process_of(windows, life).is_unkillable = False
    process_of(windows, life).terminate(137)
    assert (await life.wait_exited()).killed


async def test_a_stray_that_cannot_be_ended_is_complained_of_and_holds_up_the_exit(lab, windows):
    life = await lab.launch(children.leaves(stays=True), stop=Stop(kill_wait=0.05))
    await life.wait_printed(b"\n")
    stray = windows.processes[int(life.stdout.split()[1])]
    stray.is_unkillable = True
    process_of(windows, life).terminate(0)
    await life.wait_for(lambda: life.has(Stuck))
    assert not life.is_over
    stray.is_unkillable = False
    stray.terminate(137)
    assert (await life.wait_exited()).strays == 1


async def test_what_does_not_end_with_its_launcher_is_lost(windows, monkeypatch):
    monkeypatch.setattr("regrow._edge.opened._END", 0.1)
    with windows.running():
        async with open_with(windows) as opened:
            life = await Lab(opened).launch(children.sleeps())
            process_of(windows, life).is_unkillable = True
        assert isinstance(life.facts[-1], Lost)
        await until(lambda: windows.left() == {})
        process_of(windows, life).is_unkillable = False
        process_of(windows, life).terminate(1)


# -- held still --------------------------------------------------------------------------------------------------------


async def test_all_of_its_job_is_held_still_and_each_is_let_go_once(lab, windows):
    life = await lab.launch(children.leaves("session", stays=True))
    await life.wait_printed(b"\n")
    for _ in range(2):
        life.controls.pause()
    assert [process.is_suspended for process in windows.alive] == [True, True]
    evidence = await life.controls.evidence()
    assert (evidence.state, evidence.sample.descendants) == ("stopped", 1)
    for _ in range(2):
        life.controls.resume()
    assert [process.is_suspended for process in windows.alive] == [False, False]
    assert (await life.controls.evidence()).state == "running"


async def test_who_was_held_by_somebody_else_stays_so(lab, windows):
    life = await lab.launch(children.sleeps())
    process = process_of(windows, life)
    process.suspend(1)
    life.controls.pause()
    life.controls.resume()
    assert process.is_suspended
    life.controls.resume()
    assert process.is_suspended


async def test_who_is_born_while_the_others_are_held_is_held_too(lab, windows, monkeypatch):
    life = await lab.launch(children.sleeps())
    process = process_of(windows, life)
    suspend = windows.suspend_process
    born = []

    def and_bear(handle):
        suspend(handle)
        if not born:
            born.append(windows.fork(process, sleeps))

    monkeypatch.setattr(windows, "suspend_process", and_bear)
    life.controls.pause()
    assert born[0].is_suspended


async def test_a_stranger_that_was_given_the_number_of_one_of_ours_is_not_touched(lab, windows, monkeypatch):
    life = await lab.launch(children.leaves(stays=True))
    await life.wait_printed(b"\n")
    member = int(life.stdout.split()[1])
    stranger = windows.fork(process_of(windows, life), sleeps)
    for job in stranger.jobs:
        job.members.discard(stranger)
    stranger.jobs = []
    opens = windows.open_process
    monkeypatch.setattr(windows, "open_process", lambda pid: opens(stranger.pid if pid == member else pid))
    life.controls.pause()
    assert not stranger.is_suspended
    assert process_of(windows, life).is_suspended
    life.controls.resume()
    stranger.terminate(0)


async def test_one_that_ends_while_the_others_are_held_is_passed_over(lab, windows, monkeypatch):
    life = await lab.launch(children.leaves(stays=True))
    await life.wait_printed(b"\n")
    opens = windows.open_process

    def open_process(pid):
        if pid != life.pid:
            windows.processes[pid].terminate(0)
        return opens(pid)

    monkeypatch.setattr(windows, "open_process", open_process)
    life.controls.pause()
    assert process_of(windows, life).is_suspended


async def test_one_that_is_held_hears_what_it_is_asked(lab, windows):
    life = await lab.launch(children.stops_slowly(0.0))
    await life.wait_printed(b"armed")
    life.controls.pause()
    with trio.fail_after(PATIENCE):
        await life.controls.stop(Stop(grace=3600))
    assert (life.exited.code, life.exited.killed) == (0, False)


async def test_one_that_is_held_can_be_killed(lab, windows):
    life = await lab.launch(children.sleeps())
    life.controls.pause()
    await life.controls.stop(KILL)
    assert life.exited.killed


# -- looking -----------------------------------------------------------------------------------------------------------


async def test_usage_and_samples_are_those_of_the_job(lab, windows):
    life = await lab.launch(children.leaves(stays=True))
    await life.wait_printed(b"\n")
    for job in process_of(windows, life).jobs:
        job.user, job.system = 1.5, 0.25
    sample = await life.controls.sample()
    assert (sample.rss, sample.cpu, sample.descendants, sample.threads) == (2_000_000, 1.75, 1, 2)
    await life.controls.stop(KILL)
    usage = life.exited.usage
    assert (usage.user, usage.system, usage.max_rss, usage.minor_faults) == (1.5, 0.25, 5_000_000, 2)


async def test_a_job_tells_nobody_any_more_when_it_is_given_back(lab, windows):
    life = await lab.launch(children.sleeps())
    own = process_of(windows, life).jobs[1]
    assert isinstance(own, FakeJob)
    await life.controls.stop(KILL)
    assert own.port is None
