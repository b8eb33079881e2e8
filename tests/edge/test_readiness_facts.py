"""What is not polled: a line of output, a file that appears; and several probes as one."""

from __future__ import annotations

import os
import re
import sys
import time
from threading import Thread

import pytest
import trio
from tests.edge.recorder import SAY, SLEEPS, python, sh, until
from trio.testing import wait_all_tasks_blocked

from regrow._edge.readying import files
from regrow._edge.readying.lines import Lines
from regrow._edge.readying.patience import Patience
from regrow._specs.combined import AllOf, AnyOf
from regrow._specs.facts import Awaiting, Output, Ready, ReadyFailed, Stream
from regrow._specs.output import OutputPolicy
from regrow._specs.readiness import Calls, FileExists, Notified, OutputLine, TcpPort
from regrow.testing import children

assert sys.platform != "win32"

once = pytest.mark.parametrize("tuning", ["compiled"], indirect=True, ids=str)
"""For what does not depend on the form of the launcher."""


def awaited(life):
    return [fact.what for fact in life.facts if isinstance(fact, Awaiting)]


# -- lines -------------------------------------------------------------------------------------------------------------


async def test_a_line_of_output_makes_it_ready(lab):
    life = await lab.launch(sh("echo starting; read line; echo serving on port 80; sleep 1000"),
                            ready=OutputLine(r"serving on port \d+$"), stdin="pipe")  # fmt: skip
    await life.wait_printed(b"starting")
    assert not life.is_ready
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)
    assert life.facts.index(Ready()) > life.facts.index(Output(Stream.STDOUT, b"serving on port 80\n"))


@pytest.mark.parametrize("to", ["discard", "events", "file"])
async def test_it_is_seen_wherever_it_goes(lab, to, tmp_path):
    output = OutputPolicy(to="file", file=tmp_path / "log") if to == "file" else to
    life = await lab.launch(sh("echo ready >&2; sleep 1000"), ready=OutputLine("ready", stream="stderr"), output=output)
    await life.wait_for(lambda: life.is_ready)


async def test_on_the_other_stream_it_does_not_count(lab):
    life = await lab.launch(sh("echo ready; sleep 1000"), ready=OutputLine("ready", stream="stderr"), start_timeout=1)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == "not ready within 1 s: still waiting for line 'ready' on stderr"
    assert life.stdout == b"ready\n"


async def test_a_megabyte_before_the_line_does_no_harm(lab):
    lines = ("sys.stderr.write(('noise ' * 10 + chr(10)) * 17477)", "print('ready', flush=True)", "signal.pause()")
    life = await lab.launch(python(*lines), ready=OutputLine("^ready$"), output="discard")
    await life.wait_for(lambda: life.is_ready)
    await life.wait_for(lambda: len(life.stderr) == 61 * 17477)


def fed(*chunks, pattern="^ready$", stream=None):
    """Whether a line is seen in chunks of standard output, and in which."""
    told = []
    probe = OutputLine(pattern, stream=stream)
    lines = Lines([probe], told.append)
    for number, chunk in enumerate(chunks):
        lines.report(Output(Stream.STDOUT, chunk))
        assert told[-1] == Output(Stream.STDOUT, chunk)
        if lines._seen[probe].is_set():
            return number
    return None


@pytest.mark.parametrize(
    ("chunks", "seen"),
    [
        ([b"ready\n"], 0),
        ([b"rea", b"dy", b"\n"], 2),
        ([b"not ", b"ready\n"], None),
        ([b"x\nready\r\ny"], 0),
        ([b"ready"], None),  # a line has an end
        ([b"\n", b"", b"\nready\n"], 2),
        ([b"x" * 70_000, b"ready\n"], 1),  # too long to be kept whole
    ],
)
def test_a_line_is_whole_however_it_comes(chunks, seen):
    async def main():
        assert fed(*chunks) == seen

    trio.run(main)


async def test_bytes_that_are_no_text_are_no_trouble():
    assert fed(b"\xff\xfeready\n", pattern="ready") == 0


async def test_what_was_seen_is_not_searched_any_more():
    probe = OutputLine("x")
    lines = Lines([probe], lambda _: None)
    lines.report(Output(Stream.STDOUT, b"x\n"))
    assert not lines._patterns
    lines.close()


# -- files -------------------------------------------------------------------------------------------------------------


async def test_a_file_makes_it_ready(lab, tmp_path):
    life = await lab.launch(sh("read line; echo > there; sleep 1000"), ready=FileExists("there"), cwd=tmp_path,
                            stdin="pipe")  # fmt: skip
    await wait_all_tasks_blocked()
    assert not life.is_ready
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


