"""What a state directory holds: a lock, and a list that neither grows nor lies, whatever happens to its file."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
import trio
from tests.edge.recorder import PATIENCE, SLEEPS

from regrow._edge.survivors import book, lock, record
from regrow._edge.survivors.book import Book, read_list
from regrow._edge.survivors.folder import Folder
from regrow._edge.survivors.identity import here, look
from regrow._edge.survivors.record import (
    Contents,
    Entry,
    Leaf,
    OtherFormatError,
    Owner,
    line_of_end,
    line_of_owner,
    line_of_start,
    read,
)
from regrow._edge.survivors.remembering import remembering
from regrow.abc import Key
from regrow.exceptions import AlreadyRunningError, IoError, StateDirInUseError

assert sys.platform == "linux"

OWNER = Owner(place=here(), pid=1, start=2, since="2026-01-01T00:00:00Z", token="abc", groups="0::/\n")
ENTRY = Entry(
    place=OWNER.place,
    path="web/api",
    incarnation=3,
    pid=47,
    start=11,
    group=47,
    command="sl\udce9ep",  # what is no UTF-8 is kept
    containment="group",
    leaf=Leaf(path="/sys/fs/cgroup/x", inode=5),
)
KEY = Key("tree", "web/api", 3)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def folder(state):
    opened = Folder(str(state))
    yield opened
    opened.close()


@contextmanager
def running(path="a"):
    """A process that can be noted."""
    with subprocess.Popen(SLEEPS, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def entries(state):
    """Who is on the list, as the next supervisor reads it."""
    return list(read((state / "processes").read_bytes()).entries.values())


# -- lines -------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read():
    data = line_of_owner(OWNER) + line_of_start(1, ENTRY) + line_of_start(2, ENTRY) + line_of_end(1)
    assert read(data) == Contents(owner=OWNER, entries={2: ENTRY})


def test_any_cut_through_a_file_costs_at_most_the_last_line():
    data = line_of_owner(OWNER) + line_of_start(1, ENTRY)
    for length in range(len(data)):
        contents = read(data[:length])
        assert not contents.is_damaged
        assert (contents.owner is None) == (length < len(line_of_owner(OWNER)))
        assert contents.entries == {}


def test_any_flipped_bit_costs_at_most_its_line():
    first, second = line_of_start(1, ENTRY), line_of_start(2, ENTRY)
    for place in range(len(first) - 1):
        broken = bytearray(first)
        broken[place] ^= 1
        if broken[place] != ord("\n"):
            assert read(bytes(broken) + second) == Contents(entries={2: ENTRY}, is_damaged=True)


@pytest.mark.parametrize("garbage", [b"\0" * 5000, b"\n\n", os.urandom(5000) + b"\n", b"null\n", b"00000000 \n"])
def test_garbage_takes_nothing_with_it(garbage):
    contents = read(garbage + b"\n" + line_of_start(1, ENTRY))
    assert contents.entries == {1: ENTRY}
    assert contents.is_damaged


@pytest.mark.parametrize("said", [{"format": 2, "owner": {}}, {"format": 1, "owner": {"x": 1}}, {"number": 1}, {}])
def test_another_format_is_not_taken_for_nothing(said):
    line = record._line(said)
    with pytest.raises(OtherFormatError):
        read(line)


# -- the book ----------------------------------------------------------------------------------------------------------


def test_who_is_struck_out_is_gone_and_the_others_are_there(folder):
    ours = Book(folder, OWNER)
    first, second = ours.note(ENTRY), ours.note(attrs.evolve(ENTRY, incarnation=4))
    ours.strike(first)
    assert [entry.incarnation for entry in read_list(folder).entries.values()] == [4]
    ours.strike(second)
    ours.strike(second)
    ours.close()
    assert read_list(folder) == Contents()


def test_who_is_left_at_the_end_stays_on_the_list(folder):
    ours = Book(folder, OWNER)
    ours.note(ENTRY)
    ours.close()
    assert list(read_list(folder).entries.values()) == [ENTRY]


def test_a_hundred_thousand_restarts_do_not_make_the_file_grow(folder, state):
    ours = Book(folder, OWNER)
    ours.note(ENTRY)
    largest = 0
    for count in range(100_000):
        ours.strike(ours.note(ENTRY))
        if count % 100 == 0:
            largest = max(largest, (state / "processes").stat().st_size)
    ours.close()
    assert largest < 100_000
    assert sorted(path.name for path in state.iterdir()) == ["processes"]
    assert list(read_list(folder).entries.values()) == [ENTRY]


@contextmanager
def full_disk(size):
    """No file may grow beyond *size*: what is written up to there is, and the rest is not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_loses_nobody_who_is_on_the_list_and_the_rest_follows_later(folder, state, monkeypatch):
    monkeypatch.setattr(book, "_PAUSE", 0.0)
    ours = Book(folder, OWNER)
    first = ours.note(ENTRY)
    size = (state / "processes").stat().st_size
    with full_disk(size + 30):
        ours.note(attrs.evolve(ENTRY, incarnation=4))
        assert list(read_list(folder).entries.values()) == [ENTRY]
    ours.strike(first)
    assert [entry.incarnation for entry in read_list(folder).entries.values()] == [4]
    assert not read_list(folder).is_damaged
    ours.close()


