"""How an end is seen, what it says, and what goes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import trio

from regrow._edge import handle as handles
from regrow._edge import strays
from regrow._edge.handle import Ending, Handle
from regrow._specs.protocol import Exited
from regrow._specs.stop import KILL, Stop
from tests.edge.recorder import DAEMON, PATIENCE, SLEEPS, Life, python, sh


@pytest.mark.parametrize(("script", "code", "name"), [("exit 7", 7, None), ("kill -9 $$", None, "SIGKILL")])
async def test_an_end_has_a_code_or_a_signal(script, code, name, lab):
    exited = await (await lab.launch(sh(script))).wait_exited()
    assert (exited.code, exited.signal, exited.asked, exited.killed) == (code, name, False, False)


async def test_a_core_is_said_to_be_dumped_if_the_kernel_says_so(lab, tmp_path):
    with open("/proc/sys/kernel/core_pattern") as pattern:
        if pattern.read().startswith("|"):
            pytest.skip("cores go elsewhere here")
    lines = "import resource; resource.setrlimit(resource.RLIMIT_CORE, ({0}, {0})); os.kill(os.getpid(), signal.SIGQUIT)"
    for limit in (0, resource_infinity()):
        life = await lab.launch(python(lines.format(limit)), cwd=tmp_path)
        exited = await life.wait_exited()
        assert (exited.signal, exited.core_dumped) == ("SIGQUIT", limit != 0)


def resource_infinity() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE)[1]


async def test_an_end_tells_what_was_used(lab):
    life = await lab.launch(python("x = bytearray(64 << 20); n = 0", "while os.times().user < 0.1: n += 1"))
    usage = (await life.wait_exited()).usage
    assert 0.1 <= usage.user < 5
    assert 64 << 20 < usage.max_rss < 256 << 20
    assert usage.minor_faults > 0


async def test_an_end_is_seen_although_the_output_was_closed_before(lab):
    # Without pidfds, the end of the output is no hint then, and only the sweep is left.
    life = await lab.launch(python("os.close(1); os.close(2); sys.stdin.read(); os._exit(3)"), stdin="pipe")
    life.controls.close_stdin()
    assert (await life.wait_exited()).code == 3


async def test_many_ends_at_once_are_all_seen(lab):
    lives = [await lab.launch(SLEEPS) for _ in range(100)]
    for life in lives:
        os.kill(life.pid, signal.SIGTERM)
    for life in lives:
        assert (await life.wait_exited()).signal == "SIGTERM"


# -- a host application with ways of its own ---------------------------------------------------------------------------


@contextmanager
def on_sigchld(handler):
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


async def test_a_status_that_somebody_else_took_is_unknown_and_not_a_success(lab):
    with on_sigchld(signal.SIG_IGN):  # the kernel takes it itself
        life = await lab.launch(sh("exit 3"))
        exited = await life.wait_exited()
    assert (exited.code, exited.signal, exited.usage) == (None, None, None)


async def test_a_stop_works_although_the_kernel_reaps(lab):
    with on_sigchld(signal.SIG_IGN):
        life = await lab.launch(SLEEPS)
        await life.controls.stop(Stop())
    assert life.exited == Exited(asked=True)


async def test_a_handler_for_sigchld_is_left_alone_and_hears_of_every_child(lab):
    heard = []
    with on_sigchld(lambda number, frame: heard.append(number)):
        ours = signal.getsignal(signal.SIGCHLD)
        for _ in range(3):
            count = len(heard)
            await (await lab.launch(sh("exit 0"))).wait_exited()
            with trio.fail_after(PATIENCE):
                while len(heard) == count:  # Python calls a handler when it likes
                    await trio.lowlevel.checkpoint()
        assert signal.getsignal(signal.SIGCHLD) is ours


async def test_children_of_the_application_are_never_reaped(lab):
    theirs = [subprocess.Popen(["/bin/sh", "-c", f"exit {code}"]) for code in range(1, 6)]
    for process in theirs:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a body that nobody has collected yet
    for _ in range(10):
        await (await lab.launch(sh("exit 0"))).wait_exited()
        await (await lab.launch(SLEEPS)).controls.stop(KILL)
    assert [process.wait() for process in theirs] == [1, 2, 3, 4, 5]


async def test_an_application_that_reaps_everything_gets_no_stranger_killed(lab):
    stop = trio.Event()

    async def reap_everything():
        while not stop.is_set():
            try:
                os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pass
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


@pytest.fixture(params=[True, False], ids=["pidfd", "no_pidfd"])
def handle(request, child):
    return Handle(child.pid, os.pidfd_open(child.pid) if request.param else None)


def test_a_look_takes_nothing_away(child, handle):
    assert not handle.is_dead()
    handle.send(signal.SIGTERM)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert handle.is_dead()
    assert handle.is_dead()
    ending = handle.reap()
    assert (ending.code, ending.signal) == (None, "SIGTERM")
    assert handle.is_dead()


def test_what_is_reaped_is_never_signalled_again(child, handle, monkeypatch):
    handle.send_group(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    handle.reap()
    never_signal(monkeypatch)
    handle.send(signal.SIGTERM)
    handle.send_group(signal.SIGTERM)


def test_what_somebody_else_has_reaped_is_never_signalled_again(child, handle, monkeypatch):
    child.kill()
    child.wait()
    never_signal(monkeypatch)
    handle.send(signal.SIGTERM)
    handle.send_group(signal.SIGTERM)
    assert handle.is_dead()
    assert handle.reap() == Ending()


def never_signal(monkeypatch):
    def fail(*args):
        raise AssertionError("a signal was sent to a number that is not ours any more")

    monkeypatch.setattr(handles.os, "kill", fail)
    monkeypatch.setattr(handles, "kill_group", fail)
    monkeypatch.setattr(handles.signal, "pidfd_send_signal", fail)


def test_a_system_with_half_a_pidfd_has_none(monkeypatch):
    assert handles.has_pidfd()

    def refuse(*args):
        raise PermissionError

    for name in ("pidfd_open", "waitid"):
        with monkeypatch.context() as patch:
            patch.setattr(handles.os, name, refuse)
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
    assert life.exited == Exited(signal="SIGKILL", asked=True, killed=True, usage=life.exited.usage)
    assert_gone(life)


async def test_who_left_the_group_is_not_reached_and_not_counted(lab):
    life = await lab.launch(python(*DAEMON, "print(os.getpid(), flush=True); os.execv('/bin/sleep', ['sleep', '1000'])"))
    exited = await life.wait_exited()
    assert exited.strays == 0
    os.kill(int(life.stdout), signal.SIGKILL)


async def test_strays_that_cannot_be_ended_do_not_hold_the_end_for_ever(lab, monkeypatch):
    monkeypatch.setattr(strays, "BOUND", 0.05)
    monkeypatch.setattr(handles, "kill_group", lambda group, number: None)
    life = await lab.launch(sh("sleep 1000 & echo $!"))
    exited = await life.wait_exited()
    assert exited.strays == 0  # it was not ended
    os.kill(int(life.stdout), signal.SIGKILL)


async def test_many_groups_with_strays_end_at_once(lab):
    lives = [await lab.launch(sh("sleep 1000 & echo $!")) for _ in range(20)]
    for life in lives:
        assert (await life.wait_exited()).strays == 1
        assert_gone(life)


def assert_gone(life: Life) -> None:
    """Whoever it has printed the pid of is gone, or a body that init has not collected yet."""
    for pid in life.stdout.split():
        try:
            with open(f"/proc/{int(pid)}/stat") as stat:
                assert stat.read().rpartition(")")[2].split()[0] in "ZX"
        except FileNotFoundError:
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked")
@pytest.mark.parametrize(("script", "has_company"), [("exit", False), ("sleep 9 & exit", True), ("nice sleep 9 &", True)])
def test_whether_a_dead_leader_has_company(script, has_company):
    process = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert strays.has_company(process.pid) is has_company
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not strays.has_company(process.pid)