async def test_its_directory_may_be_made_later(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_DOUBT", 1000.0)
    script = sh("read line; mkdir -p a/b; touch a/b/c; sleep 1000")
    life = await lab.launch(script, ready=FileExists(tmp_path / "a/b/c"), cwd=tmp_path, stdin="pipe")
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


@once
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is polled")
async def test_a_file_is_told_by_the_kernel(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_DOUBT", 1000.0)
    looks = []
    look = files._look

    def note(place):
        looks.append(place)
        return look(place)

    monkeypatch.setattr(files, "_look", note)
    life = await lab.launch(sh("read line; touch there; sleep 1000"), ready=FileExists("there"), cwd=tmp_path,
                            stdin="pipe")  # fmt: skip
    await until(lambda: len(looks) == 2)  # before the launch, and once after it
    await trio.sleep(0.3)  # for looks that should not come
    assert len(looks) == 2
    life.controls.close_stdin()
    await life.wait_for(lambda: life.is_ready)


@once
async def test_where_nobody_tells_it_is_looked_at_again_and_again(lab, tmp_path, monkeypatch):
    monkeypatch.setattr("regrow._edge.readying.inotify.open_", lambda: -1)
    life = await lab.launch(sh("sleep 0.1; touch there; sleep 1000"), ready=FileExists("there"), cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)


@once
async def test_what_nobody_tells_is_found_all_the_same(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_DOUBT", 0.05)
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    (tmp_path / "near/link").symlink_to("../far/file")  # what happens there, is not told here
    life = await lab.launch(sh("sleep 0.1; touch far/file; sleep 1000"), ready=FileExists("near/link"), cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)


async def test_a_file_of_yesterday_does_not_count(lab, tmp_path):
    (tmp_path / "there").write_text("old")
    life = await lab.launch(SLEEPS, ready=FileExists("there"), cwd=tmp_path, start_timeout=0.3)
    await life.wait_for(lambda: life.has(ReadyFailed))


@pytest.mark.parametrize(
    "command", ["touch there", "echo old > there", "rm there; echo old > there", "echo > new; mv new there"]
)
@once
async def test_a_file_that_is_made_anew_counts(lab, tmp_path, command):
    (tmp_path / "there").write_text("old\n")
    life = await lab.launch(sh(f"sleep 0.05; {command}; sleep 1000"), ready=FileExists("there"), cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)


async def test_a_file_of_yesterday_may_be_enough(lab, tmp_path):
    (tmp_path / "there").write_text("old")
    life = await lab.launch(SLEEPS, ready=FileExists("there", fresh=False), cwd=tmp_path)
    await life.wait_for(lambda: life.is_ready)


@once
async def test_who_is_revoked_while_files_are_looked_at_does_not_run(lab, tmp_path):
    life = lab.life()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: lab.start(life, SLEEPS, ready=FileExists(tmp_path / "there")))
        await trio.lowlevel.checkpoint()
        await lab.opened.revoke(life.key)
    assert not life.has(Ready)
    assert life.answer is not None


def test_a_watch_that_a_thread_uses_is_closed_by_that_thread():
    watched = files._Watched()
    fd = watched._fd
    with watched._lock:  # a thread is looking
        watched.close()
        if fd >= 0:
            os.fstat(fd)
    watched.examine("/nowhere")
    if fd >= 0:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_a_thread_that_comes_late_finds_a_closed_watch_and_goes():
    watched = files._Watched()
    watched.close()
    late = Thread(target=watched.examine, args=("/nowhere",), daemon=True)
    late.start()
    late.join(10)
    assert not late.is_alive()


# -- several as one ----------------------------------------------------------------------------------------------------


async def test_only_what_is_missing_is_said(lab, tmp_path):
    probe = AllOf(OutputLine("one"), FileExists("there"), AnyOf(OutputLine("two"), OutputLine("three")))
    life = await lab.launch(sh("read x; echo one; read x; touch there; read x; echo two; sleep 1000"), ready=probe,
                            cwd=tmp_path, stdin="pipe")  # fmt: skip
    last = "line 'two' on its output or line 'three' on its output"
    wanted = [
        f"line 'one' on its output and file there and ({last})",
        f"file there and ({last})",
        last,
    ]
    for number, words in enumerate(wanted, 1):
        await life.wait_for(lambda number=number: len(awaited(life)) == number)
        assert awaited(life)[-1] == words
        await life.controls.write_stdin(b"go on\n")
    await life.wait_for(lambda: life.is_ready)
    assert awaited(life) == wanted


async def test_the_error_says_only_what_was_missing(lab):
    probe = AllOf(OutputLine("one"), TcpPort(1), TcpPort(2))
    life = await lab.launch(sh("echo one; sleep 1000"), ready=probe, start_timeout=1.5)
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == (
        "not ready within 1.5 s: still waiting for TCP port 127.0.0.1:1 and TCP port 127.0.0.1:2; "
        "last error: Connection refused, Connection refused"
    )


class Never:
    """A probe that knows better."""

    def __init__(self, why):
        self.why = why

    async def wait_ready(self, target):
        await trio.lowlevel.checkpoint()
        raise ValueError(self.why)

    def __str__(self):
        return "never"


async def test_one_that_never_will_is_enough_for_all(lab):
    life = await lab.launch(SLEEPS, ready=AllOf(Never("no"), Calls(trio.sleep_forever)))
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert life.failure == "no"


async def test_any_goes_on_until_none_is_left(lab):
    life = await lab.launch(sh("echo on; sleep 1000"), ready=AnyOf(Never("no"), OutputLine("on")))
    await life.wait_for(lambda: life.is_ready)
    none = await lab.launch(SLEEPS, ready=AnyOf(Never("no"), Never("nor I")))
    await none.wait_for(lambda: none.has(ReadyFailed))
    assert set(none.failure.split("; ")) == {"no", "nor I"}


@once
async def test_what_is_no_probe_never_is(lab):
    life = await lab.launch(SLEEPS, ready=AllOf(Calls(lambda: True)))
    await life.wait_for(lambda: life.is_ready)


async def test_a_probe_that_answers_says_no_more(lab):
    life = await lab.launch(sh("echo on; sleep 1000"), ready=AnyOf(OutputLine("on"), Notified()))
    await life.wait_for(lambda: life.is_ready)
    assert awaited(life) == ["line 'on' on its output or READY=1"]


# -- time --------------------------------------------------------------------------------------------------------------


async def test_what_is_paused_keeps_its_time(lab):
    probe = Calls(lambda: False, interval=0.05)
    life = await lab.launch(SLEEPS, ready=probe, start_timeout=1.0)
    life.controls.pause()
    begun = trio.current_time()
    await trio.sleep(1.2)  # longer than it has
    assert not life.has(ReadyFailed)
    life.controls.resume()
    await life.wait_for(lambda: life.has(ReadyFailed))
    assert trio.current_time() - begun > 1.9


async def test_patience_can_be_held_and_extended(autojump_clock):
    patience = Patience(trio.current_time() + 1)
    patience.go_on()  # nothing holds it
    patience.hold()
    patience.hold()
    patience.extend(0.5)  # it has more than that
    await trio.sleep(10)
    patience.go_on()
    assert patience.scope.deadline == trio.current_time() + 1
    patience.extend(0.5)
    assert patience.scope.deadline == trio.current_time() + 1
    assert not patience.was_extended
    patience.extend(3)
    assert patience.scope.deadline == trio.current_time() + 3
    assert patience.was_extended
    patience.hold()
    patience.extend(5)
    await trio.sleep(10)
    patience.go_on()
    assert patience.scope.deadline == trio.current_time() + 5


async def test_time_that_it_has_asked_for_is_not_forgotten(lab):
    command = python(*SAY, "say('EXTEND_TIMEOUT_USEC=1500000')", "signal.pause()")
    life = await lab.launch(command, ready=Notified(), start_timeout=1.0)
    await life.wait_for(lambda: life.has(ReadyFailed))
    more = "nor in the time that it has asked for"
    assert life.failure == f"not ready within 1 s, {more}: still waiting for READY=1"


# -- who dies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", [TcpPort(1), OutputLine("never"), FileExists("/never"), Notified(),
                                   AllOf(TcpPort(1), AnyOf(Notified(), OutputLine("x")))], ids=str)  # fmt: skip
