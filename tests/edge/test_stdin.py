"""What a child reads."""

from __future__ import annotations

import errno

import pytest
import trio
from tests.edge.recorder import SLEEPS, python
from trio.testing import wait_all_tasks_blocked

from regrow._specs.stop import KILL
from regrow.testing import children

MUCH = 1_000_000


async def test_everything_is_written_and_the_end_is_read(lab):
    life = await lab.launch(["/bin/cat"], stdin="pipe")
    await life.controls.write_stdin(children.flood(MUCH))
    life.controls.close_stdin()
    assert (await life.wait_exited()).code == 0
    assert life.stdout == children.flood(MUCH)


async def test_a_write_waits_for_a_child_that_does_not_read(lab):
    life = await lab.launch(SLEEPS, stdin="pipe")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(life.controls.write_stdin, children.flood(MUCH))
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await life.controls.write_stdin(b"another")
        nursery.cancel_scope.cancel()
    with trio.move_on_after(0) as scope:
        await life.controls.write_stdin(b"one after it is allowed, and is full again")
    assert scope.cancelled_caught


async def test_a_write_that_waits_ends_with_the_child(lab):
    life = await lab.launch(SLEEPS, stdin="pipe")
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, check=lambda error: error.errno == errno.EPIPE)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.controls.write_stdin, children.flood(MUCH))
            await wait_all_tasks_blocked()
            nursery.start_soon(life.controls.stop, KILL)
    await life.wait_exited()
    await life.controls.write_stdin(b"does nothing now")


async def test_a_write_that_waits_ends_when_we_close(lab):
    life = await lab.launch(SLEEPS, stdin="pipe")
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, check=lambda error: error.errno == errno.EPIPE)):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(life.controls.write_stdin, children.flood(MUCH))
            await wait_all_tasks_blocked()
            life.controls.close_stdin()
            life.controls.close_stdin()
    with pytest.raises(OSError, match="is closed"):
        await life.controls.write_stdin(b"more")


async def test_a_child_that_closed_its_end_is_an_error(lab):
    life = await lab.launch(python("os.close(0)", "print('closed', flush=True)", "signal.pause()"), stdin="pipe")
    await life.wait_printed(b"closed")
    with pytest.raises(BrokenPipeError):
        await life.controls.write_stdin(b"hello")


async def test_what_is_no_pipe_is_an_error(lab):
    life = await lab.launch(SLEEPS)
    with pytest.raises(OSError, match="no pipe"):
        await life.controls.write_stdin(b"hello")
    life.controls.close_stdin()
