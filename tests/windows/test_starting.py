"""A start: what is made for it, and that nothing of it is left when it comes to nothing, or when we are killed."""

import errno
import os
import sys

import pytest
import trio
from tests.edge.recorder import until
from tests.windows.dll import WindowsError
from tests.windows.fake import FakeJob, FakePort
from tests.windows.programs import sleeps

from regrow._edge.windows.api import Limits
from regrow._edge.windows.order import JobOrder
from regrow._edge.windows.spawning import Child, Place, spawn
from regrow._specs.output import OutputPolicy
from regrow._specs.protocol import NotLaunched, Refusal
from regrow.testing import children


class Dead(BaseException):
    """We are killed, at this very call."""


def place(windows):
    outer = windows.create_job()
    port = FakePort(windows, lambda key, pid: None)
    return Place(kernel=windows, outer=outer, port=port.handle, key=1, has_console=True)


def order(**fields):
    usual = {"command": tuple(children.sleeps()), "env": {}, "has_stdin": True, "has_output": True}
    return JobOrder(**{**usual, **fields})


async def until_nobody_is_alive(windows):
    with trio.fail_after(5):
        while windows.alive:
            await trio.testing.wait_all_tasks_blocked()


async def test_nothing_of_it_survives_us_whenever_we_are_killed(windows, tmp_path):
    with windows.running():
        for number in range(100):
            where = place(windows)
            windows.calls.clear()
            windows.fail_at, windows.fails_with = number, Dead()
            try:
                spawn(order(file=str(tmp_path / "log")), where)
            except Dead:
                pass
            else:
                break
            finally:
                windows.fail_at = None
                windows.die()
            await until_nobody_is_alive(windows)
        assert "resume_thread" in windows.calls, "it has come to its end"
        await until_nobody_is_alive(windows)
    assert number > 10


async def test_nothing_is_left_of_a_start_that_fails_wherever_that_is(windows, tmp_path):
    with windows.running():
        where = place(windows)
        before = windows.left()
        for number in range(100):
            windows.calls.clear()
            windows.fail_at = number
            answer = spawn(order(file=str(tmp_path / "log")), where)
            windows.fail_at = None
            if isinstance(answer, Child):
                break
            assert answer.refusal is Refusal.CAPACITY
            assert answer.why.startswith("no room for another process")
            assert windows.left() == before
            await until_nobody_is_alive(windows)
        else:
            pytest.fail("it never starts")
        windows.die()
        os.close(answer.file)
        await until_nobody_is_alive(windows)


async def test_what_was_not_born_in_its_job_never_runs(windows, monkeypatch):
    monkeypatch.setattr(windows, "is_in_job", lambda process, job: False)
    with windows.running():
        where = place(windows)
        answer = spawn(order(), where)
        assert isinstance(answer, NotLaunched)
        assert "outside of its job" in answer.why
        assert "resume_thread" not in windows.calls
        await until_nobody_is_alive(windows)


async def test_it_is_born_in_both_jobs_with_the_limits_of_its_own(windows):
    with windows.running():
        where = place(windows)
        answer = spawn(order(limits=Limits(processes=3)), where)
        (process,) = windows.processes.values()
        outer, own = process.jobs
        assert outer is windows.get(where.outer, FakeJob)
        assert own is windows.get(answer.job.handle, FakeJob)
        assert own.limits == Limits(processes=3)
        windows.die()


async def test_it_inherits_its_streams_and_nothing_else(windows):
    with windows.running():
        spawn(order(has_stdin=False), place(windows))
        kinds = [type(stream).__name__ for stream in windows.processes[min(windows.processes)].streams]
        assert kinds == ["Null", "End", "End"]
        windows.die()


@pytest.mark.parametrize(
    ("error", "refusal", "words"),
    [
        (WindowsError(2, errno.ENOENT), Refusal.PROGRAM, "was not found"),
        (WindowsError(5, errno.EACCES), Refusal.PROGRAM, "not ours to execute"),
        (WindowsError(32, errno.EACCES), Refusal.PROGRAM, "is busy"),
        (WindowsError(193, errno.ENOEXEC), Refusal.PROGRAM, "bad format"),
        (WindowsError(740, errno.EINVAL), Refusal.PROGRAM, "administrator"),
        (WindowsError(206, errno.ENOENT), Refusal.PROGRAM, "cannot be executed: error 206"),
        (WindowsError(8, errno.ENOMEM), Refusal.CAPACITY, "no room"),
        (WindowsError(1455, errno.EINVAL), Refusal.CAPACITY, "no room"),
        (WindowsError(1816, errno.ENOMEM), Refusal.CAPACITY, "no room"),
        (MemoryError(), Refusal.CAPACITY, "no memory"),
        (ValueError("embedded null character"), Refusal.PROGRAM, "embedded null character"),
    ],
)
async def test_why_a_process_cannot_be_created_is_said_in_words(windows, monkeypatch, error, refusal, words):
    def create(program):
        raise error

    monkeypatch.setattr(windows, "create_process", create)
    with windows.running():
        answer = spawn(order(), place(windows))
    assert (answer.refusal, words in answer.why) == (refusal, True), answer
    assert answer.errno == getattr(error, "errno", errno.ENOMEM if refusal is Refusal.CAPACITY else None)


async def test_a_directory_that_is_not_there_is_refused_before_anything_is_made(lab, windows):
    life = await lab.launch(children.sleeps(), cwd="/no/such/directory")
    assert life.refusal.errno == errno.ENOENT
    assert "cwd" in life.refusal.why
    assert not windows.processes


async def test_output_goes_to_its_file(lab, tmp_path):
    file = tmp_path / "log"
    life = await lab.launch(children.prints(["one"], "stderr", 4), output=OutputPolicy(to="file", file=str(file)))
    await life.wait_exited()
    await until(file.read_bytes)
    assert file.read_bytes() == b"one\n"


async def test_a_file_for_output_that_cannot_be_opened_is_refused(lab, tmp_path):
    life = await lab.launch(children.sleeps(), output=OutputPolicy(to="file", file=str(tmp_path)))
    assert "output file" in life.refusal.why
    assert life.refusal.errno == errno.EISDIR


async def test_a_program_can_be_looked_up(lab, windows, monkeypatch):
    windows.files["C:\\tools\\server.exe"] = sleeps
    life = await lab.launch(["server"], env={"PATH": "C:\\tools"})
    assert windows.processes[life.pid].program.application == "C:\\tools\\server.exe"
    assert windows.processes[life.pid].program.command_line == "server"
    assert sys.executable not in str(windows.processes[life.pid].program)
