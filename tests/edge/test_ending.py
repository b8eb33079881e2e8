"""How an end is seen, what it says, and what goes with it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio
from tests.edge.forms import only_group
from tests.edge.pidfds import needs_pidfd
from tests.edge.recorder import DAEMON, PATIENCE, SLEEPS, Life, is_alive, kill, python, sh, until, wait_dead
from trio.testing import wait_all_tasks_blocked

from regrow._edge.grouping import handle as handles
from regrow._edge.grouping import strays
from regrow._edge.grouping.pidfd import remembered_status
from regrow._edge.holding import Ending
from regrow._specs.protocol import Exited
from regrow._specs.stop import KILL, Stop

assert sys.platform != "win32"


@pytest.mark.parametrize(("script", "code", "name"), [("exit 7", 7, None), ("kill -9 $$", None, "SIGKILL")])
async def test_an_end_has_a_code_or_a_signal(script, code, name, lab):
    exited = await (await lab.launch(sh(script))).wait_exited()
    assert (exited.code, exited.signal, exited.asked, exited.killed) == (code, name, False, False)


def dumps_core() -> bool:
    """Whether a process of ours that crashes leaves a core in its directory."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    return not pattern.startswith("|") and resource.getrlimit(resource.RLIMIT_CORE)[1] != 0


@pytest.mark.skipif(not dumps_core(), reason="cores go elsewhere here")
async def test_a_core_is_said_to_be_dumped_if_the_kernel_says_so(lab, tmp_path):
    for limit in ("0", "unlimited"):
        life = await lab.launch(sh(f"ulimit -c {limit}; kill -QUIT $$"), cwd=tmp_path)
        exited = await life.wait_exited()
        assert (exited.signal, exited.core_dumped) == ("SIGQUIT", limit != "0")


async def test_an_end_tells_what_was_used(lab):
    life = await lab.launch(python("while os.times().user < 0.1: pass"))
    usage = (await life.wait_exited()).usage
    assert 0.05 < usage.user < 5  # clocks count in different ways
    assert usage.minor_faults > 0


SIZES = """
import sys, trio
from regrow._edge.local import LocalLauncher
from regrow._edge.tuning import Tuning
from regrow._specs.child import ChildSpec
from regrow._specs.protocol import Exited, Key

async def main():
    async with LocalLauncher(tuning=Tuning(guardian=sys.argv[1])).open() as opened:
        for number, size in enumerate([0, 300 << 20], 1):
            over, facts = trio.Event(), []
            take = lambda fact: (facts.append(fact), isinstance(fact, Exited) and over.set())
            spec = ChildSpec(name="w", command=[sys.executable, "-ISc", f"bytearray({size})"], output="discard")
            await opened.launch(Key("t", "w", number), spec, take)
            await over.wait()
            print(facts[-1].usage.max_rss >> 20)

trio.run(main)
"""


@pytest.mark.parametrize(("guardian", "least"), [("none", 0), ("auto", 5)])
def test_the_most_memory_is_told_unless_it_may_have_been_ours(guardian, least):
    # In a process of its own, because that of the tests has been large. What a process has inherited from its parent
    # counts as its own; so there is a shell between, which forks, and passes on nothing but its own smallness.
    script = ["/bin/sh", "-c", '"$@"; exit', "sh", sys.executable, "-c", SIZES, guardian]
    small, large = subprocess.check_output(script).split()
    assert least <= int(small) < least + 20  # not known: we have been larger. A guardian has not
    assert 300 <= int(large) < 400


async def test_an_end_is_seen_although_the_output_was_closed_before(lab):
    # Without pidfds, the end of the output is no hint then, and only the sweep is left.
    life = await lab.launch(python("os.close(1); os.close(2); sys.stdin.read(); os._exit(3)"), stdin="pipe")
    life.controls.close_stdin()
    assert (await life.wait_exited()).code == 3


async def test_many_ends_at_once_are_all_seen(lab):
    lives = [await lab.launch(SLEEPS) for _ in range(100)]
    for life in lives:
        life.controls.signal("SIGTERM")
    for life in lives:
        assert (await life.wait_exited()).signal == "SIGTERM"


SEIZES = """
import ctypes
print(ctypes.CDLL(None).ptrace(0x4206, {pid}, 0, 0), flush=True)
sys.stdin.read()
"""


async def test_a_body_that_a_debugger_holds_is_reaped_when_it_lets_go(lab):
    life = await lab.launch(SLEEPS)
    debugger = await lab.launch(python(SEIZES.format(pid=life.pid)), stdin="pipe")
    await debugger.wait_printed(b"\n")
    if debugger.stdout != b"0\n":
        pytest.skip("nobody may be debugged here")
    life.controls.signal("SIGKILL")
    await until(lambda: not is_alive(life.pid))
    await wait_all_tasks_blocked(0.01)  # it can be seen that it is dead, and not be reaped: nobody spins
    assert not life.is_over
    debugger.controls.close_stdin()
    assert (await life.wait_exited()).signal == "SIGKILL"


