"""One nest after the other: what was on its way to a nest that is killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil
import trio
from tests.edge.forms import only_guarded
from tests.edge.recorder import PATIENCE, kill, until, wait_dead
from trio.testing import wait_all_tasks_blocked

from regrow._specs.protocol import Lost
from regrow.testing import children


@only_guarded
async def test_letters_that_wait_for_a_nest_wait_no_more_when_its_end_is_found_out_at_any_moment(lab):
    life = await lab.launch(children.sleeps())
    nests = lab.opened._tools._nests
    nest = nests._nest
    guardian = nest._handle.pid
    os.kill(guardian, signal.SIGSTOP)  # then nobody reads its letters, and soon there is no room for more
    async with trio.open_nursery() as nursery:
        for _ in range(2000):
            life.controls.signal("SIGCONT")
        await wait_all_tasks_blocked()
        assert nest._outbox._is_pumping
        everybody = [guardian, *[child.pid for child in psutil.Process(guardian).children(recursive=True)]]
        for pid in everybody:
            with suppress(psutil.NoSuchProcess):  # those below it end when they see its death
                kill(pid)
        for pid in everybody:
            wait_dead(pid)
        deadline = time.monotonic() + PATIENCE
        while not nest._is_told:  # as a stop does: before the loop has had a chance to see that its socket is closed
            nest.catch_up()
            assert time.monotonic() < deadline
        nursery.start_soon(lab.launch, children.exits(0))  # its socket may have the same number
        await until(lambda: nests._nest is not nest)
        await until(lambda: not nest._outbox._is_pumping)
    await life.wait_for(lambda: life.is_over)
    assert isinstance(life.facts[-1], Lost)