def test_a_disk_that_stays_full_is_not_tried_at_every_restart(folder, state):
    ours = Book(folder, OWNER)
    with full_disk((state / "processes").stat().st_size):
        ours.note(ENTRY)
        tried = (state / "processes").stat().st_mtime_ns, state.stat().st_mtime_ns
        for _ in range(100):
            ours.strike(ours.note(ENTRY))
        assert ((state / "processes").stat().st_mtime_ns, state.stat().st_mtime_ns) == tried
    ours.close()


# -- the lock ----------------------------------------------------------------------------------------------------------


async def test_a_directory_is_made_for_us_alone_and_belongs_to_one_at_a_time(state):
    async with remembering(str(state)):
        assert state.stat().st_mode & 0o777 == 0o700
        with pytest.raises(StateDirInUseError) as caught:
            async with remembering(str(state)):
                pass
    error = caught.value
    assert isinstance(error, AlreadyRunningError)
    assert (error.path, error.pid, error.code) == (str(state), os.getpid(), "ALREADY_RUNNING")
    assert str(error).startswith(f"the state directory {str(state)!r} is in use by this very process ({os.getpid()})")
    assert str(error).endswith(f"since {error.since}; stop it first (kill {os.getpid()}), or use another directory")
    async with remembering(str(state)):
        pass


HOLDER = """
import sys, trio
from regrow._edge.survivors.remembering import remembering
async def main():
    async with remembering(sys.argv[1]):
        print("held", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
trio.run(main)
"""


@contextmanager
def holder(state, program=HOLDER):
    """Another process that owns *state*."""
    command = [sys.executable, "-c", program, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def children_of(pid):
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_another_process_that_lives_is_named(state):
    with holder(state) as process:
        with pytest.raises(StateDirInUseError, match=rf"in use by process {process.pid} \(python") as caught:
            async with remembering(str(state)):
                pass
        assert caught.value.pid == process.pid
        assert (state / "processes").exists()
    async with remembering(str(state)):
        pass


async def test_a_process_that_its_owner_has_forked_does_not_hold_it(state):
    forks = HOLDER.replace("print(", "import os, time\n        if os.fork() == 0: time.sleep(1000)\n        print(")
    with holder(state, forks) as process:
        (fork,) = children_of(process.pid)
        process.kill()
        process.wait()
        async with remembering(str(state)) as memory:
            assert memory.ended == ()  # it is none of those that were launched
    os.kill(fork, signal.SIGKILL)


def test_a_lock_that_a_dead_process_has_handed_on_is_told_as_such(folder):
    ours = look(os.getpid())
    assert ours is not None
    dead = attrs.evolve(OWNER, pid=os.getpid(), start=ours.start - 1)
    held = lock.Lock(folder, dead)
    with pytest.raises(StateDirInUseError, match=f"by a process that process {os.getpid()}, which is dead, has forked"):
        lock.Lock(folder, dead)
    held.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "by a process that has not said which it is"),
        (b"\0\xff garbage", "by a process that has not said which it is"),
        (
            line_of_owner(attrs.evolve(OWNER, place=attrs.evolve(OWNER.place, namespace="x"))),
            "of another pid namespace",
        ),
    ],
)
def test_a_lock_is_believed_even_if_it_says_nothing_sensible(folder, state, said, words):
    held = lock.Lock(folder, OWNER)
    (state / "lock").write_bytes(said)
    with pytest.raises(StateDirInUseError, match=words):
        lock.Lock(folder, OWNER)
    held.close()


# -- directories that will not do --------------------------------------------------------------------------------------


async def refused(state):
    """Why it is, in words; nothing may be held after that."""
    with pytest.raises(IoError) as caught:
        async with remembering(str(state)):
            raise AssertionError("it was taken")
    return str(caught.value)


async def test_a_directory_that_others_may_write_is_refused(state):
    state.mkdir()
    for mode in (0o777, 0o770, 0o702):
        state.chmod(mode)
        assert f"others may write there (its mode is {mode:04o})" in await refused(state)
        assert list(state.iterdir()) == []


