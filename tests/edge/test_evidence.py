"""What is noted of a process that seems to hang: its threads, files and stack; bounded, and no sign of life."""

from __future__ import annotations

import os
import stat
import sys

import pytest
import trio
from tests.edge.forms import only_guarded
from tests.edge.recorder import PATIENCE, Life, python, sh
from tests.edge.test_sources import REGROW

from regrow import HangPolicy
from regrow._edge import evidence as module
from regrow._specs.facts import Evidence, ThreadState
from regrow.activity import AnyOf, CpuProgress, IoProgress, Output
from regrow.testing import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is only the state")

WATCHED = HangPolicy(warn_after=60, activity=Output())
STUCK = ("def stuck():", "    print('up', flush=True)", "    sys.stdin.read()", "stuck()")


async def examined(life: Life, *, dump: bool = True) -> Evidence:
    with trio.fail_after(PATIENCE):
        found = await life.controls.evidence(dump=dump)
    assert found is not None
    return found


async def up(lab, *lines: str, hang: HangPolicy = WATCHED) -> Life:
    life = await lab.launch(python(*lines), stdin="pipe", hang=hang)
    await life.wait_printed(b"up")
    return life


async def test_threads_are_told_with_what_they_do(lab):
    starts = ("import threading", "threading.Thread(target=signal.pause, daemon=True).start()")
    life = await up(lab, *starts, *STUCK)
    found = await examined(life, dump=False)
    while {found.state, *(thread.state for thread in found.threads)} != {"sleeping"}:  # it may be on its way there
        found = await examined(life, dump=False)
    assert len(found.threads) == 2
    assert (found.open_files, found.stack) == ((), "")


async def test_open_files_are_told_with_a_dump(lab, tmp_path):
    path = tmp_path / "log"
    found = await examined(await up(lab, f"log = open({str(path)!r}, 'w')", *STUCK))
    assert str(path) in found.open_files


async def test_files_and_threads_are_bounded(lab):
    found = await examined(await up(lab, "many = [os.dup(1) for _ in range(300)]", *STUCK))
    assert len(found.open_files) == 100


async def test_a_child_that_has_registered_prints_its_stack(lab):
    life = await up(lab, REGROW, "from regrow import child", "child.dump_on()", *STUCK)
    assert "in stuck" in (await examined(life)).stack
    assert "in stuck" in (await examined(life)).stack  # again
    assert b"in stuck" in life.stderr


async def test_two_who_ask_at_once_get_a_stack_each(lab):
    life = await up(lab, REGROW, "from regrow import child", "child.dump_on()", *STUCK)
    found: list[Evidence] = []

    async def ask() -> None:
        found.append(await examined(life))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
    assert [evidence.stack.count("in stuck") for evidence in found] == [1, 1]


async def test_the_policy_can_name_the_signal(lab):
    lines = ("import faulthandler", "faulthandler.register(signal.SIGUSR2, all_threads=True)", *STUCK)
    policy = HangPolicy(warn_after=60, dump="SIGUSR2")
    assert "in stuck" in (await examined(await up(lab, *lines, hang=policy))).stack


@pytest.mark.parametrize("policy", [WATCHED, HangPolicy(warn_after=60, dump="SIGUSR1")])
async def test_one_that_does_not_catch_the_signal_is_not_sent_it(policy, lab):
    life = await up(lab, *STUCK, hang=policy)
    assert (await examined(life)).stack == ""
    assert not life.is_over


async def test_one_that_catches_it_for_something_else_is_not_sent_it_unasked(lab):
    rotates = ("signal.signal(signal.SIGUSR1, lambda *_: print('rotated', flush=True))", *STUCK)
    life = await up(lab, *rotates)
    assert (await examined(life)).stack == ""
    assert b"rotated" not in life.stdout


async def test_what_a_dump_prints_is_no_sign_of_life(lab):
    life = await up(
        lab, REGROW, "from regrow import child", "child.dump_on()", "print('up', flush=True)", "sys.stdin.read()"
    )
    await trio.sleep(0.5)  # longer than the dump takes
    before = await life.controls.activity()
    assert (await examined(life)).stack
    after = await life.controls.activity()
    assert after.age >= before.age
    assert life.stderr  # it is passed on all the same


async def test_what_a_dump_uses_is_no_progress(lab):
    policy = HangPolicy(warn_after=60, activity=AnyOf(CpuProgress(), IoProgress()))
    life = await up(lab, REGROW, "from regrow import child", "child.dump_on()", *STUCK, hang=policy)
    await life.controls.activity()
    before = await life.controls.activity()
    assert (await examined(life)).stack
    after = await life.controls.activity()
    assert (after is None) == (before is None)
    assert after is None or after.age >= before.age


async def test_one_that_is_stopped_prints_nothing_and_that_is_bounded(lab):
    life = await up(lab, REGROW, "from regrow import child", "child.dump_on()", *STUCK)
    life.controls.signal("SIGSTOP")
    with trio.fail_after(PATIENCE):
        while (found := await examined(life)).state != "stopped":
            pass
    assert found.stack == ""


async def test_py_spy_is_asked_if_it_is_there(lab, tmp_path, monkeypatch):
    spy = tmp_path / "py-spy"
    spy.write_text('#!/bin/sh\necho "spied on $4 $5"\n')
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    life = await up(lab, *STUCK)
    assert (await examined(life)).stack == f"spied on {life.pid} \n"


async def test_a_py_spy_that_hangs_is_ended(lab, tmp_path, monkeypatch):
    spy = tmp_path / "py-spy"
    spy.write_text("#!/bin/sh\nexec sleep 1000\n")
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("regrow._edge.sources.asked.BOUND", 0.3)
    started = trio.current_time()
    found = await examined(await up(lab, *STUCK))
    assert found.stack == ""
    assert found.threads
    assert trio.current_time() - started < PATIENCE / 2


async def test_without_a_dump_there_is_no_stack(lab):
    life = await up(lab, REGROW, "from regrow import child", "child.dump_on()", *STUCK)
    assert (await examined(life, dump=False)).stack == ""


async def test_one_that_is_gone_leaves_no_evidence(lab):
    life = await lab.launch(children.exits(0), hang=WATCHED)
    await life.wait_exited()
    assert await life.controls.evidence(dump=True) is None


@only_guarded
async def test_of_one_that_has_no_policy_there_is_what_there_always_is(lab):
    life = await lab.launch(sh("exec sleep 1000"))
    found = await examined(life, dump=True)
    assert (found.threads, found.open_files) == ((), ())


def test_what_cannot_be_read_is_left_out():
    nobody = 2**22 + 1
    assert module.look(nobody) == module.Looked()


def test_a_look_says_what_there_is():
    looked = module.look(os.getpid())
    assert looked.is_python
    assert looked.threads
    assert not looked.catches(9)
    assert module.Looked(threads=(ThreadState("a", "running"),)).marked == ""
