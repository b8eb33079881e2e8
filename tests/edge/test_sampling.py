"""Many processes read at once, for their limits."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio
from tests.edge.conftest import descriptors
from tests.edge.recorder import PATIENCE, SLEEPS, Lab, python, sh, until

from regrow._edge.local import LocalLauncher
from regrow._edge.opened import OpenLocal
from regrow._edge.sampling import proc, sampler
from regrow._edge.sampling.proc import ProcReader
from regrow._edge.sampling.sampler import Sampler
from regrow._edge.sampling.scanning import ScanningReader, _below
from regrow._edge.sampling.subject import Subject
from regrow._edge.sampling.taking import TakingReader
from regrow._specs.protocol import Key, Sample
from regrow.limits import RestartAbove, WarnAbove

assert sys.platform == "linux"

NOBODY = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1
MIB = 1024**2
NOTHING = Sample(rss=0, cpu=0.0, descendants=0, threads=0)
HOLDS = "block = b'x' * {0}; print('holds', flush=True); signal.pause()"


def key(number=1) -> Key:
    return Key("tree", "a", number)


def own(**known) -> Subject:
    return Subject(**{"key": key(), "pid": os.getpid(), **known})


@pytest.fixture(params=[ProcReader, ScanningReader])
def reader(request):
    reader = request.param()
    yield reader
    reader.close()


async def sampled(lab, life):
    return (await lab.opened.sample_all([life.key]))[life.key]


# -- what a launcher finds ---------------------------------------------------------------------------------------------


async def test_one_sample_of_many(lab):
    lives = [await lab.launch(SLEEPS) for _ in range(5)]
    samples = await lab.opened.sample_all([life.key for life in lives])
    assert samples.keys() == {life.key for life in lives}
    assert {(sample.descendants, sample.threads) for sample in samples.values()} == {(0, 1)}
    assert all(sample.rss < 100_000_000 for sample in samples.values())  # of so little, the kernel may say 0
    assert await lab.opened.sample_all([]) == {}


async def test_who_is_gone_or_was_never_there_is_left_out(lab):
    life, other = await lab.launch(SLEEPS), await lab.launch(SLEEPS)
    await lab.opened.sample_all([life.key, other.key])
    life.controls.signal("SIGKILL")
    await life.wait_exited()
    assert (await lab.opened.sample_all([life.key, other.key, key()])).keys() == {other.key}


async def test_what_is_kept_of_who_is_gone_is_given_back(lab):
    life, other = await lab.launch(SLEEPS), await lab.launch(SLEEPS)
    await lab.opened.sample_all([life.key, other.key])
    before = kept()
    life.controls.signal("SIGKILL")
    await life.wait_exited()
    assert kept() == before - 2


def kept() -> int:
    """How many files of other processes are open."""
    return sum(what.startswith("/proc/") and "/fd" not in what for _, what in descriptors())


async def test_a_launcher_that_is_left_during_a_reading_gives_back_what_it_keeps():
    slow = Slow()
    async with LocalLauncher().open() as opened:
        assert isinstance(opened, OpenLocal)
        opened._tools.sampler = Sampler(lambda: slow)
        life = await Lab(opened).launch(SLEEPS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opened.sample_all, [life.key])
            await trio.to_thread.run_sync(slow.busy.wait, PATIENCE)
            nursery.cancel_scope.cancel()
    assert slow.told == []
    slow.go.set()
    await until(lambda: slow.told[-1:] == ["closed"])


async def test_a_sample_is_of_the_whole_tree(lab):
    life = await lab.launch(sh("sleep 1000 & sh -c 'sleep 1000 & echo up; wait' & wait"))
    await life.wait_printed(b"up")
    found = await sampled(lab, life)
    assert (found.descendants, found.threads) == (3, 4)
    assert 1_000_000 < found.rss < 100_000_000


async def test_a_sample_is_read_anew_each_time(lab):
    life = await lab.launch(sh("read x; sleep 1000 & echo up; wait"), stdin="pipe")
    assert (await sampled(lab, life)).descendants == 0
    await life.controls.write_stdin(b"\n")
    await life.wait_printed(b"up")
    assert (await sampled(lab, life)).descendants == 1


async def test_cpu_time_of_a_tree_is_added_up(lab):
    burn = "while os.times().user < 0.1: pass"
    life = await lab.launch(python("os.fork()", burn, "print('done', flush=True)", "signal.pause()"))
    await life.wait_for(lambda: life.stdout == b"done\ndone\n")
    assert 0.2 <= (await sampled(lab, life)).cpu < 10


async def test_children_of_other_threads_are_found(lab, monkeypatch):
    monkeypatch.setattr(proc, "_THOROUGH", 1)
    fork = "import subprocess; child = subprocess.Popen(['sleep', '1000']); print('up', flush=True); child.wait()"
    life = await lab.launch(
        python("import threading", f"threading.Thread(target=exec, args=({fork!r},)).start()", "signal.pause()")
    )
    await life.wait_printed(b"up")
    found = await sampled(lab, life)
    assert (found.descendants, found.threads) == (1, 3)


async def test_what_is_shared_is_looked_at_only_near_a_limit(lab):
    fork = ["block = b'x' * 50_000_000", "os.fork()", "print('up', flush=True)", "signal.pause()"]
    for memory, is_near in [("1G", False), ("60M", True)]:
        life = await lab.launch(python(*fork), limits=RestartAbove(memory=memory))
        await life.wait_for(lambda life=life: life.stdout == b"up\nup\n")
        found = await sampled(lab, life)
        assert found.rss > 100_000_000
        assert (found.pss is not None) is is_near
        assert 50_000_000 < (found.pss or 60_000_000) < 90_000_000  # two that share one block


async def test_a_large_one_without_descendants_is_looked_at_too(lab):
    life = await lab.launch(python(HOLDS.format(80_000_000)), limits=WarnAbove(memory="60M"))
    await life.wait_printed(b"holds")
    found = await sampled(lab, life)
    assert found.descendants == 0
    assert 80_000_000 < (found.pss or 0) < 90_000_000


async def test_open_files_are_counted_for_who_has_a_limit_of_them(lab):
    opens = ["files = [open('/dev/null') for _ in range(50)]", "print('up', flush=True)", "signal.pause()"]
    life = await lab.launch(python(*opens), limits=[WarnAbove(descriptors=1000)])
    await life.wait_printed(b"up")
    assert 50 < (await sampled(lab, life)).open_files < 70
    other = await lab.launch(SLEEPS)
    assert (await sampled(lab, other)).open_files is None


# -- readers -----------------------------------------------------------------------------------------------------------


def test_all_readers_find_about_the_same(reader):
    found = reader.read([own(wants_files=True)])[key()]
    assert found.threads == len(os.listdir("/proc/self/task"))
    assert found.rss > 10 * MIB
    assert found.cpu > 0
    assert found.open_files > 3
    assert found.descendants == len(proc._children_of(os.getpid()))


def test_no_reader_finds_who_is_not_there(reader):
    assert reader.read([own(pid=NOBODY)]) == {}


def test_a_taking_reader_asks_each():
    sample = Sample(rss=1, cpu=0, descendants=0, threads=1)
    reader = TakingReader()
    assert reader.read([own(take=lambda: sample), own(key=key(2))]) == {key(): sample}
    reader.drop(key())
    reader.shun(key())
    reader.close()


def test_descriptors_are_kept_from_one_reading_to_the_next_and_given_back():
    reader, before = ProcReader(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        reader.read([own(), own(key=key(2))])
        assert len(os.listdir("/proc/self/fd")) == before + 4
    reader.drop(key())
    reader.drop(key())
    assert len(os.listdir("/proc/self/fd")) == before + 2
    reader.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_line_is_read_whatever_the_name_of_the_process():
    line = Path("/proc/self/stat").read_bytes()
    begin, _, end = line.partition(b"(")[0], line, line.rpartition(b")")[2]
    plain = proc.parse(line)
    assert proc.parse(begin + b"(a) S 1) R 7 (" + b")" + end) == plain
    assert (plain.parent, plain.state) == (os.getppid(), b"R")


def test_a_zombie_is_left_out():
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reader = ProcReader()
    assert reader.read([own(pid=pid)]) == {}
    assert proc._walk([pid], set()) is not None
    assert list(proc._walk([pid], set())) == []
    os.waitpid(pid, 0)
    assert reader.read([own(pid=pid)]) == {}
    reader.close()


def test_what_takes_too_long_has_its_turn_later(monkeypatch):
    """And nobody is called too large before it was looked at."""
    monkeypatch.setattr(proc, "_SPELL", 0.0)
    reader = ProcReader()
    subjects = [own(key=key(number), memory=1) for number in (1, 2, 3)]
    seen = [list(reader.read(subjects)) for _ in range(4)]
    assert seen == [[key(1)], [key(1), key(2)], [key(1), key(2), key(3)], [key(1), key(2), key(3)]]
    assert all((sample.pss or 0) <= sample.rss for sample in reader.read(subjects).values())
    reader.close()


def test_memory_that_is_not_to_be_looked_at_is_what_is_resident():
    reader = ProcReader()
    reader.shun(key())
    assert reader.read([own(memory=1)])[key()].pss is None
    reader.close()


def test_memory_that_cannot_be_looked_at_is_what_is_resident(monkeypatch):
    real = proc._read

    def refuse(path):
        if "smaps" in path:
            raise PermissionError(13, "not yours")
        return real(path)

    monkeypatch.setattr(proc, "_read", refuse)
    reader = ProcReader()
    found = reader.read([own(memory=1)])[key()]
    assert (found.pss, found.rss > 0) == (None, True)
    reader.close()


def test_a_process_that_goes_while_its_memory_is_looked_at_has_none():
    assert proc._pss([NOBODY]) == 0


def test_a_kernel_without_such_a_file_says_nothing(monkeypatch):
    monkeypatch.setattr(proc, "_read", partial(_missing, proc._read))
    monkeypatch.setattr("os.path.exists", lambda path: "smaps" not in path)
    assert proc._pss([os.getpid()]) is None


def _missing(real, path):
    if "smaps" in path:
        raise FileNotFoundError(2, path)
    return real(path)


def test_a_control_group_tells_who_is_in_it_and_what_was_used(tmp_path):
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")
    pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
    reader = ProcReader()
    found = reader.read([own(pid=pid, leaf=str(tmp_path))])[key()]
    assert found.descendants >= 1
    assert found.cpu == 2.5
    assert reader.read([own(pid=pid, leaf=str(tmp_path / "gone"))])[key()].cpu < 2.5
    reader.close()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_system_without_lists_of_children_is_scanned(monkeypatch):
    assert isinstance(sampler.make_reader(), ProcReader)
    monkeypatch.setattr(proc, "has_children_lists", lambda: False)
    assert isinstance(sampler.make_reader(), ScanningReader)


def test_a_number_that_was_given_away_again_makes_no_circle():
    assert sorted(_below(1, {1: [2, 3], 2: [1, 4], 4: [2]})) == [2, 3, 4]


# -- the sampler -------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Slow:
    """A reader that waits for the test, in its thread."""

    go: threading.Event = attrs.field(factory=threading.Event)
    busy: threading.Event = attrs.field(factory=threading.Event)
    told: list[object] = attrs.field(factory=list)
    at: Key | None = None

    def read(self, subjects):
        self.busy.set()
        assert self.go.wait(PATIENCE)
        return dict.fromkeys([subject.key for subject in subjects], NOTHING)

    def drop(self, key):
        self.told.append(key)

    def shun(self, key):
        self.told.append(("shun", key))

    def close(self):
        self.told.append("closed")


async def test_a_reading_that_hangs_is_left_to_itself_and_the_next_does_not_ask_the_same(monkeypatch):
    monkeypatch.setattr(sampler, "_MOST", 0.05)
    hung, fresh = Slow(), Slow()
    hung.at = key(7)
    fresh.go.set()
    readers = iter([hung, fresh])
    the = Sampler(lambda: next(readers))
    with trio.fail_after(PATIENCE):
        assert await the.read([own()]) == {}
        assert await the.read([own()]) == {key(): NOTHING}
    assert fresh.told == [("shun", key(7))]
    assert hung.told == []
    hung.go.set()
    await until(lambda: hung.told == ["closed"])
    the.close()
    assert fresh.told[-1] == "closed"


async def test_a_reading_that_hangs_at_nobody_in_particular_is_replaced_too(monkeypatch):
    monkeypatch.setattr(sampler, "_MOST", 0.05)
    hung, fresh = Slow(), Slow()
    readers = iter([hung, fresh])
    the = Sampler(lambda: next(readers))
    assert await the.read([own()]) == {}
    assert fresh.told == []
    hung.go.set()
    the.close()


async def test_who_is_gone_during_a_reading_is_forgotten_after_it():
    slow = Slow()
    the = Sampler(lambda: slow)
    the.forget(key())  # nobody has been read yet
    the.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(the.read, [own()])
        await trio.to_thread.run_sync(slow.busy.wait, PATIENCE)
        the.forget(key(3))
        assert slow.told == []
        slow.go.set()
    assert slow.told == [key(3)]
    the.forget(key(4))
    assert slow.told == [key(3), key(4)]
    the.close()
    assert slow.told[-1] == "closed"


async def test_a_reading_that_is_cancelled_harms_nobody():
    slow = Slow()
    the = Sampler(lambda: slow)
    with trio.move_on_after(0.05):
        await the.read([own()])
    the.close()
    slow.go.set()
    await until(lambda: slow.told == ["closed"])
