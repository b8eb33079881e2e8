"""What has outlived a killed supervisor is ended before the next one starts anything; and nobody else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import attrs
import psutil
import pytest
from tests.edge.pidfds import needs_pidfd
from tests.edge.recorder import PATIENCE, SLEEPS, is_alive, until

from regrow._edge.cgroups import group as cgroup
from regrow._edge.survivors import ending, held
from regrow._edge.survivors.book import Book
from regrow._edge.survivors.folder import Folder
from regrow._edge.survivors.identity import control_groups, environment, here, look
from regrow._edge.survivors.kinship import is_below
from regrow._edge.survivors.record import Entry, Leaf, Owner
from regrow._edge.survivors.remembering import remembering
from regrow.exceptions import SurvivorsLeftError, TerminateFailedError

assert sys.platform == "linux"

PROGRAM = """
import os, subprocess, sys, trio
from regrow._edge.survivors.remembering import remembering
from regrow._specs.protocol import Key
state, is_noted, *script = sys.argv[1:]
async def main():
    async with remembering(state) as memory:
        env = {**os.environ, **memory.environment, "REGROW_PATH": "web/api", "REGROW_INCARNATION": "3"}
        if is_noted == "bare":
            env = {}
        child = subprocess.Popen(script, env=env, start_new_session=True, stdout=subprocess.PIPE)
        if is_noted != "unnoted":
            memory.note(Key("tree", "web/api", 3), child.pid, "group", parent=os.getpid())
        for line in child.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
trio.run(main)
"""
"""A supervisor in short: it starts one script, writes it down, and passes on what it prints."""

HEAD = """
import os, signal, sys, time
def tell(): os.write(1, b"%d\\n" % os.getpid())
def last():
    tell()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)