async def test_a_directory_of_somebody_else_is_refused(state, monkeypatch):
    state.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(state, 12345, -1)
        assert "it belongs to user 12345, and we are user root" in await refused(state)
    else:
        assert "it belongs to user root" in await refused("/etc")


async def test_what_is_no_directory_is_refused(state):
    state.write_text("x")
    assert await refused(state) == f"the state directory {str(state)!r} cannot be used: Not a directory"


@pytest.mark.parametrize("name", ["lock", "processes"])
@pytest.mark.parametrize("kind", ["directory", "link", "fifo"])
async def test_what_is_no_file_in_it_is_refused_and_left_alone(state, name, kind):
    state.mkdir(mode=0o700)
    other = state / "other"
    other.write_text("precious")
    match kind:
        case "directory":
            (state / name).mkdir()
        case "link":
            (state / name).symlink_to(other)
        case _:
            os.mkfifo(state / name)
    with trio.fail_after(PATIENCE):
        told = await refused(state)
    assert told.startswith(f"{name!r} in the state directory {str(state)!r} cannot be used: ")
    assert name in os.listdir(state)
    assert other.read_text() == "precious"


async def test_a_list_of_another_version_is_refused_and_left_alone(state):
    state.mkdir(mode=0o700)
    theirs = record._line({"format": 2, "who": "cares"})
    (state / "processes").write_bytes(theirs)
    assert "it was written by another version of regrow" in await refused(state)
    assert (state / "processes").read_bytes() == theirs


async def test_a_list_that_is_far_too_large_is_refused(state):
    state.mkdir(mode=0o700)
    (state / "processes").touch()
    os.truncate(state / "processes", 1 << 40)
    assert "it is too large" in await refused(state)


async def test_a_list_that_is_damaged_is_kept_aside(state):
    state.mkdir(mode=0o700)
    (state / "processes").write_bytes(b"\0" * 100 + b"\n" + line_of_start(1, ENTRY))
    async with remembering(str(state)):
        pass
    assert (state / "processes.damaged").read_bytes().endswith(line_of_start(1, ENTRY))


async def test_a_full_disk_refuses_the_start(state):
    with full_disk(0):
        assert "cannot be used: File too large" in await refused(state)
    async with remembering(str(state)):
        pass


async def test_a_directory_that_cannot_be_written_is_refused(state):
    if os.geteuid() == 0:
        pytest.skip("NOT TESTED: root may write everywhere")
    state.mkdir(mode=0o500)
    assert "Permission denied" in await refused(state)


# -- what is remembered ------------------------------------------------------------------------------------------------


async def test_what_runs_is_on_the_list_and_what_has_ended_is_not(state):
    async with remembering(str(state)) as memory:
        with running() as process:
            memory.note(KEY, process.pid, "group", parent=os.getpid())
            [entry] = entries(state)
            assert (entry.path, entry.incarnation, entry.pid, entry.group) == ("web/api", 3, process.pid, process.pid)
            assert (entry.command, entry.containment) == ("sleep", "group")
        memory.strike(KEY)
        memory.strike(KEY)
        assert entries(state) == []
    assert sorted(path.name for path in state.iterdir()) == ["lock"]


async def test_a_number_that_is_another_s_by_now_is_not_written_down(state):
    async with remembering(str(state)) as memory:
        with running() as process:
            memory.note(KEY, process.pid, "group", parent=1)
            memory.note(KEY, 2**22 + 5, "group")
            assert entries(state) == []
            memory.strike(KEY)


async def test_who_goes_on_although_nobody_looks_after_him_stays_on_the_list(state):
    with running() as process:
        async with remembering(str(state)) as memory:
            memory.note(KEY, process.pid, "group")
            memory.strike(KEY)
        [entry] = entries(state)
        assert entry.pid == process.pid


async def test_no_directory_remembers_nothing():
    async with remembering(None) as memory:
        memory.note(KEY, os.getpid(), "group")
        memory.strike(KEY)
        assert memory.ended == ()
        assert dict(memory.environment) == {}


async def test_a_supervisor_below_another_hands_on_both_tokens(state, monkeypatch):
    monkeypatch.setenv("REGROW_STATE", "above")
    async with remembering(str(state)) as memory:
        assert memory.environment["REGROW_STATE"].startswith("above:")
    monkeypatch.delenv("REGROW_STATE")
    async with remembering(str(state)) as memory:
        assert ":" not in memory.environment["REGROW_STATE"]


async def test_opening_can_be_cancelled_and_gives_everything_back(state):
    with trio.CancelScope() as scope:
        scope.cancel()
        async with remembering(str(state)):
            await trio.sleep_forever()
    async with remembering(str(state)):
        pass