# -- a host application with ways of its own ---------------------------------------------------------------------------


@contextmanager
def on_sigchld(handler):
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def kernel_remembers() -> bool:
    """Whether it can be asked how a process ended that was reaped: since Linux 6.15."""
    if not handles.has_pidfd():
        return False
    process = subprocess.Popen(sh("exit 3"))
    pidfd = os.pidfd_open(process.pid)
    process.wait()
    status = remembered_status(pidfd)
    os.close(pidfd)
    return status is not None


@only_group
@pytest.mark.parametrize(("script", "code", "name"), [("exit 3", 3, None), ("kill -9 $$", None, "SIGKILL")])
async def test_a_status_that_the_kernel_took_is_true_or_unknown_and_never_a_success(lab, tuning, script, code, name):
    with on_sigchld(signal.SIG_IGN):  # the kernel takes it itself
        life = await lab.launch(sh(f"read line; {script}"), stdin="pipe")  # so slow that there is time for a pidfd
        life.controls.close_stdin()
        exited = await life.wait_exited()
    known = (code, name) if tuning.pidfd and kernel_remembers() else (None, None)
    assert (exited.code, exited.signal, exited.usage) == (*known, None)


@only_group
async def test_a_stop_works_although_the_kernel_reaps(lab, tuning):
    with on_sigchld(signal.SIG_IGN):
        life = await lab.launch(SLEEPS)
        await life.controls.stop(Stop())
    known = "SIGTERM" if tuning.pidfd and kernel_remembers() else None
    assert (life.exited.code, life.exited.signal, life.exited.asked) == (None, known, True)


@only_group
async def test_a_handler_for_sigchld_is_left_alone_and_hears_of_every_child(lab):
    heard = []
    with on_sigchld(lambda number, frame: heard.append(number)):
        ours = signal.getsignal(signal.SIGCHLD)
        for _ in range(3):
            heard.clear()
            await (await lab.launch(sh("exit 0"))).wait_exited()
            await until(lambda: heard)  # Python calls a handler when it likes
        assert signal.getsignal(signal.SIGCHLD) is ours


async def test_children_of_the_application_are_never_reaped(lab):
    theirs = [subprocess.Popen(sh(f"exit {code}")) for code in range(1, 6)]  # noqa: ASYNC220  that is what they do
    for process in theirs:
        wait_dead(process.pid)  # and nobody has collected it yet
    for _ in range(10):
        await (await lab.launch(sh("exit 0"))).wait_exited()
        await (await lab.launch(SLEEPS)).controls.stop(KILL)
    assert [process.wait() for process in theirs] == [1, 2, 3, 4, 5]


async def test_an_application_that_reaps_everything_gets_no_stranger_killed(lab):
    stop = trio.Event()

    async def reap_everything():
        while not stop.is_set():
            with suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)  # noqa: ASYNC222  it does not wait
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reap_everything)
        for code in range(20):
            exited = await (await lab.launch(sh(f"exit {code}"))).wait_exited()
            assert exited.code in {code, None}
        stop.set()