"""

KINDS = {
    "plain": (1, "last()"),
    "member": (2, "if os.fork(): last()\nlast()"),
    "session": (2, "if os.fork(): last()\nos.setsid()\nlast()"),
    "daemon": (2, "if os.fork(): last()\nos.setsid()\nif os.fork(): os._exit(0)\nlast()"),
    "group without its leader": (1, "if os.fork(): os._exit(0)\nlast()"),
    "daemon without a main process": (1, "if os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\nlast()"),
    "stopped": (1, "tell()\nos.kill(os.getpid(), signal.SIGSTOP)\nlast()"),
    "tree": (8, "for _ in range(3):\n    if os.fork() == 0: os.setpgid(0, 0)\nlast()"),
}
"""How many it tells of that go on for ever, and what it does."""


FORGED = uuid.uuid4().hex
"""The token of an owner that there never was."""


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def leave(state: Path, script: str, count: int, is_noted="noted") -> set[int]:
    """Have a supervisor killed that runs *script*; who survives."""
    program = [sys.executable, "-I", "-S", "-c", f"{HEAD}\n{script}"]
    command = [sys.executable, "-c", PROGRAM, str(state), is_noted, *program]
    with subprocess.Popen(command, stdout=PIPE) as process:
        assert process.stdout is not None
        pids = {int(process.stdout.readline()) for _ in range(count)}
        process.kill()
    assert len(pids) == count
    return pids


@contextmanager
def stranger(*, env=None, **settings) -> Iterator[int]:
    """A process that nobody may touch."""
    with subprocess.Popen(SLEEPS, env=env, **settings) as process:
        try:
            yield process.pid
            assert process.poll() is None, "a stranger was ended"
            assert psutil.Process(process.pid).status() != psutil.STATUS_STOPPED
        finally:
            process.kill()


def forge(state: Path, *entries: Entry, **owner: object) -> None:
    """Leave a list that says this."""
    folder = Folder(str(state))
    forged = Owner(place=here(), pid=1, start=1, since="", token=FORGED, groups=control_groups())
    book = Book(folder, attrs.evolve(forged, **owner))
    for entry in entries:
        book.note(entry)
    os.close(book._fd)  # as a kill does; its own end would remove a list that nobody is on
    folder.close()


def entry_of(pid: int, **changes: object) -> Entry:
    """What would have been written down of a process."""
    facts = look(pid)
    assert facts is not None
    entry = Entry(
        place=here(),
        path="web",
        incarnation=1,
        pid=pid,
        start=facts.start,
        group=facts.group,
        command=facts.command,
        containment="group",
    )
    return attrs.evolve(entry, **changes)


async def end(state: Path, *, with_pidfd=True) -> list[int]:
    """Be the next supervisor; who was ended."""
    async with remembering(str(state), with_pidfd=with_pidfd) as memory:
        return sorted(survivor.pid for survivor in memory.ended)


# -- who survives is ended ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_pidfd", [pytest.param(True, marks=needs_pidfd), False], ids=["pidfd", "no pidfd"])
@pytest.mark.parametrize("kind", KINDS)
async def test_whoever_survives_is_ended_before_anything_else(state, kind, with_pidfd):
    count, script = KINDS[kind]
    pids = leave(state, script, count)
    with stranger() as bystander:
        assert all(map(is_alive, pids))
        async with remembering(str(state), with_pidfd=with_pidfd) as memory:
            assert not any(map(is_alive, pids))
            assert sorted(survivor.pid for survivor in memory.ended) == sorted(pids)
            assert {(survivor.path, survivor.incarnation) for survivor in memory.ended} == {("web/api", 3)}
        assert is_alive(bystander)
    assert await end(state) == []


@pytest.mark.parametrize("kind", ["plain", "member", "session", "daemon", "stopped", "tree"])
async def test_an_emptied_environment_hides_nobody_whose_main_process_lives(state, kind):
    count, script = KINDS[kind]
    pids = leave(state, script, count, "bare")
    assert await end(state) == sorted(pids)


@pytest.mark.parametrize("kind", ["plain", "daemon", "daemon without a main process"])
async def test_whoever_was_not_written_down_in_time_is_known_by_the_environment(state, kind):
    count, script = KINDS[kind]
    pids = leave(state, script, count, "unnoted")
    assert await end(state) == sorted(pids)


async def test_many_are_ended_with_few_descriptors(state, monkeypatch):
    script = "for _ in range(40):\n    if os.fork() == 0: last()\nlast()"
    pids = leave(state, script, 41)
    holds = []
    real = held.hold

    def hold(*args, **settings):
        if len([one for one in holds if not one.is_gone()]) >= 7:
            raise OSError(24, "Too many open files")
        if one := real(*args, **settings):
            holds.append(one)
        return one

    monkeypatch.setattr(ending, "hold", hold)
    monkeypatch.setattr(held.Held, "close", lambda one: None)
    assert await end(state) == sorted(pids)
    monkeypatch.undo()
    for one in holds:
        one.close()


async def test_descendants_born_while_they_are_ended_are_ended(state, tmp_path):
    # Each lives for a moment only, in a session of its own, and has a successor by then. All of them hold the pipe.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    hop = "for _ in range(20_000):\n    if os.fork(): time.sleep(0.002); os._exit(0)\n    os.setsid()"
    leave(state, f"os.open({str(pipe)!r}, os.O_WRONLY)\ntell()\n{hop}", 1)
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    assert await end(state)
    assert os.read(reader, 1) == b""
    os.close(reader)


async def test_a_clean_end_leaves_nothing_to_look_for(state, monkeypatch):
    async with remembering(str(state)):
        pass
    monkeypatch.setattr(ending, "everybody", lambda: pytest.fail("the machine was searched"))
    assert await end(state) == []


# -- nobody else is touched --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_pidfd", [pytest.param(True, marks=needs_pidfd), False], ids=["pidfd", "no pidfd"])
async def test_a_number_that_is_another_s_by_now_is_left_alone(state, with_pidfd):
    with stranger(start_new_session=True) as pid:
        before, after = entry_of(pid).start - 1, entry_of(pid).start + 1
        forge(state, entry_of(pid, start=before), entry_of(pid, start=after))
        assert await end(state, with_pidfd=with_pidfd) == []


async def test_another_boot_and_another_pid_namespace_are_another_world(state):
    with orphan(REGROW_STATE=FORGED) as pid:
        for change in ({"boot": "another"}, {"namespace": "pid:[1]"}):
            elsewhere = attrs.evolve(here(), **change)
            forge(state, entry_of(pid, place=elsewhere), place=elsewhere)
            assert await end(state) == []
            assert is_alive(pid)


def talking(command: list[str]) -> Any:
    """A process to talk with."""
    return subprocess.Popen(command, stdin=PIPE, stdout=PIPE, start_new_session=True)


async def test_the_number_of_a_group_proves_nothing_if_its_leader_is_another_now(state):
    with talking(["sh", "-c", "sleep 1000 & echo $!; wait"]) as leader:
        member = int(leader.stdout.readline())
        forge(state, entry_of(leader.pid, start=1))
        assert await end(state) == []
        assert is_alive(leader.pid)
        assert is_alive(member)
        os.killpg(leader.pid, signal.SIGKILL)


@contextmanager
def orphan(**env: str) -> Iterator[int]:
    """A process that is no descendant of ours, and has this in its environment."""
    pid = orphaned(["env", *(f"{name}={value}" for name, value in env.items()), *SLEEPS])
    try:
        deadline = time.monotonic() + PATIENCE
        while not environment(pid).items() >= env.items():
            assert time.monotonic() < deadline
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def orphaned(command: list[str]) -> int:
    told = subprocess.run(["sh", "-c", '"$@" >&- 2>&- & echo $!', "sh", *command], capture_output=True, check=True)
    return int(told.stdout)


async def test_a_service_that_was_given_our_environment_is_not_ours(state):
    with orphan(REGROW_STATE=FORGED) as pid:
        forge(state, groups="0::/some.slice/owner.service\n")
        assert await end(state) == []
        assert is_alive(pid)


async def test_another_owner_s_token_proves_nothing(state):
    with orphan(REGROW_STATE="above:other", OTHER=FORGED) as pid:
        forge(state)
        assert await end(state) == []
        assert is_alive(pid)


async def test_a_child_of_ours_with_that_token_is_of_now(state):
    with stranger(env={"REGROW_STATE": FORGED}):
        forge(state)
        assert await end(state) == []


async def test_a_token_between_others_is_enough(state):
    with orphan(REGROW_STATE=f"above:{FORGED}:below") as pid:
        forge(state)
        assert await end(state) == [pid]


def test_who_starts_it_from_within_a_survivor_is_told_so_and_nobody_is_touched(state):
    program = f"""
