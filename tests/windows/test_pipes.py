"""What a child on Windows prints and reads."""

import errno

import pytest
import trio
from tests.edge.recorder import Lab, until
from tests.windows.conftest import open_with
from tests.windows.pipes import ROOM

from regrow._edge.tuning import Tuning
from regrow._specs.protocol import Stream
from regrow._specs.stop import KILL
from regrow.testing import children

FLOOD = 10 * ROOM


async def test_a_silent_pipe_is_read_in_small_pieces_and_a_flood_in_large_ones(lab):
    life = await lab.launch(children.floods(FLOOD), output="discard")
    await life.wait_exited()
    sizes = [len(fact.data) for fact in life.facts if hasattr(fact, "data")]
    assert life.stdout == children.flood(FLOOD)
    assert sizes[0] == 4096
    assert max(sizes) == ROOM


async def test_what_becomes_events_is_read_in_pieces_of_a_few_lines(lab):
    life = await lab.launch(children.floods(FLOOD), output="events")
    await life.wait_exited()
    assert life.stdout == children.flood(FLOOD)
    assert max(len(fact.data) for fact in life.facts if hasattr(fact, "data")) == 1024


async def test_who_holds_the_output_outside_of_the_job_does_not_hold_the_exit(windows):
    """A handle may be duplicated into any process: then the pipe has no end when the job is empty."""
    with windows.running():
        async with open_with(windows, Tuning(drain=0.05)) as opened:
            life = await Lab(opened).launch(children.prints(["one"], then_exits=None))
            await life.wait_printed(b"one\n")
            other = windows.processes[life.pid].streams[1].again()
            await life.controls.stop(KILL)
            assert life.exited.killed
            await until(lambda: windows.left() == {"FakeJob": 1, "FakePort": 1})
        other.close()
        assert windows.left() == {}


async def test_what_is_there_is_read_before_a_pipe_that_somebody_holds_is_closed(windows, monkeypatch):
    with windows.running():
        async with open_with(windows, Tuning(drain=0.2)) as opened:
            life = await Lab(opened).launch(children.prints(["one"], then_exits=None), output="discard")
            await life.wait_printed(b"one\n")
            other = windows.processes[life.pid].streams[1].again()
            windows.processes[life.pid].terminate(3)
            await until(lambda: not windows.is_alive(life.pid))
            (pipe,) = (pipe for pipe in opened._tools._readers._open if pipe._stream is Stream.STDOUT)
            pipe.finish()
            other.pipe.data += b"two\n"
            assert (await life.wait_exited()).code == 3
            assert life.stdout == b"one\ntwo\n"
        other.close()


async def test_nothing_is_lost_between_two_stretches_of_work(windows):
    """At the end of a launcher its tasks are begun anew: what is printed meanwhile is still read."""
    with windows.running():
        async with open_with(windows) as opened:
            life = await Lab(opened).launch(children.stops_slowly(0.0), output="discard")
            await life.wait_printed(b"armed")
        assert life.exited.killed
        assert life.stdout == b"armed\n"


async def test_a_write_waits_until_there_is_room_and_is_told_when_nobody_reads(lab, windows):
    life = await lab.launch(children.sleeps(), stdin="pipe")
    with trio.move_on_after(0.05) as scope:
        await life.controls.write_stdin(b"x" * FLOOD)
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_is_broken, life.controls, b"x" * FLOOD)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await life.controls.write_stdin(b"y")
        windows.processes[life.pid].terminate(1)


async def test_a_write_that_waits_fails_when_we_close_the_pipe(lab, windows):
    life = await lab.launch(children.sleeps(), stdin="pipe")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_is_broken, life.controls, b"x" * FLOOD)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(2):
            life.controls.close_stdin()
    await _is_broken(life.controls, b"z")
    assert windows.left()["End"] == 2  # standard output and error


async def _is_broken(controls, data):
    with pytest.raises(BrokenPipeError) as caught:
        await controls.write_stdin(data)
    assert caught.value.errno == errno.EPIPE