# -- identity ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def child():
    process = subprocess.Popen(SLEEPS, start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(params=[pytest.param(True, marks=needs_pidfd), False], ids=["pidfd", "no_pidfd"])
def handle(request, child):
    if sys.platform == "linux" and request.param:
        return handles.Handle(child.pid, os.pidfd_open(child.pid))
    return handles.Handle(child.pid)


def test_a_look_takes_nothing_away(child, handle):
    assert not handle.is_dead()
    handle.send(signal.SIGTERM)
    wait_dead(child.pid)
    assert handle.is_dead()
    assert handle.is_dead()
    ending = handle.reap()
    assert (ending.code, ending.signal) == (None, "SIGTERM")
    assert handle.is_dead()


def test_what_is_reaped_is_never_signalled_again(child, handle, monkeypatch):
    handle.send_group(signal.SIGKILL)
    wait_dead(child.pid)
    handle.reap()
    never_signal(monkeypatch)
    handle.send(signal.SIGTERM)
    handle.send_group(signal.SIGTERM)


def test_what_somebody_else_has_reaped_is_never_signalled_again(child, handle, monkeypatch):
    is_known = handle.pidfd is not None and kernel_remembers()
    child.kill()
    child.wait()
    never_signal(monkeypatch)
    handle.send(signal.SIGTERM)
    handle.send_group(signal.SIGTERM)
    assert handle.is_dead()
    assert handle.reap() == Ending(signal="SIGKILL" if is_known else None)


@needs_pidfd
def test_a_stranger_who_got_the_number_of_one_that_somebody_else_has_reaped_is_neither_waited_for_nor_reaped(child):
    pidfds = [os.pidfd_open(child.pid) for _ in range(2)]
    child.kill()
    child.wait()
    with subprocess.Popen(SLEEPS) as stranger:
        to_destroy, to_reap = (handles.Handle(stranger.pid, pidfd) for pidfd in pidfds)
        to_destroy.destroy()
        stranger.kill()
        wait_dead(stranger.pid)
        to_reap.reap()
        assert stranger.wait() == -signal.SIGKILL


@needs_pidfd
def test_the_kernel_says_nothing_of_who_was_not_reaped(child):
    pidfd = os.pidfd_open(child.pid)
    assert remembered_status(pidfd) is None
    child.kill()
    wait_dead(child.pid)
    assert remembered_status(pidfd) is None
    os.close(pidfd)


def test_what_is_no_pidfd_remembers_nothing():
    with open(os.devnull) as file:
        assert remembered_status(file.fileno()) is None


def never_signal(monkeypatch):
    def fail(*args):
        raise AssertionError("a signal was sent to a number that is not ours any more")

    monkeypatch.setattr(os, "kill", fail)
    monkeypatch.setattr(handles, "kill_group", fail)
    monkeypatch.setattr(signal, "pidfd_send_signal", fail)


@needs_pidfd
def test_a_system_with_half_a_pidfd_has_none(monkeypatch):
    assert handles.has_pidfd()

    def refuse(*args):
        raise PermissionError

    for name in ("pidfd_open", "waitid"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refuse)
            assert not handles.has_pidfd()


# -- strays ------------------------------------------------------------------------------------------------------------


async def test_what_is_left_of_the_group_is_ended_before_the_last_fact_and_counted(lab):
    life = await lab.launch(sh("for i in 1 2 3; do sleep 1000 & echo $!; done; exit 4"))
    exited = await life.wait_exited()
    assert (exited.code, exited.strays, exited.asked) == (4, 3, False)
    assert_gone(life)


async def test_strays_that_are_stopped_or_deaf_are_ended_too(lab):
    life = await lab.launch(
        python(
            "if not os.fork(): signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getpid(), signal.SIGSTOP)",
            "print(os.waitid(os.P_ALL, 0, os.WSTOPPED).si_pid)",
        )
    )
    assert (await life.wait_exited()).strays == 1
    assert_gone(life)


async def test_what_a_polite_stop_leaves_of_the_group_is_a_stray(lab):
    life = await lab.launch(sh("sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1000; done' & wait"))
    await life.wait_printed(b"\n")
    await life.controls.stop(Stop(grace=PATIENCE))
    assert (life.exited.signal, life.exited.killed) == ("SIGTERM", False)
    assert life.exited.strays >= 1
    assert_gone(life)


async def test_a_kill_takes_the_whole_group_and_leaves_no_stray(lab):
    life = await lab.launch(sh("for i in 1 2 3; do sleep 1000 & echo $!; done; echo; wait"))
    await life.wait_printed(b"\n\n")
    await life.controls.stop(KILL)
    assert life.exited == Exited(
        signal="SIGKILL", asked=True, killed=True, usage=life.exited.usage, lingered=life.exited.lingered
    )
    assert_gone(life)


@only_group
async def test_who_left_the_group_is_not_reached_and_not_counted(lab):
    life = await lab.launch(python(*DAEMON, "print(os.getpid(), flush=True)", "signal.pause()"))
    exited = await life.wait_exited()
    assert exited.strays == 0
    kill(int(life.stdout))


@only_group
async def test_strays_that_cannot_be_ended_do_not_hold_the_end_for_ever(lab, monkeypatch):
    monkeypatch.setattr(strays, "BOUND", 0.05)
    monkeypatch.setattr(handles, "kill_group", lambda group, number: None)
    life = await lab.launch(sh("sleep 1000 & echo $!"))
    exited = await life.wait_exited()
    assert exited.strays == 0  # it was not ended
    kill(int(life.stdout))


async def test_many_groups_with_strays_end_at_once(lab):
    lives = [await lab.launch(sh("sleep 1000 & echo $!")) for _ in range(20)]
    for life in lives:
        assert (await life.wait_exited()).strays == 1
        assert_gone(life)


def assert_gone(life: Life) -> None:
    """Whoever it has printed the pid of is gone, or a body that init has not collected yet."""
    for pid in life.stdout.split():
        assert not is_alive(int(pid))


def test_a_leader_that_cannot_be_asked_may_have_company(monkeypatch):
    def refuse(*args):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    assert strays.has_company(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked")
@pytest.mark.parametrize("script", ["exit", "sleep 9 &", "nice sleep 9 &"])
def test_whether_a_dead_leader_has_company(script):
    process = subprocess.Popen(sh(script), start_new_session=True)
    wait_dead(process.pid)
    assert strays.has_company(process.pid) is ("&" in script)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not strays.has_company(process.pid)