import sys, trio
from regrow._edge.survivors.remembering import remembering
from regrow.exceptions import SurvivorsLeftError
async def main():
    try:
        async with remembering({str(state)!r}):
            print("taken", flush=True)
    except SurvivorsLeftError as error:
        print(error, flush=True)
trio.run(main)
"""
    shell = ["sh", "-c", "sleep 1000 & echo $!; read x; " + '"$@"; read x', "sh", sys.executable, "-c", program]
    with orphan() as other, talking(shell) as above:
        sibling = int(above.stdout.readline())
        forge(state, entry_of(above.pid), entry_of(other))
        above.stdin.write(b"\n")
        above.stdin.flush()
        told = above.stdout.readline().decode()
        assert f"process {above.pid}: this very process descends from it; start it from elsewhere" in told
        assert above.poll() is None
        assert psutil.Process(sibling).status() != psutil.STATUS_STOPPED
        assert is_alive(other)
        psutil.Process(sibling).kill()
        above.kill()


# -- what cannot be ended ----------------------------------------------------------------------------------------------


async def test_what_cannot_be_ended_is_named_and_the_start_refused(state, monkeypatch):
    monkeypatch.setattr(ending, "BOUND", 0.1)
    monkeypatch.setattr(held.Held, "send", lambda one, number: None)
    (pid,) = leave(state, "last()", 1)
    with pytest.raises(SurvivorsLeftError) as caught:
        await end(state)
    error = caught.value
    assert isinstance(error, TerminateFailedError)
    assert (error.path, error.pid, error.groups) == (str(state), pid, {})
    assert error.processes == {pid: "it is still there after the kill"}
    assert f"cannot be ended: process {pid}: it is still there after the kill" in str(error)
    monkeypatch.undo()
    assert await end(state) == [pid]  # nothing was forgotten


async def test_what_may_not_be_signalled_is_not_waited_for(state, monkeypatch):
    def refuse(one, number):
        raise PermissionError

    monkeypatch.setattr(held.Held, "_send", refuse)
    (pid,) = leave(state, "last()", 1)
    began = time.monotonic()
    with pytest.raises(SurvivorsLeftError, match=f"process {pid}: it may not be signalled by us"):
        await end(state)
    assert time.monotonic() - began < ending.BOUND - 1
    monkeypatch.undo()
    assert await end(state) == [pid]


# -- control groups ----------------------------------------------------------------------------------------------------


@pytest.fixture
def group(tmp_path):
    """A control group of our own, with one below it."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for top in (Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"):
        path = top / f"regrow-test-{os.getpid()}"
        with suppress(OSError):
            (path / "below").mkdir(parents=True)
            break
    else:
        pytest.skip("NOT TESTED: no control group can be made here")
    yield path
    for each in (path / "below", path):
        with suppress(OSError):
            each.rmdir()