async def test_who_dies_before_is_reported_at_once_with_all_that_it_printed(lab, probe):
    """A megabyte in front of it: nothing of the end is lost, and it does not take long."""
    command = python(
        "sys.stdout.write(('noise ' * 10 + chr(10)) * 17477); sys.stdout.flush()",
        "sys.stderr.write(''.join(f'line {number}' + chr(10) for number in range(30))); sys.stderr.flush()",
        "sys.stdin.read(); os._exit(3)",
    )
    life = await lab.launch(command, ready=probe, stdin="pipe", output="discard")
    await life.wait_for(lambda: b"line 29\n" in life.stderr and len(life.stdout) == 61 * 17477)
    life.controls.close_stdin()
    exited = await life.wait_exited()
    assert exited.code == 3
    assert not exited.asked
    assert not life.has(ReadyFailed)
    assert re.findall(rb"line \d+", life.stderr)[-20:] == [b"line %d" % number for number in range(10, 30)]


@pytest.mark.parametrize("tuning", ["compiled", "group"], indirect=True, ids=str)
async def test_a_death_before_ready_is_reported_within_50_ms(lab):
    """The best of some: on a machine that is busy, one or the other takes longer."""
    command = python(
        "import time",
        "sys.stdout.write(('noise ' * 10 + chr(10)) * 17477); sys.stdout.flush()",
        "sys.stderr.write(str(time.monotonic())); sys.stderr.flush(); os._exit(3)",
    )
    took = []
    for _ in range(6):
        life = await lab.launch(command, ready=AllOf(TcpPort(1), OutputLine("never")), output="discard")
        await life.wait_exited()
        took.append(time.monotonic() - float(life.stderr))
    assert min(took) < 0.05


async def test_who_is_dead_at_once_is_not_waited_for(lab):
    life = await lab.launch(children.exits(3), ready=TcpPort(1), start_timeout=1000)
    assert (await life.wait_exited()).code == 3
    await wait_all_tasks_blocked()
    assert not life.has(ReadyFailed)
