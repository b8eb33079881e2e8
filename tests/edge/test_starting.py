"""From a request to a program that runs, or to a refusal that says why not."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sys
import threading
from functools import partialmethod
from pathlib import Path
from random import Random

import psutil
import pytest
import trio
from tests.edge.conftest import descriptors
from tests.edge.forms import only_group
from tests.edge.pidfds import needs_pidfd
from tests.edge.recorder import PATIENCE, SLEEPS, Lab, is_there, python, sh
from trio.testing import wait_all_tasks_blocked

from regrow._edge.grouping import spawning
from regrow._edge.local import LocalLauncher
from regrow._edge.start import Start
from regrow._edge.tuning import Tuning
from regrow._specs.output import OutputPolicy
from regrow._specs.protocol import Launched, Ready, Refusal
from regrow._specs.stop import KILL

assert sys.platform != "win32"


async def test_facts_begin_with_launched_and_ready(lab):
    life = await lab.launch(SLEEPS)
    assert life.facts == [Launched(life.pid, life.containment), Ready()]
    assert psutil.Process(life.pid).exe().endswith(SLEEPS[0])  # exec has succeeded


async def test_a_child_leads_a_session_and_a_group_of_its_own(lab):
    life = await lab.launch(SLEEPS)
    assert os.getsid(life.pid) == os.getpgid(life.pid) == life.pid


async def test_a_child_reads_nothing_from_our_standard_input(lab):
    life = await lab.launch(["/bin/cat"])
    assert (await life.wait_exited()).code == 0


async def test_a_child_inherits_no_descriptor(lab):
    ours, theirs = os.pipe()
    os.set_inheritable(ours, True)
    os.set_inheritable(theirs, True)
    try:
        life = await lab.launch(python("print(sorted(os.listdir('/proc/self/fd')))"), stdin="pipe")
        await life.wait_exited()
    finally:
        os.close(ours)
        os.close(theirs)
    assert life.stdout == b"['0', '1', '2', '3']\n"  # 3 is the listing itself


async def test_a_child_has_no_signal_blocked(tuning, lab):
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    try:
        life = await lab.launch(sh("grep SigBlk /proc/self/status"))
        await life.wait_exited()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert life.stdout == b"SigBlk:\t0000000000000000\n"


def test_a_spawner_thread_of_an_application_that_blocks_signals_takes_none_of_them():
    mask = {signal.SIGTERM, signal.SIGUSR1}
    seen = []

    def look():
        with spawning.nothing_blocked():
            seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, mask)
    try:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert seen == [set(), mask | blocked]


async def test_a_program_is_looked_up_in_the_path_of_the_child(lab, tmp_path):
    script(tmp_path / "bin" / "tool", "#!/bin/sh\necho found")
    life = await lab.launch(["tool"], env={"PATH": f"/nowhere:{tmp_path}/bin:/bin"})
    await life.wait_exited()
    assert life.stdout == b"found\n"


async def test_a_relative_entry_of_the_path_counts_from_the_directory_of_the_child(lab, tmp_path):
    script(tmp_path / "bin" / "tool", "#!/bin/sh\necho found")
    life = await lab.launch(["tool"], env={"PATH": "bin"}, cwd=tmp_path)
    await life.wait_exited()
    assert life.stdout == b"found\n"


async def test_a_program_with_a_slash_counts_from_the_directory_of_the_child(lab, tmp_path):
    script(tmp_path / "bin" / "tool", "#!/bin/sh\necho $0 in $PWD")
    life = await lab.launch(["bin/tool"], cwd=tmp_path)
    await life.wait_exited()
    assert life.stdout == f"bin/tool in {tmp_path}\n".encode()


def refusals(tmp_path):
    """Commands that cannot be executed, with settings, the error number, and what the words must say."""
    text = script(tmp_path / "text", "echo a script without its first line")
    orphan = script(tmp_path / "orphan", "#!/no/such/interpreter -x\n")
    plain = script(tmp_path / "plain", "#!/bin/sh\n", mode=0o644)
    path = {"PATH": str(tmp_path)}
    return [
        ([f"{tmp_path}/none"], {}, errno.ENOENT, [f"program '{tmp_path}/none' was not found"]),
        (["none"], {"env": path}, errno.ENOENT, ["program 'none' was not found", f"PATH ({tmp_path})"]),
        (["plain"], {"env": path}, errno.EACCES, ["program 'plain' is not executable", f"PATH ({tmp_path})"]),
        ([plain], {}, errno.EACCES, ["plain' is not executable"]),
        ([f"{tmp_path}/plain/x"], {}, errno.ENOTDIR, ["plain/x' cannot be executed: Not a directory"]),
        ([f"{tmp_path}"], {}, errno.EACCES, ["is a directory"]),
        ([text], {}, errno.ENOEXEC, ["text' has a bad format", "#!"]),
        (["text"], {"env": path}, errno.ENOEXEC, ["'text' has a bad format"]),
        ([orphan], {}, errno.ENOENT, ["orphan' is there, but", "/no/such/interpreter -x"]),
        (["orphan"], {"env": path}, errno.ENOENT, ["'orphan' is there, but", "/no/such/interpreter -x"]),
        (SLEEPS, {"cwd": f"{tmp_path}/none"}, errno.ENOENT, ["cwd", "none' cannot be entered: No such file"]),
        (SLEEPS, {"cwd": plain}, errno.ENOTDIR, ["cwd", "plain' cannot be entered: Not a directory"]),
        ([*SLEEPS, "x" * 3_000_000], {}, errno.E2BIG, ["too long"]),
        (SLEEPS, to_file(f"{tmp_path}/none/log"), errno.ENOENT, ["output file", "none/log' cannot be opened"]),
        (SLEEPS, to_file(str(tmp_path)), errno.EISDIR, ["output file", "Is a directory"]),
    ]


async def test_a_program_without_its_loader_is_refused(lab, tmp_path):
    loader = b"/lib64/ld-linux-x86-64.so.2"
    content = Path("/bin/sleep").read_bytes()  # noqa: ASYNC240  it is small
    if loader not in content:
        pytest.skip("programs are loaded in another way here")
    program = tmp_path / "program"
    program.write_bytes(content.replace(loader, loader[:-1] + b"9"))
    program.chmod(0o755)
    life = await lab.launch([str(program), "1000"])
    assert life.refusal.errno == errno.ENOENT
    assert "program' is there, but not what has to run it: its loader" in life.refusal.why


def to_file(name):
    return {"output": OutputPolicy(to="file", file=name)}


def script(path, text, mode=0o755):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("case", range(15))
async def test_a_program_that_cannot_be_executed_is_refused_with_the_reason(case, lab, tmp_path):
    command, settings, number, words = refusals(tmp_path)[case]
    life = await lab.launch(command, **settings)
    assert (life.refusal.refusal, life.refusal.errno) == (Refusal.PROGRAM, number)
    assert all(word in life.refusal.why for word in words), life.refusal.why


async def test_a_refusal_leaves_no_descriptor_open(lab, tmp_path):
    await lab.launch(SLEEPS)  # whatever the first start needs is there now
    before = descriptors()
    for command, settings, _, _ in refusals(tmp_path):
        life = await lab.launch(command, **{"stdin": "pipe", **settings})
        assert life.refusal
    assert descriptors() == before


@pytest.fixture
def answers(monkeypatch):
    """Every answer of a spawn."""
    answers = []
    take = Start._take

    def note(start, answer):
        answers.append(answer)
        take(start, answer)

    monkeypatch.setattr(Start, "_take", note)
    return answers


async def test_a_busy_program_is_tried_again(lab, tmp_path, answers, monkeypatch):
    program = busy(tmp_path)
    with written(program) as writer:
        monkeypatch.setattr(Start, "_try_again", partialmethod(first, writer.close, Start._try_again))
        life = await lab.launch([program, "1000"])
    assert [getattr(answer, "errno", None) for answer in answers] == [errno.ETXTBSY, None]
    assert life.is_ready


async def first(start, action, then):
    action()
    await then(start)


async def test_a_program_that_stays_busy_is_refused(lab, tmp_path, answers):
    program = busy(tmp_path)
    with written(program):
        begun = trio.current_time()
        life = await lab.launch([program, "1000"])
    assert trio.current_time() - begun >= 0.175
    assert [answer.errno for answer in answers] == 4 * [errno.ETXTBSY]
    assert life.refusal.refusal is Refusal.PROGRAM
    assert "is busy" in life.refusal.why


async def test_a_start_that_is_tried_again_can_be_revoked(lab, tmp_path):
    program = busy(tmp_path)
    life = lab.life()
    with written(program):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lab.start, life, [program, "1000"])
            await trio.sleep(0.01)
            await lab.opened.revoke(life.key)
    assert life.refusal.refusal is Refusal.REVOKED


def busy(tmp_path):
    """A program of its own, that a test can open to write."""
    return shutil.copy("/bin/sleep", tmp_path / "program")


def written(program):
    """Somebody has it open, and is not done."""
    return open(program, "ab")


async def test_no_room_for_descriptors_is_not_the_fault_of_the_program(lab):
    await lab.launch(SLEEPS)
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers = [os.dup(0) for _ in range(100)]  # so that the free numbers are those from the last one on
    refused = []
    try:
        for spare in range(20):  # at each of the places where one descriptor too many can be asked for
            resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1] + 1 + spare, hard))
            refused.append(await lab.launch(SLEEPS, stdin="pipe"))
            if refused[-1].has(Launched):
                break
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    launched = refused.pop()
    await launched.controls.stop(KILL)
    assert len(refused) > 4
    assert {(life.refusal.refusal, life.refusal.errno) for life in refused} == {(Refusal.CAPACITY, errno.EMFILE)}
    assert descriptors() == before


@needs_pidfd
async def test_no_room_for_the_pidfd_ends_what_was_started(monkeypatch):
    async with LocalLauncher(tuning=Tuning(guardian="none")).open() as opened:
        lab = Lab(opened)
        before = descriptors()

        def refuse(pid):
            raise OSError(errno.EMFILE, "too many")

        monkeypatch.setattr(os, "pidfd_open", refuse)
        life = await lab.launch(SLEEPS, stdin="pipe")
        assert (life.refusal.refusal, life.refusal.errno) == (Refusal.CAPACITY, errno.EMFILE)
        assert descriptors() == before


@only_group
async def test_no_memory_is_not_the_fault_of_the_program(lab, monkeypatch):
    def popen(*args, **settings):
        raise MemoryError

    monkeypatch.setattr("regrow._edge.grouping.spawning.subprocess.Popen", popen)
    life = await lab.launch(SLEEPS)
    assert (life.refusal.refusal, life.refusal.errno) == (Refusal.CAPACITY, errno.ENOMEM)


async def test_what_no_system_takes_is_refused_too(lab):
    life = await lab.launch([*SLEEPS, "\udfff\ud800"])  # no bytes stand for this
    assert life.refusal.refusal is Refusal.PROGRAM
    assert "surrogates" in life.refusal.why


async def test_many_start_at_once(lab):
    lives = [lab.life() for _ in range(200)]
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for life in lives:
                nursery.start_soon(lab.start, life, SLEEPS)
    assert len({life.pid for life in lives}) == 200
    assert all(life.facts == [Launched(life.pid, life.containment), Ready()] for life in lives)


async def test_an_idle_child_costs_no_thread_and_no_task(tuning, lab):
    await lab.launch(SLEEPS)
    tasks, threads = trio.lowlevel.current_statistics().tasks_living, threading.active_count()
    for _ in range(20):
        await lab.launch(SLEEPS)
    if tuning.epoll:
        assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert threading.active_count() == threads


async def test_a_start_does_not_wait_for_the_threads_of_the_application(lab):
    limiter = trio.to_thread.current_default_thread_limiter()
    for _ in range(int(limiter.total_tokens)):
        limiter.acquire_on_behalf_of_nowait(object())
    life = await lab.launch(SLEEPS)
    await life.controls.stop(KILL)
    assert life.is_over


async def test_a_start_that_is_cancelled_at_any_moment_leaves_nothing_once_it_is_revoked(lab):
    random = Random(0)
    for _ in range(200):
        life = lab.life()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lab.start, life, SLEEPS)
                await trio.sleep(random.choice([0, random.uniform(0, 0.002)]))
                scope.cancel()
        with trio.CancelScope(shield=True):
            await lab.opened.revoke(life.key)
        assert life.is_over or not life.facts
        assert not life.is_over or not is_there(life.pid)


async def test_a_start_that_is_cancelled_and_not_revoked_ends_with_the_launcher(lab):
    life = lab.life()
    with trio.CancelScope() as scope:
        scope.cancel()
        await lab.start(life, SLEEPS)
    assert not life.facts  # it had not begun
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lab.start, life, SLEEPS)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    await life.wait_for(lambda: life.has(Launched))
    assert not life.is_over  # the fixtures see whether the end of the launcher ends it