def inside(group: Path) -> int:
    pid = orphaned(["sh", "-c", f"echo $$ > {group}/cgroup.procs; exec setsid sleep 1000"])
    deadline = time.monotonic() + PATIENCE
    while str(pid) not in (group / "cgroup.procs").read_text().split() or look(pid).command != "sleep":
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return pid


async def test_a_control_group_that_is_left_is_ended_and_removed(state, group):
    pids = [inside(group), inside(group / "below")]
    leaf = Leaf(path=str(group), inode=group.stat().st_ino)
    forge(state, entry_of(os.getpid(), start=1, leaf=leaf))
    assert await end(state) == sorted(pids)
    assert not group.exists()


async def test_another_group_of_that_name_is_left_alone(state, group):
    pid = inside(group)
    leaf = Leaf(path=str(group), inode=group.stat().st_ino + 1)
    forge(state, entry_of(os.getpid(), start=1, leaf=leaf))
    assert await end(state) == []
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not (group / "cgroup.procs").read_text())


async def test_a_group_that_cannot_be_ended_is_named(state, group, monkeypatch):
    monkeypatch.setattr(ending, "BOUND", 0.1)
    pid = inside(group)
    monkeypatch.setattr(cgroup, "kill", lambda directory: None)
    forge(state, entry_of(os.getpid(), start=1, leaf=Leaf(path=str(group), inode=group.stat().st_ino)))
    with pytest.raises(
        SurvivorsLeftError, match=f"control group {group}: something in it is still there after the kill"
    ):
        await end(state)
    monkeypatch.undo()
    assert await end(state) == [pid]


def test_where_one_is_among_the_control_groups():
    top = "5:cpu,cpuacct:/\n0::/system.slice/a:b.service\n"
    assert is_below(top, top)
    assert is_below("5:cpu,cpuacct:/x\n0::/system.slice/a:b.service/leaf\n", top)
    assert not is_below("5:cpu,cpuacct:/x\n0::/system.slice/a:b.service2\n", top)
    assert not is_below("5:cpu,cpuacct:/x\n0::/system.slice\n", top)
    assert not is_below("", top)
    assert is_below("0::/x\n", "")
