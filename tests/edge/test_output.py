"""What a child prints: all is reported, and copied to where it belongs; a place that is stuck holds nobody up."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

import attrs
import pytest
import trio
from tests.edge.forms import only_group
from tests.edge.recorder import DAEMON, PATIENCE, SLEEPS, Lab, python, sh, until

from regrow._edge.local import LocalLauncher
from regrow._edge.output import outlet
from regrow._edge.output.pipes import CHUNK
from regrow._specs.output import OutputPolicy
from regrow._specs.protocol import Output, OutputGap, Refusal, Stream
from regrow.testing import children

assert sys.platform != "win32"

MUCH = 10_000_000
"""Bytes: more than any pipe or queue holds."""

QUIET = {"output": "discard"}


@pytest.mark.parametrize("stream", list(Stream))
@pytest.mark.parametrize("to", ["events", "discard"])
async def test_much_output_before_a_death_is_whole(stream, to, lab):
    life = await lab.launch(children.floods(MUCH, stream.value, 3), output=to)
    assert (await life.wait_exited()).code == 3
    assert life.output(stream) == children.flood(MUCH)
    assert life.missed == 0


async def test_output_in_the_moment_of_a_kill_is_whole(lab):
    life = await lab.launch(python("os.write(1, 60000 * b'x')", "os.kill(os.getpid(), signal.SIGKILL)"))
    assert (await life.wait_exited()).signal == "SIGKILL"
    assert len(life.stdout) == 60000


async def test_both_streams_come_as_they_come(lab):
    life = await lab.launch(sh("echo out; echo err >&2; read line; echo $line"), stdin="pipe")
    await life.wait_for(lambda: life.stdout == b"out\n" and life.stderr == b"err\n")
    await life.controls.write_stdin(b"on\n")
    await life.wait_exited()
    assert life.stdout == b"out\non\n"


@only_group
async def test_a_descendant_that_holds_the_pipe_is_waited_for_only_a_moment(lab):
    begun = trio.current_time()
    life = await lab.launch(python(*DAEMON, "sys.stdin.read()"), stdin="pipe")
    assert (await life.wait_exited()).code == 0
    assert 0.5 <= trio.current_time() - begun < PATIENCE / 2


@only_group
async def test_what_a_descendant_prints_in_this_moment_is_reported(lab):
    late = "import time; time.sleep(0.05); os.write(1, b'late'); sys.stdin.read()"
    life = await lab.launch(python("print('early', flush=True)", *DAEMON, late), stdin="pipe")
    await life.wait_exited()
    assert life.stdout == b"early\nlate"


async def test_a_descendant_that_floods_the_pipe_does_not_hold_the_end(lab):
    life = await lab.launch(python(*DAEMON, "while True: os.write(1, 4096 * b'x')"))
    assert (await life.wait_exited()).code == 0  # and the flood ends, because nobody reads it any more


async def test_a_flood_leaves_the_loop_to_others(lab):
    flood = await lab.launch(python("while True: os.write(1, 65536 * b'x')"), **QUIET)
    calm = await lab.launch(["/bin/cat"], stdin="pipe")
    with trio.fail_after(PATIENCE):
        for number in range(100):
            await calm.controls.write_stdin(b"%d\n" % number)
            await calm.wait_printed(b"%d\n" % number)
            flood.facts.clear()


BATCH = 16  # pieces that a turn may have


async def test_no_turn_of_the_loop_takes_more_than_a_bounded_piece_of_a_flood(tuning, lab):
    lives = [await lab.launch(python("while True: os.write(1, 65536 * b'x')"), **QUIET) for _ in range(3)]
    for life in lives:
        await life.wait_for(lambda life=life: life.has(Output))
    for life in lives:
        life.facts.clear()
    pieces = []
    with trio.fail_after(PATIENCE):
        while len(pieces) < 100:
            await trio.lowlevel.checkpoint()
            for life in lives:
                if life.facts:
                    pieces.append(sum(len(fact.data) for fact in life.facts if isinstance(fact, Output)))
                life.facts.clear()
    assert max(pieces) <= 2 * BATCH * CHUNK  # a turn of theirs may come before and after one of ours


# -- copies ------------------------------------------------------------------------------------------------------------


class Terminal(Lab):
    """A lab whose standard output and error are pipes that a test reads, or does not read."""

    def __init__(self, opened, stdout, stderr):
        super().__init__(opened)
        self.stdout = stdout
        self.stderr = stderr


@pytest.fixture
async def terminal(tuning):
    (out, our_out), (err, our_err) = os.pipe(), os.pipe()
    seams = attrs.evolve(tuning, stdout=our_out, stderr=our_err)
    try:
        async with LocalLauncher(tuning=seams).open() as opened:
            yield Terminal(opened, out, err)
    finally:
        for fd in (out, err, our_out, our_err):
            close(fd)


def close(fd):
    with suppress(OSError):  # a test has done it
        os.close(fd)


async def test_inherited_output_comes_to_our_own(terminal):
    life = await terminal.launch(sh("echo out; echo err >&2"), output="inherit")
    await life.wait_exited()
    assert await read(terminal.stdout, 4) == b"out\n"
    assert await read(terminal.stderr, 4) == b"err\n"
    assert (life.stdout, life.stderr) == (b"out\n", b"err\n")


async def test_a_slow_terminal_gets_everything(terminal, monkeypatch):
    monkeypatch.setattr(outlet, "_PATIENCE", PATIENCE)  # as slow as it may be
    life = await terminal.launch(children.floods(MUCH), output="inherit")
    assert await read(terminal.stdout, MUCH) == children.flood(MUCH)
    await life.wait_exited()
    assert life.missed == 0


async def test_what_a_blocked_terminal_cannot_take_is_a_gap_there_and_here(terminal):
    life = await terminal.launch(children.floods(MUCH), output="inherit")
    await life.wait_exited()  # nobody has read a byte of it, and nobody was held up for it
    assert life.stdout == children.flood(MUCH)
    assert MUCH - 2 * outlet.LIMIT < life.missed < MUCH

    head = await read(terminal.stdout, MUCH - life.missed)
    assert head == children.flood(MUCH)[: len(head)]
    line = f"[regrow] {life.key.path}: {life.missed} bytes of stdout are missing here\n".encode()
    got = await read(terminal.stdout, len(line))
    if got.startswith(b"\n"):  # what came before it was no whole line
        got = got[1:] + await read(terminal.stdout, 1)
    assert got == line


async def test_a_gap_is_told_where_it_is_when_the_terminal_goes_on(terminal):
    life = await terminal.launch(["/bin/cat"], output="inherit", stdin="pipe")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.controls.write_stdin, children.flood(2 * outlet.LIMIT))
        await life.wait_for(lambda: len(life.stdout) == 2 * outlet.LIMIT)
    assert not life.has(OutputGap)
    got = await read(terminal.stdout, outlet.LIMIT)  # the terminal is read again
    while not life.has(OutputGap):
        await life.controls.write_stdin(b"more\n")
        await trio.sleep(0.001)
    life.controls.close_stdin()
    await life.wait_exited()
    line = f"[regrow] {life.key.path}: {life.missed} bytes of stdout are missing here\nmore\n".encode()
    got += await read(terminal.stdout, 2 * outlet.LIMIT - life.missed - len(got) + len(line))
    assert line in got


async def test_a_blocked_terminal_delays_no_file_and_no_other_stream(terminal, tmp_path):
    stuck = await terminal.launch(children.floods(MUCH), output="inherit")
    await stuck.wait_exited()
    life = await terminal.launch(sh("echo hello; echo err >&2"), output=to_file(tmp_path / "log"))
    await life.wait_exited()
    await until(lambda: sorted((tmp_path / "log").read_bytes().split()) == [b"err", b"hello"])
    other = await terminal.launch(sh("echo err >&2"), output="inherit")
    await other.wait_exited()
    assert await read(terminal.stderr, 4) == b"err\n"


async def test_a_terminal_that_is_gone_is_a_gap(terminal, monkeypatch):
    monkeypatch.setattr(outlet, "_BROKEN", 0.01)
    os.close(terminal.stdout)
    await has_gaps(await terminal.launch(["/bin/cat"], output="inherit", stdin="pipe"))


async def test_a_launcher_with_a_blocked_terminal_can_be_closed(tuning):
    ours, theirs = os.pipe()
    try:
        async with LocalLauncher(tuning=attrs.evolve(tuning, stdout=theirs)).open() as opened:
            life = await Lab(opened).launch(children.floods(MUCH), output="inherit")
            await life.wait_for(lambda: len(life.stdout) == MUCH)
    finally:
        os.close(ours)
        os.close(theirs)


async def test_output_goes_to_the_end_of_a_file(lab, tmp_path):
    (tmp_path / "log").write_bytes(b"before\n")
    for _ in range(2):
        life = await lab.launch(sh("echo out; echo err >&2"), output=to_file(tmp_path / "log"))
        await life.wait_exited()
    await until(lambda: (tmp_path / "log").stat().st_size == 23)
    assert (tmp_path / "log").read_bytes().startswith(b"before\n")
    assert sorted((tmp_path / "log").read_bytes().split()) == sorted([b"before", *2 * [b"out", b"err"]])


async def test_much_output_reaches_a_file_whole(lab, tmp_path):
    life = await lab.launch(children.floods(MUCH), output=to_file(tmp_path / "log"))
    await life.wait_exited()
    await until(lambda: (tmp_path / "log").stat().st_size >= MUCH)
    assert (tmp_path / "log").read_bytes() == children.flood(MUCH)
    assert life.missed == 0


async def test_what_was_printed_is_in_the_file_when_the_launcher_is_closed(tuning, tmp_path):
    async with LocalLauncher(tuning=tuning).open() as opened:
        life = await Lab(opened).launch(children.prints(["hello"], then_exits=None), output=to_file(tmp_path / "log"))
        await life.wait_printed(b"hello\n")
    assert (tmp_path / "log").read_bytes() == b"hello\n"


async def test_a_full_disk_is_a_gap(lab, monkeypatch):
    monkeypatch.setattr(outlet, "_BROKEN", 0.01)
    await has_gaps(await lab.launch(["/bin/cat"], stdin="pipe", output=to_file("/dev/full")))


async def test_a_gap_at_the_end_is_told_although_the_place_takes_nothing_any_more(terminal):
    os.close(terminal.stdout)
    life = await terminal.launch(["/bin/cat"], output="inherit", stdin="pipe")
    await life.controls.write_stdin(b"hello\n")
    await until(lambda: terminal.opened._tools.outlets.stdout._broken_until)
    await life.controls.write_stdin(b"again\n")
    await life.wait_for(lambda: life.stdout == b"hello\nagain\n")
    life.controls.close_stdin()
    await life.wait_exited()
    assert life.missed == 12


async def has_gaps(life):
    """It prints what it is told, and nothing of it can be written: that is said, and said again."""
    with trio.fail_after(PATIENCE):
        while sum(isinstance(fact, OutputGap) for fact in life.facts) < 3:
            await life.controls.write_stdin(b"hello\n")
            await trio.sleep(0.001)  # what was lost is known in a thread first
    assert life.missed % 6 == 0


async def test_a_fifo_without_a_reader_is_refused_and_holds_nobody(lab, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    life = await lab.launch(SLEEPS, output=to_file(tmp_path / "fifo"))
    assert (life.refusal.refusal, life.refusal.errno) == (Refusal.PROGRAM, errno.ENXIO)
    assert f"{tmp_path}/fifo" in life.refusal.why


async def test_a_fifo_that_nobody_reads_any_more_delays_no_file(lab, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        stuck = await lab.launch(children.floods(MUCH), output=to_file(tmp_path / "fifo"))
        await stuck.wait_exited()
        assert stuck.missed > 0
        life = await lab.launch(sh("echo hello"), output=to_file(tmp_path / "log"))
        await life.wait_exited()
        await until(lambda: (tmp_path / "log").read_bytes() == b"hello\n")
    finally:
        os.close(reader)


def to_file(path):
    return OutputPolicy(to="file", file=str(path))


async def read(fd, size):
    """Exactly *size* bytes of a pipe, in a thread."""

    def read_all():
        data = bytearray()
        while len(data) < size and (more := os.read(fd, size - len(data))):
            data += more
        return bytes(data)

    with trio.fail_after(PATIENCE):
        return await trio.to_thread.run_sync(read_all, abandon_on_cancel=True)
